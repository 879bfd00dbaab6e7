"""Error messages: what the console shows of an unexpected error."""

import secrets
from typing import cast

import structlog
from reflex_base.event import EventSpec

from platform_app.i18n import lookup
from platform_app.state.console import browser
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()


def report_error(exception: Exception) -> EventSpec:
    """Log an unexpected error with its traceback and return a toast with its request id."""
    if (unavailable := as_unavailable(exception)) is not None:
        log.warning("storage refused", error=str(exception)[:300])
        return _toast(unavailable.sentence)
    request_id = secrets.token_hex(4)
    log.error("handler failed", request_id=request_id, exc_info=exception)
    english = "Something went wrong. Try again. If it keeps happening, contact support with this code:"
    return _toast(english, request_id)


def _toast(english: str, code: str = "") -> EventSpec:
    russian = lookup("ru", english)
    event = browser.toast_error_in_page_language(f"{english} {code}".strip(), f"{russian} {code}".strip())
    return cast(EventSpec, event)  # Reflex accepts Event too but checks this annotation

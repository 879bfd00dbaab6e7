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
        words = f"{lookup('ru', unavailable.sentence)} {unavailable.sentence}"
        return cast(EventSpec, browser.toast_error(words))
    request_id = secrets.token_hex(4)
    log.error("handler failed", request_id=request_id, exc_info=exception)
    english = "Something went wrong. Try again; if it stays, tell us this number:"
    event = browser.toast_error(f"{lookup('ru', english)} {english} {request_id}")
    return cast(EventSpec, event)  # Reflex accepts Event too but checks this annotation

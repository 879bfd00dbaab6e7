"""Errors: what a person sees of a bug."""

import secrets
from typing import cast

import structlog
from reflex_base.event import EventSpec

from platform_app.i18n import lookup
from platform_app.state.console import browser
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()


def report(exception: Exception) -> EventSpec:
    """Log a bug with its trace and show the person a number to quote."""
    if (told := as_unavailable(exception)) is not None:  # of a part that runs before it is known who asks
        log.warning("storage refused", error=str(exception)[:300])
        words = f"{lookup('ru', told.sentence)} {told.sentence}"
        return cast(EventSpec, browser.failure(words))
    request_id = secrets.token_hex(4)
    log.error("handler failed", request_id=request_id, exc_info=exception)
    english = "Something went wrong. Try again; if it stays, tell us this number:"
    event = browser.failure(f"{lookup('ru', english)} {english} {request_id}")
    return cast(EventSpec, event)  # Reflex takes either, but wants to read of specs in this signature

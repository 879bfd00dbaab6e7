"""Errors: what a person sees of a bug."""

import secrets

import reflex as rx
import structlog

from platform_app.i18n import lookup
from platform_app.storage_errors import as_unavailable

log = structlog.get_logger()


def report(exception: Exception) -> rx.event.EventSpec:
    """Log a bug with its trace and show the person a number to quote."""
    if (told := as_unavailable(exception)) is not None:  # of a part that runs before it is known who asks
        log.warning("storage refused", error=str(exception)[:300])
        words = f"{lookup('ru', told.sentence)} {told.sentence}"
        return rx.toast.error(words, duration=60_000, close_button=True)
    request_id = secrets.token_hex(4)
    log.error("handler failed", request_id=request_id, exc_info=exception)
    english = "Something went wrong. Try again; if it stays, tell us this number:"
    return rx.toast.error(
        f"{lookup('ru', english)} {english} {request_id}",
        duration=60_000,
        close_button=True,
    )

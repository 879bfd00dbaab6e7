"""Errors: what a person sees of a bug."""

import secrets

import reflex as rx
import structlog

from platform_app.i18n import lookup

log = structlog.get_logger()


def report(exception: Exception) -> rx.event.EventSpec:
    """Log a bug with its trace and show the person a number to quote."""
    request_id = secrets.token_hex(4)
    log.error("handler failed", request_id=request_id, exc_info=exception)
    english = "Something went wrong. Try again; if it stays, tell us this number:"
    return rx.toast.error(
        f"{lookup('ru', english)} {english} {request_id}",
        duration=60_000,
        close_button=True,
    )

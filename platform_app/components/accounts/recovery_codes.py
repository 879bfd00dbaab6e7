"""Recovery codes: the codes that replace one of the app, shown once."""

import reflex as rx

from platform_app.components.console.copy_field import one_time_lines
from platform_app.components.console.text import t
from platform_app.services.accounts.two_factor import RECOVERY_CODES
from platform_app.state.accounts.two_factor import CODES_ID


def recovery_codes() -> rx.Component:
    """Return the field that `reveal_once` fills with new recovery codes."""
    return one_time_lines(
        t("Recovery codes"),
        t("Keep them in a safe place. Each works once in place of a code from the app. You won’t see them again."),
        name=CODES_ID,
        count=RECOVERY_CODES,
    )

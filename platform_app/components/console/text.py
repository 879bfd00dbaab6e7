"""Text: sentences of the catalogs that switch language at once in the browser."""

from typing import Any

import reflex as rx

from platform_app.i18n import lookup
from platform_app.state.console.base import CurrentUser


def t(msgid: str, **values: Any) -> rx.Var[str]:
    """Return a sentence in the person's language; {places} may be filled with state variables."""
    english, russian = lookup("en", msgid), lookup("ru", msgid)
    if values:
        filled = {name: f"{value}" for name, value in values.items()}
        english, russian = english.format(**filled), russian.format(**filled)
    return rx.cond(CurrentUser.language == "ru", rx.Var.create(russian), rx.Var.create(english))

"""Currency field: the select of the company's currency."""

from typing import Any

import reflex as rx
from babel import Locale

from platform_app.components.console.parts import field
from platform_app.components.console.text import t
from platform_app.services.accounts import accounts
from platform_app.state.console.base import CurrentUser


def currency_field(chosen: Any) -> rx.Component:
    """Return the select with the currencies a company can have."""
    names = {language: Locale(language).currencies for language in ("en", "ru")}

    def options(language: str) -> rx.Component:
        return rx.fragment(
            *(rx.el.option(f"{code} · {names[language][code]}", value=code) for code in accounts.CURRENCIES)
        )

    control = rx.el.select(
        rx.el.option(t("Without a currency"), value=""),
        rx.cond(CurrentUser.language == "ru", options("ru"), options("en")),
        id="currency",
        name="currency",
        default_value=chosen,
        class_name="native",
    )
    return field(t("Currency"), control, name="currency", help_text=t("Used for budgets of leads."))

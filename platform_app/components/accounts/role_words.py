"""Role words: the names of members' roles."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser

ROLES = {"viewer": "Viewer", "operator": "Operator", "admin": "Admin", "owner": "Owner"}


def role_words(role: Any) -> rx.Var[str]:
    """Return the name of a role that a state variable holds."""
    return rx.match(role, *((code, t(words)) for code, words in ROLES.items()), role)


def role_select_items() -> list[rx.Component]:
    """Return the select items of the roles that the user may assign."""
    items = [rx.select.item(t(words), value=code) for code, words in ROLES.items() if code != "owner"]
    return [*items, rx.cond(CurrentUser.role == "owner", rx.select.item(t("Owner"), value="owner"))]

"""Card menu: the menu at the right end of a row of an editor, and the summary of a closed row."""

from collections.abc import Iterable
from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY, icon_button
from platform_app.components.console.text import t
from platform_app.state.rules.named_variables import SummaryPart


def card_menu(label: Any, *items: rx.Component) -> rx.Component:
    """Return the button that opens the menu of a row, for those who may change it; `label` is its name."""
    menu = rx.menu.root(
        rx.menu.trigger(icon_button("ellipsis", label, small=True)),
        rx.menu.content(*items),
    )
    return rx.cond(~READ_ONLY, rx.el.span(menu, class_name="card-menu", custom_attrs={"data-menu": "yes"}))


def menu_item(icon: str, words: Any, event: Any, *, disabled: Any = False) -> rx.Component:
    """Return an item of the menu."""
    return rx.menu.item(rx.icon(icon, size=16, aria_hidden="true"), words, on_select=event, disabled=disabled)


def switch_item(is_off: Any, turn_on: tuple[Any, Any], turn_off: tuple[Any, Any]) -> rx.Component:
    """Return the item that turns a row on or off, each given as its words and its event."""
    return rx.cond(is_off, menu_item("play", *turn_on), menu_item("circle-off", *turn_off))


def off_badge(is_off: Any) -> rx.Component:
    """Return the badge of a row that is turned off."""
    return rx.cond(is_off, rx.badge(t("Turned off"), variant="surface", color_scheme="gray", high_contrast=True))


def delete_item(words: Any, event: Any) -> rx.Component:
    """Return the last item of the menu, which deletes the row."""
    return rx.menu.item(rx.icon("trash-2", size=16, aria_hidden="true"), words, on_select=event, color_scheme="red")


def summary(parts: rx.Var[list[SummaryPart]]) -> rx.Component:
    """Return a summary whose variables are chips with their names."""
    return rx.foreach(
        parts,
        lambda part: rx.cond(part.is_variable, rx.el.span(part.text, class_name="variable-chip"), part.text),
    )


def kind_icon(name: Any, names: Iterable[str]) -> rx.Component:
    """Return the icon of a row, one of `names`."""
    drawn = {icon: rx.icon(icon, size=16, aria_hidden="true") for icon in dict.fromkeys(names)}
    return rx.match(name, *drawn.items(), rx.icon("zap", size=16, aria_hidden="true"))


def collapse_button(title: rx.Component, *, is_open: Any, on_click: Any, **more: Any) -> rx.Component:
    """Return the button that opens and closes a row; `title` is shown in one line while it is closed."""
    return rx.el.button(
        title, on_click=on_click, aria_expanded=is_open, class_name="plain-button card-title", type="button", **more
    )


def numbered(number: Any, icon: rx.Component, parts: rx.Var[list[SummaryPart]]) -> rx.Component:
    """Return the number, the icon and the summary of a row."""
    return rx.fragment(
        rx.el.span(number, class_name="card-number"), icon, rx.el.span(summary(parts), class_name="card-summary")
    )

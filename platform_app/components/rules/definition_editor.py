"""Definition editor: the parts shared by the editors of rules and sequences."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, field, status
from platform_app.components.console.text import t


def definition_head(state: Any, *links: rx.Component) -> rx.Component:
    """Return the head: name, status, links, switch and publish button."""
    mark = rx.cond(
        state.published == "",
        status("amber", t("Draft")),
        rx.cond(state.has_changes, status("amber", t("Unpublished changes")), status("green", state.published)),
    )
    saved = rx.el.span(state.saved, class_name="muted small")
    off = READ_ONLY | (state.published == "")
    return rx.el.div(
        rx.el.div(rx.el.h1(state.name), rx.flex(saved, mark, spacing="3", align="center", class_name="small")),
        rx.flex(
            *links,
            rx.el.label(
                rx.switch(checked=state.enabled, on_change=state.switch, disabled=off), t("On"), class_name="status"
            ),
            rx.cond(~READ_ONLY, rx.button(t("Publish"), on_click=state.publish, disabled=~state.has_changes)),
            spacing="4",
            align="center",
            wrap="wrap",
        ),
        class_name="page-head",
    )


def name_field(state: Any) -> rx.Component:
    """Return the field of the name."""
    control = rx.input(
        id="name",
        default_value=state.initial["name"],
        on_change=debounced(lambda value: state.save("name", value)),
        read_only=READ_ONLY,
        max_width="420px",
        max_length=200,
    )
    return field(t("Name"), control, name="name", problem=state.problems.get("name", ""))


def head_link(words: Any, address: Any) -> rx.Component:
    """Return a link for the head."""
    return rx.link(words, href=address, size="2", underline="always")

"""Sequence conditions: the conditions of the open step as text with their editor; one editor is open at a time."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t
from platform_app.components.rules.conditions import builder
from platform_app.state.sequences.sequence import SequenceState

STATE = SequenceState


def conditions(name: Any, title: Any, words: Any, empty: Any) -> rx.Component:
    """Return conditions as text, and their editor while it is open."""
    is_open = STATE.edited == name
    return rx.el.div(
        rx.flex(
            rx.el.span(title, class_name="label"),
            rx.button(
                rx.cond(is_open, t("Close"), t("Change")),
                on_click=STATE.edit_conditions(name),
                aria_expanded=is_open,
                aria_label=rx.cond(is_open, t("Close: {what}", what=title), t("Change: {what}", what=title)),
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
                type="button",
            ),
            spacing="3",
            align="center",
        ),
        rx.el.p(rx.cond(words != "", words, empty), class_name="small"),
        rx.cond(is_open, builder(STATE, empty=empty)),
        class_name="field",
    )

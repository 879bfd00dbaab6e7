"""Opt-out card: whether a contact wants messages, with the button that changes it."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY, status
from platform_app.components.console.text import t


def opt_out_card(state: Any) -> rx.Component:
    """Return the card that says whether a contact wants messages; operators change it."""
    return rx.el.section(
        rx.el.h2(t("Messages")),
        rx.el.p(status(rx.cond(state.opted_out, "amber", "green"), state.opt_out_sentence)),
        rx.el.p(
            rx.cond(
                state.opted_out,
                t("No automatic messages or emails are sent. Members confirm before writing."),
                t("A contact who sends an opt-out word gets no more messages."),
            ),
            class_name="muted small",
            style={"margin": "8px 0"},
        ),
        rx.cond(
            ~READ_ONLY,
            rx.cond(
                state.opted_out,
                _button(t("Allow messages again"), state.opt_in),
                _button(t("Stop messages"), state.opt_out),
            ),
        ),
        class_name="card section",
    )


def _button(label: Any, event: Any) -> rx.Component:
    return rx.box(
        rx.button(label, on_click=event, size="1", variant="soft", color_scheme="gray", high_contrast=True),
    )

"""Switches: where an agent answers although the account is in shadow mode, by stage of the lead and by tag."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.console.listing import columns, framed_table
from platform_app.components.console.parts import IS_ADMIN, confirm
from platform_app.components.console.text import t
from platform_app.models.shadow import ShadowMark
from platform_app.state.shadow.shadow import ShadowState
from platform_app.state.shadow.shadow_view import MARK_WORDS, PartRow


def shadow_switch() -> rx.Component:
    """Return the button that turns the shadow mode of the account on or off, for admins."""
    on = rx.button(t("Turn on shadow mode"), on_click=ShadowState.set_shadow(True), variant="soft", high_contrast=True)
    off = confirm(
        rx.button(t("Turn off shadow mode…")),
        title=t("Turn off shadow mode?"),
        sentence=t(
            "From now on the agent answers everyone who writes to “{name}”. What it wrote until now is not sent.",
            name=ShadowState.name,
        ),
        verb=t("Turn off"),
        on_confirm=ShadowState.set_shadow(False),
    )
    return rx.cond(IS_ADMIN & (ShadowState.account != ""), rx.cond(ShadowState.is_shadow, off, on))


def live_notice() -> rx.Component:
    """Return the line that says that an account is no longer in shadow mode."""
    words = t("Shadow mode is off for “{name}”. Below is what the agent wrote while it was on.", name=ShadowState.name)
    return rx.cond(~ShadowState.is_shadow, rx.el.p(words, class_name="muted"))


def breakdowns() -> rx.Component:
    """Return the marks by stage and by tag, each with the switch that lets the agent answer there."""
    return rx.el.div(
        _breakdown(t("By stage of the lead"), t("Stage"), ShadowState.stage_rows, ShadowState.set_live_stage),
        _breakdown(t("By tag of the conversation"), t("Tag"), ShadowState.tag_rows, ShadowState.set_live_tag),
        class_name="grid cols-2",
    )


def _breakdown(title: Any, head: Any, rows: Any, on_change: Callable[[Any, Any], Any]) -> rx.Component:
    names = [t(MARK_WORDS[mark]) for mark in ShadowMark]
    return rx.cond(
        rows.length() > 0,
        rx.el.section(
            rx.el.h2(title),
            framed_table(
                columns(head, t("Answers"), *names, t("Agent answers")),
                rx.table.body(rx.foreach(rows, lambda row: _row(row, on_change))),
                label=title,
            ),
            class_name="section",
        ),
    )


def _row(row: rx.Var[PartRow], on_change: Callable[[Any, Any], Any]) -> rx.Component:
    label = t("Let the agent answer: {name}", name=row.name)
    return rx.table.row(
        rx.table.row_header_cell(row.name),
        rx.table.cell(row.answers, class_name="number"),
        rx.foreach(row.marks, lambda count: rx.table.cell(count, class_name="number")),
        rx.table.cell(
            rx.switch(
                checked=row.is_live | ~ShadowState.is_shadow,
                on_change=lambda is_live: on_change(row.key, is_live),
                disabled=~IS_ADMIN | ~ShadowState.is_shadow,
                aria_label=label,
            )
        ),
        align="center",
        key=row.key,
    )

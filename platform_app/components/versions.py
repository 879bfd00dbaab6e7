"""Versions: the published versions of a definition: compared with the draft, put back into it."""

from typing import Any

import reflex as rx

from platform_app.components.difference import difference
from platform_app.components.parts import READ_ONLY, confirm
from platform_app.components.text import t
from platform_app.state.rule import VersionLine


def history(state: Any) -> rx.Component:
    """List the published versions of a state's definition."""
    return rx.cond(
        state.versions.length() > 0,
        rx.el.section(
            rx.el.h2(t("History")),
            rx.el.ul(rx.foreach(state.versions, lambda one: _version(state, one)), class_name="plain-list"),
            class_name="card section",
        ),
    )


def _version(state: Any, version: rx.Var[VersionLine]) -> rx.Component:
    restore = confirm(
        small_button(t("Restore")),
        title=t("Put this version into the draft?"),
        sentence=t("What runs stays as it is until you publish."),
        verb=t("Restore"),
        on_confirm=state.restore(version.id),
    )
    number = t("Version {number}", number=version.number)
    return rx.el.li(
        rx.el.div(number, " · ", version.when, " · ", version.author, class_name="muted small"),
        rx.flex(
            small_button(t("Compare with the draft"), on_click=state.compare(version.id)),
            rx.cond(~READ_ONLY, restore),
            spacing="2",
        ),
        rx.cond(
            state.compared == version.id,
            rx.cond(
                state.changes.length() > 0,
                rx.foreach(state.changes, difference),
                rx.el.p(t("Nothing differs."), class_name="muted small"),
            ),
        ),
    )


def small_button(words: Any, **more: Any) -> rx.Component:
    """Show a quiet small button."""
    return rx.button(words, size="1", variant="soft", color_scheme="gray", high_contrast=True, **more)

"""Definition editor: the parts shared by the editors of rules and sequences."""

from typing import Any

import reflex as rx

from platform_app.components.console.difference import difference
from platform_app.components.console.parts import READ_ONLY, confirm, notice, status
from platform_app.components.console.text import t
from platform_app.state.rules.definition_editor import VersionLine


def definition_head(state: Any, *links: rx.Component) -> rx.Component:
    """Return the head: name, status, links, switch and publish button."""
    mark = rx.cond(
        state.published == "",
        status("amber", t("Draft")),
        rx.cond(state.has_changes, status("amber", t("The draft differs")), status("green", state.published)),
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


def head_link(words: Any, address: Any) -> rx.Component:
    """Return a link for the head."""
    return rx.link(words, href=address, size="2", underline="always")


def conflict(state: Any, sentence: Any) -> rx.Component:
    """Return the notice about another user's change, with a button that loads it."""
    return rx.cond(
        state.conflict,
        notice(sentence, actions=(rx.button(t("Load theirs"), size="1", on_click=state.load_latest),)),
    )


def history(state: Any) -> rx.Component:
    """Return the published versions with compare and restore."""
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
    """Return a small ghost button."""
    return rx.button(words, size="1", variant="soft", color_scheme="gray", high_contrast=True, **more)

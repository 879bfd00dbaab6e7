"""Versioned editor: the notice about a conflict and the list of versions, for agents, scripts, rules and sequences."""

from typing import Any

import reflex as rx

from platform_app.components.console.difference import difference
from platform_app.components.console.parts import READ_ONLY, confirm, notice
from platform_app.components.console.text import t
from platform_app.state.console.versioned_editor import VersionLine


def conflict(state: Any, sentence: Any, *actions: rx.Component) -> rx.Component:
    """Return the notice about another user's change, with a button that loads it and other actions."""
    load = rx.button(t("Load their version"), size="1", on_click=state.load_latest)
    return rx.cond(state.conflict, notice(sentence, actions=(load, *actions)))


def history(state: Any) -> rx.Component:
    """Return the card with the published versions, or nothing if there are none."""

    def head(version: rx.Var[VersionLine]) -> rx.Component:
        number = t("Version {number}", number=version.number)
        return rx.el.div(number, " · ", version.when, " · ", version.author, class_name="muted small")

    def buttons(version: rx.Var[VersionLine]) -> list[rx.Component]:
        return version_buttons(
            state, version, sentence=t("The published version keeps running until you publish again.")
        )

    return version_card(state, head, buttons)


def version_card(state: Any, head: Any, buttons: Any) -> rx.Component:
    """Return the card with the versions; `head` and `buttons` return what is shown of a version, and its buttons."""
    return rx.cond(
        state.versions.length() > 0,
        rx.el.section(
            rx.el.h2(t("History")),
            rx.el.ul(
                rx.foreach(
                    state.versions,
                    lambda version: rx.el.li(
                        head(version),
                        rx.flex(*buttons(version), spacing="2", margin_y="6px", wrap="wrap"),
                        rx.cond(state.compared == version.id, differences(state)),
                        class_name="parted",
                    ),
                ),
                class_name="plain-list",
            ),
            class_name="card section",
        ),
    )


def differences(state: Any) -> rx.Component:
    """Return the differences between the compared version and the row."""
    return rx.cond(
        state.changes.length() > 0,
        rx.foreach(state.changes, difference),
        rx.el.p(t("No differences."), class_name="muted small"),
    )


def version_buttons(
    state: Any, version: rx.Var[VersionLine], *, sentence: Any, title: Any = None, compare: Any = None
) -> list[rx.Component]:
    """Return the buttons that compare and restore a version; restoring asks with `title` and `sentence`."""
    restore = confirm(
        small_button(t("Restore")),
        title=t("Restore this version to the draft?") if title is None else title,
        sentence=sentence,
        verb=t("Restore"),
        on_confirm=state.restore(version.id),
    )
    words = t("Compare with the draft") if compare is None else compare
    return [small_button(words, on_click=state.compare(version.id)), rx.cond(~READ_ONLY, restore)]


def small_button(words: Any, **more: Any) -> rx.Component:
    """Return a small soft button."""
    return rx.button(words, size="1", variant="soft", color_scheme="gray", high_contrast=True, **more)

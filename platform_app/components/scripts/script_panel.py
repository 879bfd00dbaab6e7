"""Script panel: preview, variables, uses and history beside the form of a script."""

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.text import t
from platform_app.components.console.variables import variable_list
from platform_app.components.console.versioned_editor import version_buttons, version_card
from platform_app.components.rules.conditions import proof
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.versioned_editor import VersionLine
from platform_app.state.scripts.script import NONE, ScriptState


def script_panel() -> rx.Component:
    """Return what stands beside the form: preview for a lead, variables, uses and history."""
    return rx.el.div(_preview(), _variables(), _used(), _history(), class_name="script-side")


def _variables() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Variables")), variable_list("text", ScriptState.variables), class_name="card section"
    )


def _preview() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Preview")),
        rx.select.root(
            rx.select.trigger(aria_label=t("Lead")),
            rx.select.content(
                rx.select.item(t("No lead"), value=NONE),
                rx.foreach(ScriptState.leads, lambda lead: rx.select.item(lead.name, value=lead.id)),
            ),
            value=ScriptState.lead,
            on_change=ScriptState.select_lead,
        ),
        rx.cond(ScriptState.kind == "objection", _message_field()),
        rx.el.p(ScriptState.preview, class_name="passage-text", id="preview", aria_live="polite"),
        _verdict(),
        class_name="card section",
    )


def _message_field() -> rx.Component:
    """Return the field for a sample message of the contact."""
    return rx.el.input(
        default_value="",
        on_change=debounced(ScriptState.preview_message),
        placeholder=t("Test with a customer phrase"),
        aria_label=t("Test with a customer phrase"),
        max_length=1000,
        class_name="native wide",
    )


def _verdict() -> rx.Component:
    """Return whether the script applies, why, and the smallest change."""
    return rx.el.div(
        rx.el.h3(t("Would it be used?")),
        rx.el.p(rx.el.strong(rx.cond(ScriptState.applies, t("Yes: "), t("No: "))), ScriptState.why),
        proof(ScriptState.proof),
        rx.cond(
            ScriptState.change.length() > 0,
            rx.fragment(
                rx.el.p(t("Smallest change that would make it apply:"), class_name="muted small"),
                rx.el.ul(rx.foreach(ScriptState.change, lambda words: rx.el.li(words)), class_name="plain-list"),
            ),
        ),
        id="verdict",
        aria_live="polite",
    )


def _used() -> rx.Component:
    return rx.cond(
        ScriptState.conversations.length() > 0,
        rx.el.section(
            rx.el.h2(t("Recent uses")),
            rx.el.ul(
                rx.foreach(
                    ScriptState.conversations,
                    lambda talk: rx.el.li(rx.link(talk.name, href=f"/manage/{CurrentUser.slug}{talk.id}", size="2")),
                ),
                class_name="plain-list",
            ),
            class_name="card section",
        ),
    )


def _history() -> rx.Component:
    return version_card(ScriptState, _version, _buttons)


def _version(version: rx.Var[VersionLine]) -> rx.Component:
    return rx.fragment(
        rx.el.div(version.when, " · ", version.author, class_name="muted small"),
        rx.el.p(version.text, class_name="passage-text"),
    )


def _buttons(version: rx.Var[VersionLine]) -> list[rx.Component]:
    return version_buttons(
        ScriptState,
        version,
        compare=t("Compare with current"),
        title=t("Restore this version?"),
        sentence=t("The current text stays in the history."),
    )

"""Template form: what stands in place of the composer where the channel takes approved templates only."""

import reflex as rx

from platform_app.components.console.parts import problem_line
from platform_app.components.console.text import t
from platform_app.state.inbox.template_message import TemplateMessageState, TemplateValue


def window_line() -> rx.Component:
    """Return until when the channel takes free text."""
    words = TemplateMessageState.window_words
    return rx.cond(words != "", rx.el.p(words, class_name="muted small"))


def template_form() -> rx.Component:
    """Return the form in which a member chooses a template, fills it in and sends it."""
    state = TemplateMessageState
    told = t("The contact last wrote too long ago. This channel now accepts approved templates only.")
    none = t("No approved templates. Refresh them in Settings, Channels.")
    return rx.el.div(
        rx.el.p(told, class_name="small"),
        rx.cond(state.templates.length() > 0, _choice(), rx.el.p(none, class_name="muted small")),
        rx.cond(state.chosen != "", _form()),
        class_name="stack-small chat-foot template-form",
    )


def _choice() -> rx.Component:
    state = TemplateMessageState
    return rx.el.div(
        rx.el.label(t("Template"), html_for="template"),
        rx.el.select(
            rx.el.option(t("Choose…"), value=""),
            rx.foreach(state.templates, lambda option: rx.el.option(option.name, value=option.id)),
            value=state.chosen,
            on_change=state.choose,
            id="template",
            class_name="native",
        ),
        class_name="field",
    )


def _form() -> rx.Component:
    state = TemplateMessageState
    return rx.el.form(
        rx.el.div(state.preview, class_name="bubble plain"),
        rx.foreach(state.values, _value),
        problem_line(state.problem),
        rx.box(rx.button(rx.icon("arrow-up", size=16), t("Send template"), type="submit")),
        on_submit=state.send,
        class_name="form",
        key=state.chosen,
    )


def _value(value: rx.Var[TemplateValue]) -> rx.Component:
    control = rx.el.input(id=value.name, name=value.name, max_length=1_000, required=True, class_name="native wide")
    return rx.el.div(rx.el.label(value.label, html_for=value.name), control, class_name="field")

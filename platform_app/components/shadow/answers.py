"""Answers: an agent's answer in shadow mode beside that of a person, with the buttons that mark it."""

import reflex as rx

from platform_app.components.chat.composer import prose
from platform_app.components.chat.message import figure_mark, quiet_button, source_chip
from platform_app.components.console.parts import READ_ONLY, row_link, time_ago
from platform_app.components.console.text import t
from platform_app.models.shadow import ShadowMark
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.shadow.shadow import ShadowState
from platform_app.state.shadow.shadow_view import MARK_WORDS, AnswerRow


def compared_answer(row: rx.Var[AnswerRow]) -> rx.Component:
    """Return what a contact wrote, what the agent answered and what a person did."""
    return rx.el.article(
        rx.el.header(
            rx.el.h3(row_link(row.name, row.link)),
            rx.cond(row.stage != "", rx.el.span(row.stage, class_name="muted small")),
            time_ago(row.when, row.exact),
            class_name="message-head",
        ),
        rx.el.div(prose(row.question, is_plain=True), class_name="bubble"),
        rx.el.div(_agent(row), _person(row), class_name="grid cols-2"),
        _marks(row),
        class_name="card compared-answer",
        key=row.id,
    )


def _agent(row: rx.Var[AnswerRow]) -> rx.Component:
    no_answer = rx.badge(t("No answer in the knowledge"), variant="surface", color_scheme="amber", high_contrast=True)
    return rx.el.div(
        rx.el.h4(t("Agent")),
        rx.match(
            row.state,
            ("ready", rx.el.div(prose(row.answer, sources=row.sources), class_name="bubble out")),
            ("writing", rx.el.p(t("Being written"), class_name="muted small")),
            rx.el.p(row.problem, class_name="small reason"),
        ),
        figure_mark(row),
        rx.cond(row.sources.length() > 0, rx.el.ul(rx.foreach(row.sources, source_chip), class_name="chips")),
        rx.el.div(
            rx.cond(row.has_no_answer, no_answer),
            rx.cond(row.cost != "", rx.el.span(row.cost, class_name="muted small figure-small")),
            rx.cond(row.answer_id != "", quiet_button(t("Why this reply?"), ChatPanelState.show_trace(row.answer_id))),
            class_name="compared-line",
        ),
        class_name="compared-side",
    )


def _person(row: rx.Var[AnswerRow]) -> rx.Component:
    return rx.el.div(
        rx.el.h4(t("Person"), rx.cond(row.person_name != "", rx.fragment(" · ", row.person_name))),
        rx.foreach(row.person, lambda text: rx.el.div(prose(text, is_plain=True), class_name="bubble")),
        rx.cond(row.person_note != "", rx.el.p(row.person_note, class_name="muted small")),
        class_name="compared-side",
    )


def _marks(row: rx.Var[AnswerRow]) -> rx.Component:
    """Return the buttons of the marks, of which the one that is set is pressed, and by whom it was."""
    buttons = [_mark_button(row, mark) for mark in ShadowMark]
    return rx.el.div(
        rx.cond(
            row.state == "ready",
            rx.el.div(*buttons, role="group", aria_label=t("Compared with the person"), class_name="compared-line"),
        ),
        rx.cond(row.marked != "", rx.el.span(row.marked, class_name="muted small")),
        class_name="compared-line",
    )


def _mark_button(row: rx.Var[AnswerRow], mark: ShadowMark) -> rx.Component:
    is_set = row.mark == mark.value
    return rx.button(
        rx.cond(is_set, rx.icon("check", size=14)),
        t(MARK_WORDS[mark]),
        on_click=ShadowState.mark(row.id, mark.value),
        size="1",
        variant=rx.cond(is_set, "solid", "soft"),
        color_scheme="gray",
        high_contrast=True,
        type="button",
        disabled=READ_ONLY,
        custom_attrs={"aria-pressed": rx.cond(is_set, "true", "false")},
    )

"""Trace panel: why a reply came out as it did, or the passage it is taken from, at the right."""

import reflex as rx

from platform_app.components.text import t
from platform_app.state.chat_view import Bar, Pair, TracePassage
from platform_app.state.test_chat import TestChatState


def panel() -> rx.Component:
    """Show the panel while something is open in it."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.cond(TestChatState.panel == "trace", _trace(), _passage()),
            rx.dialog.close(rx.button(t("Close"), variant="soft", color_scheme="gray", high_contrast=True)),
            class_name="side-panel",
            aria_describedby=None,
        ),
        open=TestChatState.panel != "",
        on_open_change=TestChatState.close_panel,
    )


def _passage() -> rx.Component:
    return rx.fragment(
        rx.dialog.title(TestChatState.passage_title, size="4"),
        rx.foreach(TestChatState.passage_texts, lambda text: rx.el.p(text, class_name="passage-text")),
    )


def _trace() -> rx.Component:
    return rx.fragment(
        rx.dialog.title(t("Why this reply?"), size="4"),
        rx.el.dl(rx.foreach(TestChatState.pairs, _pair), class_name="figures"),
        rx.el.h3(t("Time")),
        rx.el.ul(rx.foreach(TestChatState.bars, _bar), class_name="bars"),
        rx.el.h3(t("Passages considered")),
        rx.cond(
            TestChatState.passages.length() > 0,
            rx.el.ol(rx.foreach(TestChatState.passages, _considered), class_name="passages"),
            rx.el.p(t("None."), class_name="muted"),
        ),
        rx.el.h3(t("Prompt")),
        rx.el.pre(TestChatState.prompt, class_name="difference", tab_index=0),
    )


def _pair(pair: rx.Var[Pair]) -> rx.Component:
    return rx.el.div(rx.el.dt(pair.name), rx.el.dd(pair.value))


def _bar(bar: rx.Var[Bar]) -> rx.Component:
    return rx.el.li(
        rx.el.span(bar.name),
        rx.el.span(rx.el.span(class_name="bar-fill", style={"width": bar.width}), class_name="bar", aria_hidden="true"),
        rx.el.span(bar.value, class_name="muted small"),
    )


def _considered(passage: rx.Var[TracePassage]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(passage.title),
            rx.cond(
                passage.used,
                rx.badge(t("used"), color_scheme="green", variant="surface", high_contrast=True),
                rx.badge(t("not used"), color_scheme="gray", variant="surface", high_contrast=True),
            ),
            spacing="2",
            align="center",
        ),
        rx.el.div(passage.scores, class_name="muted small"),
        rx.el.p(passage.text, class_name="passage-text"),
    )

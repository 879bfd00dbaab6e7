"""Trace panel: the dialog at the right with the trace of a reply or a cited passage."""

import reflex as rx

from platform_app.components.console.parts import RETURN_FOCUS
from platform_app.components.console.text import t
from platform_app.components.rules.conditions import proof
from platform_app.state.chat.chat_panel import ChatPanelState, PassageChunk
from platform_app.state.chat.trace_view import DurationBar, LabeledValue, TracePassage, TraceScript
from platform_app.state.console.base import CurrentUser


def side_panel() -> rx.Component:
    """Return the panel, open while it has content."""
    return rx.dialog.root(
        rx.dialog.content(
            rx.cond(ChatPanelState.open_panel == "trace", _trace(), _passage()),
            rx.dialog.close(
                rx.button(t("Close"), variant="soft", color_scheme="gray", high_contrast=True, margin_top="20px")
            ),
            on_close_auto_focus=RETURN_FOCUS,
            class_name="side-panel",
            aria_describedby=None,
        ),
        open=ChatPanelState.open_panel != "",
        on_open_change=ChatPanelState.set_open,
    )


def _passage() -> rx.Component:
    return rx.fragment(
        rx.dialog.title(ChatPanelState.source_title, size="4"),
        rx.foreach(ChatPanelState.chunks, _chunk),
        rx.cond(
            ChatPanelState.source_id != "",
            rx.link(
                t("Open the source"), href=f"/manage/{CurrentUser.slug}/knowledge/{ChatPanelState.source_id}", size="2"
            ),
            rx.el.p(t("This source has been deleted."), class_name="muted small"),
        ),
    )


def _chunk(chunk: rx.Var[PassageChunk]) -> rx.Component:
    return rx.el.section(
        rx.cond(chunk.heading != "", rx.el.h2(chunk.heading)),
        rx.el.p(chunk.text, class_name="passage-text"),
        class_name=rx.cond(chunk.cited, "passage cited", "passage"),
    )


def _trace() -> rx.Component:
    return rx.fragment(
        rx.dialog.title(t("Why this reply?"), size="4"),
        rx.cond(
            ChatPanelState.degraded,
            rx.el.p(t("Semantic search was unavailable; keyword results used."), class_name="problem-text"),
        ),
        rx.el.dl(rx.foreach(ChatPanelState.facts, _fact), class_name="figures"),
        rx.el.h2(t("Time")),
        rx.el.ul(rx.foreach(ChatPanelState.durations, _duration_bar), class_name="bars"),
        rx.cond(
            ChatPanelState.scripts.length() > 0,
            rx.fragment(
                rx.el.h2(t("Scripts checked")),
                rx.el.ol(rx.foreach(ChatPanelState.scripts, _script), class_name="passages"),
            ),
        ),
        rx.el.h2(t("Retrieved passages")),
        rx.cond(
            ChatPanelState.passages.length() > 0,
            rx.el.ol(rx.foreach(ChatPanelState.passages, _passage_considered), class_name="passages"),
            rx.el.p(t("None."), class_name="muted"),
        ),
        rx.el.h2(t("Prompt")),
        rx.foreach(ChatPanelState.prompt, _prompt_message),
    )


def _script(script: rx.Var[TraceScript]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(script.title),
            _usage_badge(script.applied, script.used, t("used")),
            spacing="2",
            align="center",
        ),
        rx.el.div(script.why, class_name="muted small"),
        proof(script.proof),
        rx.cond(
            script.change.length() > 0,
            rx.fragment(
                rx.el.p(t("Smallest change that would make it apply:"), class_name="muted small"),
                rx.el.ul(rx.foreach(script.change, lambda words: rx.el.li(words)), class_name="plain-list small"),
            ),
        ),
    )


def _usage_badge(given: rx.Var[bool], used: rx.Var[bool], words: rx.Component) -> rx.Component:
    """Return a badge: used in the reply, given to the model only, or not given to it."""
    return rx.cond(
        used,
        rx.badge(words, color_scheme="green", variant="surface", high_contrast=True),
        rx.cond(
            given,
            rx.badge(t("sent to the model"), color_scheme="blue", variant="surface", high_contrast=True),
            rx.badge(t("not sent to the model"), color_scheme="gray", variant="surface", high_contrast=True),
        ),
    )


def _prompt_message(part: rx.Var[LabeledValue]) -> rx.Component:
    return rx.el.section(
        rx.el.h3(part.name, class_name="muted small"),
        rx.el.pre(part.value, class_name="difference", tab_index=0, aria_label=part.name),
    )


def _fact(pair: rx.Var[LabeledValue]) -> rx.Component:
    return rx.el.div(rx.el.dt(pair.name), rx.el.dd(pair.value))


def _duration_bar(duration: rx.Var[DurationBar]) -> rx.Component:
    return rx.el.li(
        rx.el.span(duration.name),
        rx.el.span(
            rx.el.span(class_name="bar-fill", style={"width": duration.width}), class_name="bar", aria_hidden="true"
        ),
        rx.el.span(duration.value, class_name="muted small"),
    )


def _passage_considered(passage: rx.Var[TracePassage]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(passage.title),
            _usage_badge(passage.given_to_model, passage.cited, t("cited")),
            spacing="2",
            align="center",
        ),
        rx.el.div(passage.scores, class_name="muted small"),
        rx.el.p(passage.text, class_name="passage-text"),
    )

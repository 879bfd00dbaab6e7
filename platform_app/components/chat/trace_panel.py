"""Trace panel: the panel at the right with the explanation of a reply or a cited passage."""

import reflex as rx

from platform_app.components.chat.sheets import SidePanel
from platform_app.components.console.outside_link import outside_link
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.text import t
from platform_app.components.rules.conditions import proof
from platform_app.state.chat.chat_panel import ChatPanelState, PassageChunk
from platform_app.state.chat.trace_view import DurationBar, LabeledValue, ScoreBar, TracePassage, TraceScript
from platform_app.state.console.base import CurrentUser


def side_panel() -> rx.Component:
    """Return the panel beside the conversation, while it has content."""
    is_trace = ChatPanelState.open_panel == "trace"
    return rx.cond(
        ChatPanelState.open_panel != "",
        SidePanel.create(
            rx.cond(is_trace, _trace(), _passage()),
            label=rx.cond(is_trace, t("Why this reply?"), ChatPanelState.source_title),
            close=t("Close"),
            mark=ChatPanelState.shown_id,
            on_close=ChatPanelState.close,
        ),
    )


def _passage() -> rx.Component:
    return rx.fragment(
        rx.cond(
            ChatPanelState.source_address != "",
            outside_link(ChatPanelState.source_address, ChatPanelState.source_address),
        ),
        rx.foreach(ChatPanelState.chunks, _chunk),
        rx.cond(
            ChatPanelState.source_id != "",
            _source_link(ChatPanelState.source_id),
            rx.el.p(t("This source has been deleted."), class_name="muted small"),
        ),
    )


def _source_link(source_id: rx.Var[str]) -> rx.Component:
    return rx.link(
        t("Open the source"), href=f"/manage/{CurrentUser.slug}/knowledge/{source_id}", size="2", underline="always"
    )


def _chunk(chunk: rx.Var[PassageChunk]) -> rx.Component:
    return rx.el.section(
        rx.cond(chunk.heading != "", rx.el.h3(chunk.heading)),
        rx.el.p(chunk.text, class_name="passage-text"),
        class_name=rx.cond(chunk.cited, "passage cited", "passage"),
    )


def _trace() -> rx.Component:
    return rx.fragment(
        rx.foreach(
            ChatPanelState.reasons,
            lambda sentence, place: rx.el.p(sentence, class_name=rx.cond(place == 0, "reason-first", "reason-more")),
        ),
        _fixes(),
        rx.el.h3(t("Retrieved passages")),
        rx.cond(
            ChatPanelState.passages.length() > 0,
            rx.fragment(
                rx.el.p(
                    t("A passage is given to the model if one of its scores reaches the line, its threshold."),
                    class_name="muted small",
                ),
                rx.el.ol(rx.foreach(ChatPanelState.passages, _passage_considered), class_name="passages"),
            ),
            rx.el.p(t("None."), class_name="muted"),
        ),
        rx.cond(
            ChatPanelState.scripts.length() > 0,
            rx.fragment(
                rx.el.h3(t("Scripts checked")),
                rx.el.ol(rx.foreach(ChatPanelState.scripts, _script), class_name="passages"),
            ),
        ),
        _details(),
    )


def _details() -> rx.Component:
    """Return what developers ask for, folded."""
    return rx.el.details(
        rx.el.summary(t("Details")),
        rx.cond(
            ChatPanelState.degraded,
            rx.el.p(t("Semantic search was unavailable; keyword results used."), class_name="muted small"),
        ),
        rx.el.dl(rx.foreach(ChatPanelState.facts, _fact), class_name="figures"),
        rx.el.h3(t("Time")),
        rx.el.ul(rx.foreach(ChatPanelState.durations, _duration_bar), class_name="bars"),
        rx.el.h3(t("Prompt")),
        rx.foreach(ChatPanelState.prompt, _prompt_message),
        class_name="trace-details",
        key=ChatPanelState.shown_id,  # another reply's details are closed at first
    )


def _fixes() -> rx.Component:
    """Return links to what decides on such replies, for those who may change it."""
    agent = f"/manage/{CurrentUser.slug}/agents/{ChatPanelState.agent_id}?tab=instructions"
    return rx.cond(
        ~READ_ONLY,
        rx.el.nav(
            rx.cond(
                ChatPanelState.agent_id != "",
                rx.link(t("Edit the instructions"), href=agent, size="2", underline="always"),
            ),
            rx.link(t("Add knowledge"), href=f"/manage/{CurrentUser.slug}/knowledge", size="2", underline="always"),
            class_name="fixes",
            aria_label=t("Change such replies"),
        ),
    )


def _script(script: rx.Var[TraceScript]) -> rx.Component:
    edited = f"/manage/{CurrentUser.slug}/agents/{ChatPanelState.agent_id}/scripts/{script.script_id}"
    return rx.el.li(
        rx.flex(
            rx.el.strong(script.title),
            _usage_badge(script.applied, script.used, t("used")),
            spacing="2",
            align="center",
            wrap="wrap",
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
        rx.cond(
            ~READ_ONLY & (script.script_id != "") & (ChatPanelState.agent_id != ""),
            rx.link(t("Edit the script"), href=edited, size="2", underline="always"),
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
        rx.el.h4(part.name, class_name="muted small"),
        rx.el.pre(part.value, class_name="difference", tab_index=0, aria_label=part.name),
    )


def _fact(pair: rx.Var[LabeledValue]) -> rx.Component:
    return rx.el.div(rx.el.dt(pair.name), rx.el.dd(pair.value))


def _duration_bar(duration: rx.Var[DurationBar]) -> rx.Component:
    return rx.el.li(
        rx.el.span(duration.name),
        rx.el.span(
            rx.el.span(class_name="bar-fill", style={"width": duration.width, "margin-left": duration.start}),
            class_name="bar",
            aria_hidden="true",
        ),
        rx.el.span(duration.value, class_name="muted small"),
    )


def _passage_considered(passage: rx.Var[TracePassage]) -> rx.Component:
    return rx.el.li(
        rx.flex(
            rx.el.strong(passage.title),
            _usage_badge(passage.given_to_model, passage.cited, t("cited")),
            rx.cond(passage.is_double, rx.el.span(t("a better passage has the same text"), class_name="muted small")),
            spacing="2",
            align="center",
            wrap="wrap",
        ),
        rx.el.ul(rx.foreach(passage.scores, _score_bar), class_name="bars"),
        rx.el.details(
            rx.el.summary(t("Text of the passage"), class_name="small"),
            rx.el.p(passage.text, class_name="passage-text"),
        ),
        rx.cond(passage.source_id != "", _source_link(passage.source_id)),
    )


def _score_bar(score: rx.Var[ScoreBar]) -> rx.Component:
    return rx.el.li(
        rx.el.span(score.name),
        rx.el.span(
            rx.el.span(class_name=rx.cond(score.is_enough, "bar-fill", "bar-fill low"), style={"width": score.width}),
            rx.cond(score.threshold != "", rx.el.span(class_name="bar-threshold", style={"left": score.threshold})),
            class_name="bar",
            aria_hidden="true",
        ),
        rx.el.span(score.value, class_name="muted small"),
    )

"""Shadow mode: the page that compares what agents would have answered with what people did."""

import reflex as rx

from platform_app.components.chat.trace_panel import side_panel
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import no_matches, row_filter, select_filter
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import empty_state, link_button, pager, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.shadow.answers import compared_answer
from platform_app.components.shadow.switches import breakdowns, live_notice, shadow_switch
from platform_app.services.shadow.comparison import Selection
from platform_app.state.chat.chat_panel import ChatPanelState
from platform_app.state.console.base import CurrentUser
from platform_app.state.shadow.shadow import ALL, ShadowState
from platform_app.state.shadow.shadow_view import MARK_WORDS, ShadowTile

STATE = ShadowState
SPANS = [("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days"), ("year", "Last 52 weeks")]


def show() -> rx.Component:
    """Return the page on which members compare and mark answers, and admins let the agent answer."""
    return frame(
        rx.fragment(
            page_head(
                t("Shadow mode"),
                t("While it is on, the agent answers every message in secret and your team answers as before."),
                shadow_switch(),
            ),
            rx.cond(STATE.loaded, rx.cond(STATE.account != "", _account(), _nothing()), skeleton_rows(8)),
        ),
        section="Agents",
    )


def _nothing() -> rx.Component:
    return empty_state(
        t("No channel account is in shadow mode yet. Turn it on in the settings of one."),
        link_button(t("Channels"), "/settings/channels"),
        icon="eye-off",
    )


def _account() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            _filters(),
            live_notice(),
            rx.el.div(rx.foreach(STATE.tiles, _tile), class_name="grid cols-4"),
            breakdowns(),
            _answers(),
            class_name="stack",
        ),
        side_panel(),
        class_name="compared",
    )


def _filters() -> rx.Component:
    spans = [(code, t(words)) for code, words in SPANS]
    shown = [(Selection.ALL.value, t("All answers")), (Selection.UNMARKED.value, t("Not marked"))]
    shown += [(mark.value, t(words)) for mark, words in MARK_WORDS.items()]
    shown += [(Selection.UNANSWERED.value, t("Without an answer"))]
    accounts = rx.foreach(STATE.accounts, lambda row: rx.select.item(row.name, value=row.id))
    return rx.el.div(
        rx.select.root(
            rx.select.trigger(aria_label=t("Channel account")),
            rx.select.content(accounts),
            value=STATE.account,
            on_change=STATE.set_account,
        ),
        select_filter(t("Period"), STATE.span, spans, STATE.set_span),
        select_filter(t("Answers"), STATE.selected, shown, STATE.set_selected),
        row_filter(t("Stage"), t("All stages"), STATE.stages, value=STATE.stage, on_change=STATE.set_stage),
        class_name="filters",
    )


def _tile(tile: rx.Var[ShadowTile]) -> rx.Component:
    return rx.el.div(
        rx.el.div(tile.label, class_name="muted small"),
        rx.el.div(rx.el.span(tile.value, class_name="figure"), class_name="figure-line"),
        rx.cond(
            tile.note != "",
            rx.el.div(
                rx.cond(tile.link != "", rx.link(tile.note, href=tile.link, underline="always"), tile.note),
                class_name="muted small",
            ),
        ),
        class_name="card",
        key=tile.label,
    )


def _answers() -> rx.Component:
    is_filtered = (STATE.selected != Selection.ALL.value) | (STATE.stage != ALL)
    everything = f"/manage/{CurrentUser.slug}/agents/shadow?account={STATE.account}"
    nothing = empty_state(t("No answers in this period. They appear here when customers write."))
    listed = rx.fragment(
        rx.foreach(STATE.rows, compared_answer),
        pager(STATE.page, STATE.pages, STATE.total_words, STATE.go_to_page),
    )
    return rx.el.section(
        rx.el.h2(t("Answers")),
        rx.cond(STATE.total > 0, listed, rx.cond(is_filtered, no_matches(everything), nothing)),
        class_name="section stack",
    )


PAGES = [tenant_page("/agents/shadow", "Shadow mode", show, ShadowState.load, ChatPanelState.load, ShadowState.watch)]

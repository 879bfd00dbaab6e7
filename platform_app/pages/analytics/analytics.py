"""Analytics: the page of outcomes, times, tokens and cost of a period."""

from typing import Any

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import framed_table, row_filter, select_filter
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import download_link, empty_state, problem_line, row_link, skeleton_rows
from platform_app.components.console.text import t
from platform_app.state.analytics.analytics import DATES, AnalyticsState
from platform_app.state.analytics.analytics_view import LeadLine, TableCell, TableRow, Tile

STATE = AnalyticsState
SPANS = [("7", "Last 7 days"), ("30", "Last 30 days"), ("90", "Last 90 days"), ("year", "Last 52 weeks")]


def show() -> rx.Component:
    """Return the page on which members see what was answered in a period, how fast and at what cost."""
    return frame(
        rx.fragment(
            page_head(t("Analytics"), STATE.period),
            _filters(),
            rx.cond(STATE.loaded, _content(), skeleton_rows(8)),
        ),
        section="Analytics",
    )


def _filters() -> rx.Component:
    spans = [*((code, t(words)) for code, words in SPANS), (DATES, t("Other dates"))]
    everywhere = t("All channels")
    return rx.el.div(
        select_filter(t("Period"), STATE.span, spans, STATE.set_span),
        rx.cond(STATE.span == DATES, _dates()),
        row_filter(t("Agent"), t("All agents"), STATE.agents, value=STATE.agent, on_change=STATE.set_agent),
        row_filter(t("Channel"), everywhere, STATE.channels, value=STATE.channel, on_change=STATE.set_channel),
        problem_line(STATE.problem),
        class_name="filters",
    )


def _dates() -> rx.Component:
    return rx.fragment(
        _day(t("First day"), STATE.first, STATE.set_first),
        _day(t("Last day"), STATE.last, STATE.set_last),
    )


def _day(label: Any, value: Any, on_change: Any) -> rx.Component:
    return date_input(value=value, label=label, latest=STATE.today, required=True, on_change=on_change)


def _content() -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.foreach(STATE.tiles, _tile), class_name="grid cols-4"),
        rx.el.div(_chart(), _leads(), class_name="grid cols-2-1"),
        _breakdown(),
        rx.el.details(
            rx.el.summary(t("How these figures are counted")),
            rx.el.ul(*(rx.el.li(t(sentence)) for sentence in DEFINITIONS)),
            class_name="definitions small",
        ),
        class_name="stack",
    )


DEFINITIONS = (
    "A conversation counts if it has a message in the period. Test chats count only while rules run in them.",
    "Answered without a person: an agent replied, nobody else did, and it was not handed over or taken over.",
    "A reply that a person approved is the agent’s. Messages of rules and sequences are not replies.",
    "First response: from the contact’s first message in the period to the first reply after it. Half are faster.",
    "Tokens and cost include test chats and shadow mode. Cost is what the models’ prices say, in US dollars.",
    "A lead counts as won if it came into its won stage in the period and is still there.",
    "A period that is not over is compared with the same length of time before.",
)


def _tile(tile: rx.Var[Tile]) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.cond(tile.link != "", row_link(tile.label, tile.link), tile.label),
            class_name="muted small",
        ),
        rx.el.div(
            rx.el.span(tile.value, class_name="figure"),
            rx.cond(
                tile.change != "",
                rx.el.span(tile.change, class_name=rx.cond(tile.is_better, "change up", "change")),
            ),
            class_name="figure-line",
        ),
        rx.el.div(tile.before, class_name="muted small"),
        rx.cond(tile.note != "", rx.el.div(tile.note, class_name="muted small")),
        class_name="card",
        key=tile.label,
    )


def _chart() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Replies")),
        rx.el.div(
            rx.el.span(rx.el.span(class_name="legend"), t("Agents")),
            rx.el.span(rx.el.span(class_name="legend people"), t("People")),
            class_name="legends muted small",
            aria_hidden="true",
        ),
        rx.el.div(
            rx.recharts.bar_chart(
                _bar("agents", t("Agents"), rx.color("accent", 9)),
                _bar("people", t("People"), rx.color("gray", 8)),
                rx.recharts.cartesian_grid(vertical=False, stroke=rx.color("gray", 4)),
                rx.recharts.x_axis(data_key="name", tick_line=False, axis_line=False, font_size=12, min_tick_gap=24),
                rx.recharts.y_axis(
                    allow_decimals=False, tick_line=False, axis_line=False, width=40, font_size=12, tick_count=4
                ),
                rx.recharts.graphing_tooltip(),
                data=STATE.chart,
                height=200,
                width="100%",
                bar_category_gap="20%",
                custom_attrs={"accessibilityLayer": False},  # the sentence below says the same
            ),
            aria_hidden="true",
        ),
        rx.el.p(STATE.chart_sentence, class_name="muted small", margin="8px 0 0"),
        class_name="card",
    )


def _bar(key: str, name: Any, colour: Any) -> rx.Component:
    return rx.recharts.bar(
        data_key=key, name=name, fill=colour, stack_id="replies", is_animation_active=False, max_bar_size=32
    )


def _leads() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Leads won")),
        rx.el.dl(rx.foreach(STATE.leads, _lead), class_name="figures"),
        rx.el.p(t("A lead may be in several lines."), class_name="muted small"),
        class_name="card",
    )


def _lead(line: rx.Var[LeadLine]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(line.label),
        rx.el.dd(line.count, rx.cond(line.count != "0", rx.el.span(" · ", line.value, class_name="muted"))),
    )


def _breakdown() -> rx.Component:
    tabs = (("agent", "Agent"), ("channel", "Channel"), ("member", "Member"), ("tag", "Tag"))
    return rx.tabs.root(
        rx.flex(
            rx.tabs.list(*(rx.tabs.trigger(t(words), value=code) for code, words in tabs)),
            rx.cond(STATE.rows.length() > 0, download_link(t("Download CSV"), STATE.download)),
            justify="between",
            align="center",
            wrap="wrap",
            spacing="3",
        ),
        *(rx.tabs.content(rx.cond(STATE.tab == code, _table()), value=code, padding_top="12px") for code, _ in tabs),
        value=STATE.tab,
        on_change=STATE.set_tab,
    )


def _table() -> rx.Component:
    head = rx.table.header(rx.table.row(rx.foreach(STATE.heads, _head)))
    return rx.cond(
        STATE.rows.length() > 0,
        framed_table(head, rx.table.body(rx.foreach(STATE.rows, _row)), label=t("Breakdown")),
        empty_state(t("Nothing in this period. Choose a longer one or clear the filters."), icon="chart-column"),
    )


def _head(words: rx.Var[str], at: rx.Var[int]) -> rx.Component:
    return rx.table.column_header_cell(words, class_name=rx.cond(at > 0, "number", ""))


def _row(row: rx.Var[TableRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(rx.cond(row.link != "", row_link(row.name, row.link), rx.el.span(row.name))),
        rx.foreach(row.cells, _cell),
        align="center",
        key=row.key,
    )


def _cell(cell: rx.Var[TableCell]) -> rx.Component:
    linked = rx.link(cell.words, href=cell.link, aria_label=cell.label, underline="always", class_name="cell-link")
    return rx.table.cell(rx.cond(cell.link != "", linked, cell.words), class_name="number")


PAGES = [tenant_page("/analytics", "Analytics", show, STATE.load)]

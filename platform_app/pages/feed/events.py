"""Events: the list page and the page of one event."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import (
    columns,
    framed_table,
    listing,
    row_filter,
    select_filter,
    turn_pages,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import empty_state, link_button, row_link, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.rules.rule_trial import dry_run_view
from platform_app.state.console.base import CurrentUser
from platform_app.state.feed.event import EventState, RuleRunLine
from platform_app.state.feed.events import EventRow, EventsState
from platform_app.state.rules.rule_words import TRIGGERS


def show() -> rx.Component:
    """Return the page on which members look for events by kind, agent and cause."""
    return frame(
        rx.fragment(
            page_head(t("Events"), t("Everything that happened. Rules start from these events.")),
            _filters(),
            listing(
                loaded=EventsState.loaded,
                total=EventsState.rows.length(),
                filtered=EventsState.is_filtered,
                table=rx.fragment(
                    framed_table(
                        columns(t("Event"), t("Lead or contact"), t("Kind"), t("Caused by rules"), t("When")),
                        rx.table.body(rx.foreach(EventsState.rows, _row)),
                    ),
                    turn_pages(EventsState.page, EventsState.has_more, EventsState.go_to_page),
                ),
                empty=empty_state(
                    t("No events yet. They appear when a contact writes, a lead is created or a task is completed."),
                    link_button(t("Go to leads"), "/leads"),
                    icon="activity",
                ),
            ),
        ),
        section="Events",
    )


def _filters() -> rx.Component:
    state = EventsState
    kinds = [("all", t("All kinds")), *((kind, t(words)) for kind, words in TRIGGERS.items())]
    led = [("all", t("Any cause")), ("people", t("Not caused by rules")), ("rules", t("Caused by rules"))]
    agents = row_filter(t("Agent"), t("All agents"), state.agents, value=state.agent, on_change=state.filter_agent)
    return rx.el.div(
        select_filter(t("Kind"), state.kind, kinds, state.filter_kind),
        agents,
        select_filter(t("Caused by"), state.led, led, state.filter_cause),
        class_name="filters",
    )


def _row(event: rx.Var[EventRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(event.words, f"/manage/{CurrentUser.slug}/events/{event.id}")),
        rx.table.cell(event.subject),
        rx.table.cell(event.kind),
        rx.table.cell(event.depth, class_name="figure-small"),
        rx.table.cell(time_ago(event.when, event.exact)),
        align="center",
        key=event.id,
    )


def show_one() -> rx.Component:
    """Return the page of one event."""
    return frame(rx.cond(EventState.head.id != "", _event(), skeleton_rows(6)), section="Events")


def _event() -> rx.Component:
    head, view = EventState.head, EventState.view
    return rx.fragment(
        page_head(
            head.words,
            rx.fragment(head.kind, " · ", time_ago(head.when, head.exact)),
        ),
        rx.el.div(
            rx.el.div(
                _section(t("Rules checked"), _looked()),
                _section(t("Why did (or didn’t) a rule run?"), _why()),
                class_name="stack",
            ),
            rx.el.div(
                _section(t("Lead or contact"), _links()),
                _section(t("What changed"), rx.el.pre(view.payload, class_name="payload", tab_index=0)),
                _section(
                    t("Data at that moment"),
                    rx.el.dl(
                        rx.foreach(view.facts, lambda fact: rx.fragment(rx.el.dt(fact.words), rx.el.dd(fact.value))),
                        class_name="facts",
                    ),
                ),
                class_name="stack",
            ),
            class_name="grid cols-2",
        ),
    )


def _looked() -> rx.Component:
    return rx.cond(
        EventState.view.rule_runs.length() > 0,
        rx.el.ul(rx.foreach(EventState.view.rule_runs, _line), class_name="plain-list"),
        rx.el.p(t("No rule uses this event."), class_name="muted small"),
    )


def _line(line: rx.Var[RuleRunLine]) -> rx.Component:
    return rx.el.li(
        row_link(line.rule, f"/manage/{CurrentUser.slug}/rules/runs/{line.run_id}"),
        status(line.colour, line.words),
        class_name="card-line",
    )


def _why() -> rx.Component:
    return rx.fragment(
        rx.flex(
            rx.el.select(
                rx.el.option(t("Choose a rule…"), value=""),
                rx.foreach(EventState.rules, lambda rule: rx.el.option(rule.name, value=rule.id)),
                value=EventState.rule,
                on_change=EventState.select_rule,
                aria_label=t("Rule to ask"),
                class_name="native",
            ),
            rx.el.label(
                rx.switch(checked=EventState.draft, on_change=EventState.set_use_draft, size="1"),
                t("Draft"),
                class_name="status small",
            ),
            spacing="3",
            align="center",
            wrap="wrap",
        ),
        rx.cond(EventState.trial.words != "", dry_run_view(EventState.trial)),
    )


def _links() -> rx.Component:
    view, base = EventState.view, f"/manage/{CurrentUser.slug}"

    def one(there: Any, words: Any, href: Any) -> rx.Component:
        return rx.cond(there != "", rx.el.li(rx.link(words, href=href, underline="always")))

    return rx.fragment(
        rx.el.p(EventState.head.subject),
        rx.el.ul(
            one(view.lead_id, t("Lead"), f"{base}/leads/{view.lead_id}"),
            one(view.contact_id, t("Contact"), f"{base}/contacts/{view.contact_id}"),
            one(view.conversation_path, t("Conversation"), f"{base}{view.conversation_path}"),
            one(view.cause_id, t("Triggering event"), f"{base}/events/{view.cause_id}"),
            class_name="plain-list",
        ),
    )


def _section(title: Any, *parts: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(title), *parts, class_name="card section")


PAGES = [
    tenant_page("/events", "Events", show, EventsState.load, EventsState.watch),
    tenant_page("/events/[event_id]", "Event", show_one, EventState.load),
]

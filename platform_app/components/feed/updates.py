"""Updates: the recent updates of a company by day, with their filters."""

import reflex as rx

from platform_app.components.console.listing import row_filter, select_filter
from platform_app.components.console.parts import time_ago
from platform_app.components.console.text import t
from platform_app.state.feed.dashboard import DashboardState
from platform_app.state.feed.feed_view import KINDS, FeedDay, UpdateGroup, UpdateRow

STATE = DashboardState


def updates() -> rx.Component:
    """Return the section of recent updates: filters, then days, each with what happened on it."""
    return rx.el.section(
        rx.flex(
            rx.el.h2(t("Activity|feed"), margin="0"),
            _filters(),
            justify="between",
            align="center",
            wrap="wrap",
            spacing="3",
        ),
        rx.cond(
            STATE.feed.length() > 0,
            rx.fragment(rx.foreach(STATE.feed, _day)),
            rx.el.p(t("No activity yet."), class_name="muted"),
        ),
        class_name="card section",
        margin_top="16px",
    )


def _filters() -> rx.Component:
    return rx.flex(
        select_filter(
            t("Kind"),
            STATE.kind,
            [("all", t("All kinds")), *((code, t(words)) for code, (_, words) in KINDS.items())],
            STATE.filter_kind,
        ),
        row_filter(t("Agent"), t("All agents"), STATE.agents, value=STATE.agent, on_change=STATE.filter_agent),
        row_filter(
            t("Member"), t("Everyone|members"), STATE.members, value=STATE.member, on_change=STATE.filter_member
        ),
        spacing="2",
        wrap="wrap",
    )


def _day(day: rx.Var[FeedDay]) -> rx.Component:
    return rx.el.div(
        rx.el.h3(day.name, class_name="feed-day"),
        rx.el.ul(rx.foreach(day.groups, _group), class_name="updates feed"),
        key=day.name,
    )


def _group(group: rx.Var[UpdateGroup]) -> rx.Component:
    return rx.el.li(
        _line(group.newest),
        rx.cond(
            group.words != "",
            rx.el.details(
                rx.el.summary(group.words),
                rx.foreach(group.more, lambda row: rx.box(_line(row), key=row.id)),
                class_name="feed-more small",
            ),
        ),
        key=group.newest.id,
    )


def _line(row: rx.Var[UpdateRow]) -> rx.Component:
    return rx.el.div(
        rx.el.span(class_name=f"dot {row.colour}", role="img", aria_label=row.kind),
        rx.el.span(
            rx.cond(row.link != "", rx.link(row.sentence, href=row.link, underline="hover"), rx.el.span(row.sentence)),
            rx.cond(row.count != "", rx.el.span(" · ", row.count, class_name="muted")),
            rx.cond(row.actor != "", rx.el.span(" · ", row.actor, class_name="muted")),
            class_name="update-words",
        ),
        rx.cond(row.event != "", rx.link(t("Event"), href=row.event, size="1", class_name="muted")),
        time_ago(row.when, row.exact),
        class_name="update-line",
    )

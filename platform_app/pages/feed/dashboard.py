"""Dashboard: the first page of a tenant."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    confirm,
    empty_state,
    link_button,
    row_link,
    skeleton_rows,
    status,
)
from platform_app.components.console.text import t
from platform_app.components.feed.checklist import checklist
from platform_app.components.feed.demo_button import load_demo_button
from platform_app.components.feed.process_table import processes
from platform_app.components.feed.updates import updates
from platform_app.state.feed.dashboard import DashboardState
from platform_app.state.feed.dashboard_view import ATTENTION, AttentionRow, Bar, StageBar, StatisticCard


def show() -> rx.Component:
    """Return the page on which members see replies, leads, the state of the worker and recent updates."""
    return frame(
        rx.fragment(
            page_head(t("Dashboard"), None, _demo_button()),
            rx.cond(DashboardState.loaded, _content(), skeleton_rows(8)),
        ),
        section="Dashboard",
    )


def _demo_button() -> rx.Component:
    return rx.cond(
        DashboardState.has_demo & IS_ADMIN,
        confirm(
            rx.button(t("Remove demo data"), variant="soft", color_scheme="gray", high_contrast=True),
            title=t("Remove demo data"),
            sentence=t("This deletes the demo agent, knowledge, contacts, leads and conversations."),
            verb=t("Remove"),
            on_confirm=DashboardState.remove_demo,
        ),
    )


def _content() -> rx.Component:
    return rx.fragment(
        rx.cond(DashboardState.steps.length() > 0, checklist()),
        rx.cond(
            DashboardState.is_empty & (DashboardState.steps.length() == 0),
            rx.box(
                empty_state(
                    t("Create your first agent, or load demo data: a bike shop with a working agent."),
                    rx.cond(~READ_ONLY, link_button(t("Create agent"), "/agents/new")),
                    rx.cond(IS_ADMIN, load_demo_button()),
                    icon="sparkles",
                ),
                margin_bottom="16px",
            ),
        ),
        rx.cond(~DashboardState.is_empty, _attention()),
        rx.el.div(rx.foreach(DashboardState.cards, _card), class_name="grid cols-5"),
        rx.el.div(
            _chart(t("Replies, 14 days"), DashboardState.days, DashboardState.days_description),
            _stages(),
            class_name="grid cols-2-1",
            margin_top="16px",
        ),
        rx.cond(
            DashboardState.has_months,
            rx.box(
                _chart(t("Replies, 6 months"), DashboardState.months, DashboardState.months_description),
                margin_top="16px",
            ),
        ),
        updates(),
        processes(),
    )


def _attention() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Needs attention")),
        rx.cond(
            DashboardState.attention.length() > 0,
            rx.el.ul(rx.foreach(DashboardState.attention, _attention_row), class_name="attention"),
            rx.el.p(status("green", t("Nothing needs you")), class_name="muted"),
        ),
        class_name="card section",
        margin_bottom="16px",
    )


def _attention_row(row: rx.Var[AttentionRow]) -> rx.Component:
    icons = [(kind, rx.icon(icon, size=16, aria_hidden="true")) for kind, (icon, _, _) in ATTENTION.items()]
    return rx.el.li(
        rx.link(
            rx.match(row.kind, *icons, rx.fragment()),
            rx.el.span(row.number, class_name="attention-number"),
            rx.el.span(row.words),
            href=row.link,
            underline="none",
            color_scheme="gray",
            high_contrast=True,
        ),
        key=row.kind,
    )


def _card(card: rx.Var[StatisticCard]) -> rx.Component:
    return rx.el.div(
        rx.el.div(
            rx.cond(card.link != "", row_link(card.label, card.link), card.label),
            class_name="muted small",
        ),
        rx.el.div(
            rx.el.span(card.value, class_name="figure"),
            rx.cond(card.change != "", rx.el.span(card.change, class_name=rx.cond(card.is_up, "change up", "change"))),
            class_name="figure-line",
        ),
        rx.el.div(card.note, class_name="muted small"),
        rx.cond(
            card.bars.length() > 0,
            rx.el.div(rx.foreach(card.bars, _bar), class_name="day-bars", role="img", aria_label=card.bars_words),
            rx.el.div(card.bars_words, class_name="day-bars none"),
        ),
        class_name="card",
    )


def _bar(bar: rx.Var[Bar]) -> rx.Component:
    return rx.el.span(style={"height": f"{bar.height}%"}, class_name=rx.cond(bar.is_strong, "strong", ""), key=bar.day)


def _chart(title: rx.Var[str], data: rx.Var[list[dict[str, str]]], words: rx.Var[str]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(title),
        rx.el.div(
            rx.recharts.bar_chart(
                rx.recharts.bar(
                    data_key="replies", fill=rx.color("accent", 9), radius=3, is_animation_active=False, max_bar_size=32
                ),
                rx.recharts.cartesian_grid(vertical=False, stroke=rx.color("gray", 4)),
                rx.recharts.x_axis(data_key="name", tick_line=False, axis_line=False, font_size=12),
                rx.recharts.y_axis(
                    allow_decimals=False, tick_line=False, axis_line=False, width=32, font_size=12, tick_count=4
                ),
                rx.recharts.graphing_tooltip(),
                data=data,
                height=180,
                width="100%",
                bar_category_gap="30%",
                custom_attrs={"accessibilityLayer": False},  # the sentence below says the same
            ),
            aria_hidden="true",
        ),
        rx.el.p(words, class_name="muted small", margin="8px 0 0"),
        class_name="card",
    )


def _stages() -> rx.Component:
    return rx.el.section(
        rx.el.h2(t("Leads by stage")),
        rx.cond(
            DashboardState.stages.length() > 0,
            rx.el.ul(rx.foreach(DashboardState.stages, _stage), class_name="stage-bars"),
            rx.el.p(t("No pipelines yet."), class_name="muted"),
        ),
        class_name="card",
    )


def _stage(stage: rx.Var[StageBar]) -> rx.Component:
    budget = rx.el.span(" · ", stage.budget, class_name="muted")
    return rx.el.li(
        row_link(stage.name, stage.link),
        rx.el.span(stage.leads, rx.cond(stage.budget != "", budget), class_name="sum"),
        rx.el.span(rx.el.span(style={"width": f"{stage.width}%"}), class_name="stage-length", aria_hidden="true"),
        key=stage.id,
    )


PAGES = [tenant_page("", "Dashboard", show, DashboardState.load, DashboardState.watch)]

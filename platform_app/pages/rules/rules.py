"""Rules: the list page."""

import reflex as rx

from platform_app.automation.rule_templates import TEMPLATES
from platform_app.components.agents.agent_tabs import agent_bar
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.listing import columns, framed_table, list_page, no_matches, search_box
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    move_buttons,
    pager,
    row_link,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.rules.definition_list import (
    create_menu,
    definition_menu,
    draft_mark,
    enabled_cell,
    example_button,
)
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.rules import RuleRow, RulesState


def show() -> rx.Component:
    """Return the page on which operators order, switch, copy and delete rules, of one agent or all."""
    runs = rx.link(t("Runs"), href=f"/manage/{CurrentUser.slug}/rules/runs", size="2", underline="always")
    agent = rx.link(
        RulesState.agent_name, href=f"/manage/{CurrentUser.slug}/agents/{RulesState.agent}", underline="always"
    )
    return list_page(
        RulesState,
        t("Rules"),
        rx.fragment(t("Automate actions when something happens."), " ", rx.cond(RulesState.agent != "", agent)),
        runs,
        rx.cond(~READ_ONLY, create_menu(RulesState, t("Create rule"), TEMPLATES)),
        section="Rules",
        filters=rx.fragment(
            rx.cond(RulesState.agent != "", agent_bar(RulesState.agent, "rules")),
            rx.el.div(search_box(t("Search rules"), RulesState.search, RulesState.set_search), class_name="filters"),
        ),
        table=_table(),
        empty=empty_state(
            t("No rules yet. A rule runs actions automatically when something happens."),
            rx.cond(~READ_ONLY, example_button(RulesState, "person")),
            icon="workflow",
        ),
    )


def _table() -> rx.Component:
    return rx.fragment(
        rx.cond(
            RulesState.rows.length() > 0,
            DragArea.create(
                framed_table(
                    columns("#", t("Rule"), t("When"), t("If"), t("Then"), t("Runs"), t("On"), None),
                    rx.table.body(rx.foreach(RulesState.rows, _row)),
                ),
                on_move=RulesState.drop,
            ),
            no_matches(),
        ),
        pager(RulesState.page, RulesState.pages, RulesState.total_words, RulesState.go_to_page),
    )


def _row(rule: rx.Var[RuleRow], at: rx.Var[int]) -> rx.Component:
    return rx.table.row(
        rx.table.cell(rule.priority),
        rx.table.row_header_cell(
            row_link(rule.name, f"/manage/{CurrentUser.slug}/rules/{rule.id}"),
            rx.el.div(rule.agent, class_name="muted small"),
            draft_mark(rule),
        ),
        rx.table.cell(rule.trigger),
        rx.table.cell(rule.condition),
        rx.table.cell(rule.actions),
        rx.table.cell(rule.runs, rx.cond(rule.when != "", rx.el.div(time_ago(rule.when, rule.exact)))),
        enabled_cell(RulesState, rule),
        rx.table.cell(rx.cond(~READ_ONLY, _actions(rule, at))),
        align="center",
        key=rule.id,
        custom_attrs=draggable(rule.id) | droppable(rule.id),
    )


def _actions(rule: rx.Var[RuleRow], at: rx.Var[int]) -> rx.Component:
    return rx.flex(
        move_buttons(
            (t("Move “{name}” up", name=rule.name), t("Move “{name}” down", name=rule.name)),
            lambda up: RulesState.move(rule.id, up),
            first=at == 0,
            last=at == RulesState.rows.length() - 1,
        ),
        definition_menu(RulesState, rule),
        spacing="3",
        justify="end",
        align="center",
    )


PAGES = [
    tenant_page("/rules", "Rules", show, RulesState.load, RulesState.watch),
    tenant_page("/agents/[agent_id]/rules", "Rules", show, RulesState.load, RulesState.watch),
]

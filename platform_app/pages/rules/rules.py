"""Rules: the list page."""

import reflex as rx

from platform_app.automation.rule_templates import TEMPLATES
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.listing import columns, framed_table, list_page, row_menu, search_box
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    move_buttons,
    pager,
    row_link,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.definition_list import NO_AGENT
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
        rx.fragment(t("What happens by itself after an event."), " ", rx.cond(RulesState.agent != "", agent)),
        runs,
        rx.cond(~READ_ONLY, _create()),
        section="Rules",
        filters=rx.el.div(
            search_box(t("Search rules"), RulesState.search, RulesState.set_search), class_name="filters"
        ),
        table=_table(),
        empty=empty_state(t("No rules yet. A rule does something by itself when something happens."), icon="workflow"),
    )


def _create() -> rx.Component:
    templates = (
        rx.menu.item(t(template.name), on_select=RulesState.create(code)) for code, template in TEMPLATES.items()
    )
    return rx.menu.root(
        rx.menu.trigger(rx.button(rx.icon("plus", size=16), t("Create rule"))),
        rx.menu.content(
            rx.menu.item(t("From nothing"), on_select=RulesState.create("")),
            rx.menu.separator(),
            *templates,
        ),
    )


def _table() -> rx.Component:
    return rx.fragment(
        rx.cond(
            RulesState.rows.length() > 0,
            DragArea.create(
                framed_table(
                    columns("№", t("Rule"), t("When"), t("If"), t("Then"), t("Runs"), t("On"), None),
                    rx.table.body(rx.foreach(RulesState.rows, _row)),
                ),
                on_move=RulesState.drop,
            ),
            empty_state(t("Nothing matches."), icon="search-x"),
        ),
        pager(RulesState.page, RulesState.pages, RulesState.total_words, RulesState.go_to_page),
    )


def _row(rule: rx.Var[RuleRow], at: rx.Var[int]) -> rx.Component:
    marks = rx.match(
        rule.state,
        ("draft", status("amber", t("Draft"))),
        ("differs", status("amber", t("The draft differs"))),
        rx.fragment(),
    )
    return rx.table.row(
        rx.table.cell(rule.priority),
        rx.table.row_header_cell(
            row_link(rule.name, f"/manage/{CurrentUser.slug}/rules/{rule.id}"),
            rx.el.div(rule.agent, class_name="muted small"),
            marks,
        ),
        rx.table.cell(rule.trigger),
        rx.table.cell(rule.condition),
        rx.table.cell(rule.actions),
        rx.table.cell(rule.runs, rx.cond(rule.when != "", rx.el.div(time_ago(rule.when, rule.exact)))),
        rx.table.cell(
            rx.switch(
                checked=rule.enabled,
                on_change=lambda enabled: RulesState.switch(rule.id, enabled),
                disabled=READ_ONLY | (rule.state == "draft"),
                aria_label=t("Switch “{title}”", title=rule.name),
            )
        ),
        rx.table.cell(rx.cond(~READ_ONLY, _actions(rule, at))),
        align="center",
        key=rule.id,
        custom_attrs=draggable(rule.id) | droppable(rule.id),
    )


def _actions(rule: rx.Var[RuleRow], at: rx.Var[int]) -> rx.Component:
    copies = rx.menu.sub(
        rx.menu.sub_trigger(t("Copy for an agent")),
        rx.menu.sub_content(
            rx.menu.item(t("All agents"), on_select=RulesState.copy_to(rule.id, NO_AGENT)),
            rx.foreach(
                RulesState.agents,
                lambda agent: rx.menu.item(agent.name, on_select=RulesState.copy_to(rule.id, agent.id)),
            ),
        ),
    )
    menu = row_menu(
        rule.name,
        rx.menu.item(t("Duplicate"), on_select=RulesState.duplicate(rule.id)),
        copies,
        rx.menu.separator(),
        rx.menu.item(t("Delete"), color="red", on_select=RulesState.delete(rule.id)),
    )
    return rx.flex(
        move_buttons(
            (t("Move “{name}” up", name=rule.name), t("Move “{name}” down", name=rule.name)),
            lambda up: RulesState.move(rule.id, up),
            first=at == 0,
            last=at == RulesState.rows.length() - 1,
        ),
        menu,
        spacing="3",
        justify="end",
        align="center",
    )


PAGES = [
    tenant_page("/rules", "Rules", show, RulesState.load, RulesState.watch),
    tenant_page("/agents/[agent_id]/rules", "Rules", show, RulesState.load, RulesState.watch),
]

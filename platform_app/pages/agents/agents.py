"""Agents: the list page."""

import reflex as rx

from platform_app.components.console.listing import (
    actions_head,
    framed_table,
    list_page,
    search_box,
    select_filter,
    sortable,
)
from platform_app.components.console.named_confirmation import named_confirmation
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    IS_ADMIN,
    READ_ONLY,
    empty_state,
    link_button,
    pager,
    row_link,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.feed.demo_button import load_demo_button
from platform_app.state.agents.agents import STATUSES, AgentListRow, AgentsState
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.list_page import SIZES


def show() -> rx.Component:
    """Return the page on which members look for agents, and operators create, copy, switch and delete them."""
    return list_page(
        AgentsState,
        t("Agents"),
        t("AI assistants that talk to your customers."),
        rx.link(t("Shadow mode"), href=f"/manage/{CurrentUser.slug}/agents/shadow", size="2", underline="always"),
        rx.cond(
            ~READ_ONLY,
            rx.fragment(link_button(t("Create agent"), "/agents/new", rx.icon("plus", size=16)), _deletion()),
        ),
        section="Agents",
        filters=_filters(),
        table=_table(),
        empty=empty_state(
            t("No agents yet. Create your first one, or load an example with knowledge and conversations."),
            rx.cond(~READ_ONLY, link_button(t("Create agent"), "/agents/new")),
            rx.cond(IS_ADMIN, load_demo_button(AgentsState.load)),
            icon="bot",
        ),
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search agents"), AgentsState.search, AgentsState.set_search),
        select_filter(
            t("Status"),
            AgentsState.status,
            [("all", t("All statuses")), *((code, t(words)) for code, (words, _) in STATUSES.items())],
            AgentsState.filter_status,
        ),
        select_filter(
            t("Rows per page"),
            AgentsState.size,
            [(size, t("{count} per page", count=size)) for size in SIZES],
            AgentsState.set_page_size,
        ),
        class_name="filters",
    )


def _table() -> rx.Component:
    head = rx.table.header(
        rx.table.row(
            sortable(AgentsState, t("Name"), "name"),
            sortable(AgentsState, t("Status"), "status"),
            rx.table.column_header_cell(t("Published")),
            sortable(AgentsState, t("Conversations"), "conversations"),
            sortable(AgentsState, t("Changed"), "updated"),
            actions_head(),
        )
    )
    return rx.fragment(
        framed_table(head, rx.table.body(rx.foreach(AgentsState.rows, _row))),
        pager(AgentsState.page, AgentsState.pages, AgentsState.total_words, AgentsState.go_to_page),
    )


def _row(agent: rx.Var[AgentListRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(agent.name, f"/manage/{CurrentUser.slug}/agents/{agent.id}")),
        rx.table.cell(_switch(agent)),
        rx.table.cell(agent.version),
        rx.table.cell(agent.conversations),
        rx.table.cell(time_ago(agent.when, agent.exact)),
        rx.table.cell(rx.cond(~READ_ONLY, _menu(agent))),
        align="center",
    )


def _switch(agent: rx.Var[AgentListRow]) -> rx.Component:
    return rx.flex(
        rx.switch(
            checked=agent.active,
            on_change=AgentsState.switch(agent.id),
            disabled=READ_ONLY | ~agent.can_switch,
            aria_label=t("Turn “{title}” on or off", title=agent.name),
            title=rx.cond(agent.can_switch, "", t("Publish the agent first.")),
        ),
        status(agent.colour, agent.status),
        spacing="3",
        align="center",
    )


def _menu(agent: rx.Var[AgentListRow]) -> rx.Component:
    return rx.menu.root(
        rx.menu.trigger(
            rx.icon_button(
                rx.icon("ellipsis", size=16),
                variant="ghost",
                color_scheme="gray",
                aria_label=t("Actions for “{title}”", title=agent.name),
            )
        ),
        rx.menu.content(
            rx.menu.item(
                t("Try in the test chat"),
                on_select=rx.redirect(f"/manage/{CurrentUser.slug}/test-chat?agent={agent.id}"),
            ),
            rx.menu.item(t("Duplicate"), on_select=AgentsState.duplicate(agent.id)),
            rx.menu.separator(),
            rx.menu.item(t("Delete…"), color_scheme="red", on_select=AgentsState.delete(agent.id)),
        ),
    )


def _deletion() -> rx.Component:
    return named_confirmation(
        rx.foreach(AgentsState.asked_words, lambda sentence: rx.el.p(sentence, class_name="small")),
        title=t("Delete “{title}”?", title=AgentsState.asked_name),
        lead=t("The agent stops replying right away. You can restore it from the bin for 30 days."),
        name=AgentsState.asked_name,
        verb=t("Delete agent"),
        problem=AgentsState.problem,
        is_open=AgentsState.asked_id != "",
        on_close=AgentsState.close_question,
        on_confirm=AgentsState.confirm_delete,
    )


PAGES = [tenant_page("/agents", "Agents", show, AgentsState.load, AgentsState.watch)]

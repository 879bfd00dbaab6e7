"""Leads: the page with the board and the list."""

from typing import Any

import reflex as rx

from platform_app.components.console.bulk_actions import (
    bulk_select,
    page_checkbox,
    row_checkbox,
    selection_bar,
    tag_form,
    tags,
)
from platform_app.components.console.listing import (
    actions_head,
    delete_cell,
    framed_table,
    list_page,
    search_box,
    sortable,
    tag_filter,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, pager, row_link, time_ago
from platform_app.components.console.text import t
from platform_app.components.crm.board import board
from platform_app.components.views.saved_views import saved_views
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.leads import LeadRow, LeadsState
from platform_app.state.views.saved_views import SavedViewsState


def show() -> rx.Component:
    """Return the page on which members see leads as a board of stages or a list, and operators move them."""
    create = rx.button(rx.icon("plus", size=16), t("Create lead"), on_click=LeadsState.create)
    return list_page(
        LeadsState,
        t("Leads"),
        t("Your deals, stage by stage."),
        saved_views(),
        _views(),
        rx.cond(~READ_ONLY, create),
        section="Leads",
        filters=rx.fragment(_filters(), rx.el.p(LeadsState.announcement, class_name="visually-hidden", role="status")),
        table=rx.cond(LeadsState.view == "board", board(), _table()),
        # an empty board shows its stages, unless it is empty because of the filters
        shown=LeadsState.total + rx.cond(LeadsState.is_filtered, 0, LeadsState.columns.length()),
        empty=empty_state(
            t("No leads yet. Create one or let a rule create them."), rx.cond(~READ_ONLY, create), icon="handshake"
        ),
    )


def _views() -> rx.Component:
    return rx.segmented_control.root(
        rx.segmented_control.item(t("Board"), value="board"),
        rx.segmented_control.item(t("List"), value="list"),
        value=LeadsState.view,
        on_change=LeadsState.set_view,
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search leads"), LeadsState.search, LeadsState.set_search),
        rx.cond(
            LeadsState.view == "board",
            _filter("pipeline", t("Pipeline"), LeadsState.pipelines, LeadsState.pipeline),
            _filter("stage", t("Stage"), LeadsState.stages, LeadsState.stage, everything=t("All stages")),
        ),
        _filter(
            "responsible",
            t("Owner|lead"),
            LeadsState.members,
            LeadsState.responsible,
            everything=t("Everyone|members"),
        ),
        tag_filter(LeadsState.tag, lambda tag: LeadsState.set_filter("tag", tag)),
        rx.link(
            t("Pipelines and fields"), href=f"/manage/{CurrentUser.slug}/settings/crm", size="2", underline="always"
        ),
        class_name="filters",
    )


def _filter(name: str, label: Any, choices: Any, value: Any, *, everything: Any = None) -> rx.Component:
    first = [] if everything is None else [rx.select.item(everything, value="all")]
    return rx.select.root(
        rx.select.trigger(aria_label=label),
        rx.select.content(*first, rx.foreach(choices, lambda choice: rx.select.item(choice.name, value=choice.id))),
        value=value,
        on_change=lambda selected: LeadsState.set_filter(name, selected),
    )


def _table() -> rx.Component:
    head = rx.table.header(
        rx.table.row(
            rx.cond(~READ_ONLY, rx.table.column_header_cell(page_checkbox(LeadsState))),
            sortable(LeadsState, t("Title"), "title"),
            rx.table.column_header_cell(t("Contact")),
            rx.table.column_header_cell(t("Stage")),
            sortable(LeadsState, t("Budget"), "budget", class_name="number"),
            rx.table.column_header_cell(t("Owner|lead")),
            rx.table.column_header_cell(t("Tags")),
            sortable(LeadsState, t("Changed"), "updated"),
            rx.cond(~READ_ONLY, actions_head()),
        )
    )
    return rx.fragment(
        selection_bar(
            LeadsState,
            bulk_select(t("Move to the stage…"), LeadsState.stages, LeadsState.move_selected),
            bulk_select(t("Assign to…"), LeadsState.members, LeadsState.assign_selected),
            tag_form(LeadsState),
        ),
        framed_table(head, rx.table.body(rx.foreach(LeadsState.rows, _row))),
        pager(LeadsState.page, LeadsState.pages, LeadsState.total_words, LeadsState.go_to_page),
    )


def _row(lead: rx.Var[LeadRow]) -> rx.Component:
    return rx.table.row(
        rx.cond(~READ_ONLY, rx.table.cell(row_checkbox(LeadsState, lead.id, lead.title))),
        rx.table.row_header_cell(row_link(lead.title, f"/manage/{CurrentUser.slug}/leads/{lead.id}")),
        rx.table.cell(lead.contact),
        rx.table.cell(lead.stage),
        rx.table.cell(lead.budget, class_name="figure-small number"),
        rx.table.cell(lead.responsible),
        rx.table.cell(tags(lead.tags)),
        rx.table.cell(time_ago(lead.when, lead.exact)),
        delete_cell(lead.title, LeadsState.delete(lead.id)),
        align="center",
        key=lead.id,
    )


PAGES = [tenant_page("/leads", "Leads", show, LeadsState.load, LeadsState.watch, SavedViewsState.load)]

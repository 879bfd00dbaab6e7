"""Leads: the board by stage, and the list."""

from typing import Any

import reflex as rx

from platform_app.components.board import board
from platform_app.components.chosen import chosen_bar, pick, tag_form, tags, tick, tick_all
from platform_app.components.layout import frame, page_head
from platform_app.components.listing import framed_table, listing, search_box, sortable
from platform_app.components.page import inside
from platform_app.components.parts import READ_ONLY, empty_state, pager, time_ago, undo_bar
from platform_app.components.text import t
from platform_app.state.base import Person
from platform_app.state.leads import LeadRow, LeadsState


def show() -> rx.Component:
    """Show the leads of the tenant."""
    return frame(
        rx.fragment(
            page_head(
                t("Leads"),
                t("Deals on their way through the stages."),
                _views(),
                rx.cond(~READ_ONLY, rx.button(rx.icon("plus", size=16), t("Create lead"), on_click=LeadsState.create)),
            ),
            _filters(),
            rx.el.p(LeadsState.said, class_name="visually-hidden", role="status"),
            listing(
                loaded=LeadsState.loaded,
                total=LeadsState.total + LeadsState.columns.length(),
                filtered=LeadsState.is_filtered,
                table=rx.cond(LeadsState.view == "board", board(), _table()),
                empty=empty_state(t("No leads yet."), icon="handshake"),
            ),
            undo_bar(LeadsState.undo_sentence, LeadsState.undo),
        ),
        section="Leads",
    )


def _views() -> rx.Component:
    return rx.segmented_control.root(
        rx.segmented_control.item(t("Board"), value="board"),
        rx.segmented_control.item(t("List"), value="list"),
        value=LeadsState.view,
        on_change=LeadsState.show,
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search leads"), LeadsState.search, LeadsState.type_search),
        rx.cond(
            LeadsState.view == "board",
            _filter("pipeline", t("Pipeline"), LeadsState.pipelines, LeadsState.pipeline),
            _filter("stage", t("Stage"), LeadsState.stages, LeadsState.stage, everything=t("All stages")),
        ),
        _filter(
            "responsible", t("Responsible"), LeadsState.members, LeadsState.responsible, everything=t("All members")
        ),
        rx.debounce_input(
            rx.input(
                value=LeadsState.tag,
                on_change=lambda tag: LeadsState.filter_by("tag", tag),
                placeholder=t("Tag"),
                aria_label=t("With the tag"),
                max_length=60,
                width="140px",
            ),
            debounce_timeout=250,
        ),
        rx.link(t("Pipelines and fields"), href=f"/manage/{Person.slug}/settings/crm", size="2", underline="always"),
        class_name="filters",
    )


def _filter(name: str, label: Any, choices: Any, value: Any, *, everything: Any = None) -> rx.Component:
    first = [] if everything is None else [rx.select.item(everything, value="all")]
    return rx.select.root(
        rx.select.trigger(aria_label=label),
        rx.select.content(*first, rx.foreach(choices, lambda choice: rx.select.item(choice.name, value=choice.id))),
        value=value,
        on_change=lambda chosen: LeadsState.filter_by(name, chosen),
    )


def _table() -> rx.Component:
    head = rx.table.header(
        rx.table.row(
            rx.cond(~READ_ONLY, rx.table.column_header_cell(tick_all(LeadsState))),
            sortable(LeadsState, t("Title"), "title"),
            rx.table.column_header_cell(t("Stage")),
            sortable(LeadsState, t("Budget"), "budget"),
            rx.table.column_header_cell(t("Responsible")),
            rx.table.column_header_cell(t("Tags")),
            sortable(LeadsState, t("Changed"), "updated"),
            rx.cond(
                ~READ_ONLY,
                rx.table.column_header_cell(rx.el.span(t("Actions"), class_name="visually-hidden")),
            ),
        )
    )
    return rx.fragment(
        chosen_bar(
            LeadsState,
            pick(t("Move to the stage…"), LeadsState.stages, LeadsState.move_chosen),
            pick(t("Make responsible…"), LeadsState.members, LeadsState.assign_chosen),
            tag_form(LeadsState),
        ),
        framed_table(head, rx.table.body(rx.foreach(LeadsState.rows, _row))),
        pager(LeadsState.page, LeadsState.pages, LeadsState.total_words, LeadsState.turn),
    )


def _row(lead: rx.Var[LeadRow]) -> rx.Component:
    return rx.table.row(
        rx.cond(~READ_ONLY, rx.table.cell(tick(LeadsState, lead.id, lead.title))),
        rx.table.row_header_cell(
            rx.link(
                lead.title,
                href=f"/manage/{Person.slug}/leads/{lead.id}",
                color_scheme="gray",
                high_contrast=True,
                underline="hover",
            )
        ),
        rx.table.cell(lead.stage),
        rx.table.cell(lead.budget, class_name="figure-small"),
        rx.table.cell(lead.responsible),
        rx.table.cell(tags(lead.tags)),
        rx.table.cell(time_ago(lead.when, lead.exact)),
        rx.cond(
            ~READ_ONLY,
            rx.table.cell(
                rx.icon_button(
                    rx.icon("trash-2", size=16),
                    variant="ghost",
                    color_scheme="gray",
                    aria_label=t("Delete “{title}”", title=lead.title),
                    on_click=LeadsState.delete(lead.id),
                )
            ),
        ),
        align="center",
        key=lead.id,
    )


PAGES = [inside("/leads", "Leads", show, LeadsState.load, LeadsState.watch)]

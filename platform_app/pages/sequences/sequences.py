"""Sequences: the list page."""

import reflex as rx

from platform_app.automation.sequence_templates import TEMPLATES
from platform_app.components.agents.agent_tabs import agent_bar
from platform_app.components.console.listing import columns, framed_table, list_page, no_matches, search_box
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, pager, row_link
from platform_app.components.console.text import t
from platform_app.components.rules.definition_list import (
    create_menu,
    definition_menu,
    draft_mark,
    enabled_cell,
    example_button,
)
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.sequences import SequenceRow, SequencesState

STATE = SequencesState


def show() -> rx.Component:
    """Return the page on which operators order, switch, copy and delete sequences, of one agent or all."""
    base = f"/manage/{CurrentUser.slug}/sequences"
    people = rx.link(t("Enrollments"), href=f"{base}/enrollments", size="2", underline="always")
    due = rx.link(t("Calendar"), href=f"{base}/calendar", size="2", underline="always")
    agent = rx.link(STATE.agent_name, href=f"/manage/{CurrentUser.slug}/agents/{STATE.agent}", underline="always")
    return list_page(
        STATE,
        t("Sequences"),
        rx.fragment(
            t("Scheduled follow-ups that stop when the customer replies."), " ", rx.cond(STATE.agent != "", agent)
        ),
        people,
        due,
        rx.cond(~READ_ONLY, create_menu(STATE, t("Create sequence"), TEMPLATES)),
        section="Sequences",
        filters=rx.fragment(
            rx.cond(STATE.agent != "", agent_bar(STATE.agent, "sequences")),
            rx.el.div(search_box(t("Search sequences"), STATE.search, STATE.set_search), class_name="filters"),
        ),
        table=_table(),
        empty=empty_state(
            t("No sequences yet. A sequence follows up step by step until the customer replies."),
            rx.cond(~READ_ONLY, example_button(STATE, "follow_up")),
            icon="route",
        ),
    )


def _table() -> rx.Component:
    heads = (
        t("Sequence"),
        t("Trigger"),
        t("If"),
        t("Steps"),
        t("Active|inside"),
        t("Enrolled"),
        t("Completed"),
        t("On"),
        None,
    )
    return rx.fragment(
        rx.cond(
            STATE.rows.length() > 0,
            framed_table(columns(*heads), rx.table.body(rx.foreach(STATE.rows, _row))),
            no_matches(),
        ),
        pager(STATE.page, STATE.pages, STATE.total_words, STATE.go_to_page),
    )


def _row(row: rx.Var[SequenceRow]) -> rx.Component:
    base = f"/manage/{CurrentUser.slug}/sequences"
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(row.name, f"{base}/{row.id}"), rx.el.div(row.agent, class_name="muted small"), draft_mark(row)
        ),
        rx.table.cell(row.trigger),
        rx.table.cell(row.condition),
        rx.table.cell(row.steps),
        rx.table.cell(row_link(row.inside, f"{base}/enrollments?sequence={row.id}")),
        rx.table.cell(row.entered),
        rx.table.cell(row.ended),
        enabled_cell(STATE, row),
        rx.table.cell(rx.cond(~READ_ONLY, definition_menu(STATE, row))),
        align="center",
        key=row.id,
    )


PAGES = [
    tenant_page("/sequences", "Sequences", show, STATE.load, STATE.watch),
    tenant_page("/agents/[agent_id]/sequences", "Sequences", show, STATE.load, STATE.watch),
]

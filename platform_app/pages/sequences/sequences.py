"""Sequences: the list page."""

import reflex as rx

from platform_app.automation.sequence_templates import TEMPLATES
from platform_app.components.console.listing import columns, framed_table, list_page, row_menu, search_box
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, pager, row_link, status
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.definition_list import NO_AGENT
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
        rx.fragment(t("Follow-ups that keep their appointments."), " ", rx.cond(STATE.agent != "", agent)),
        people,
        due,
        rx.cond(~READ_ONLY, _create()),
        section="Sequences",
        filters=rx.el.div(search_box(t("Search sequences"), STATE.search, STATE.set_search), class_name="filters"),
        table=_table(),
        empty=empty_state(
            t("No sequences yet. A sequence follows somebody up, step by step, until they answer."), icon="route"
        ),
    )


def _create() -> rx.Component:
    templates = (rx.menu.item(t(template.name), on_select=STATE.create(code)) for code, template in TEMPLATES.items())
    return rx.menu.root(
        rx.menu.trigger(rx.button(rx.icon("plus", size=16), t("Create sequence"))),
        rx.menu.content(
            rx.menu.item(t("From nothing"), on_select=STATE.create("")),
            rx.menu.separator(),
            *templates,
        ),
    )


def _table() -> rx.Component:
    heads = (t("Sequence"), t("Begins"), t("If"), t("Steps"), t("Inside"), t("Entered"), t("To the end"), t("On"), None)
    return rx.fragment(
        rx.cond(
            STATE.rows.length() > 0,
            framed_table(columns(*heads), rx.table.body(rx.foreach(STATE.rows, _row))),
            empty_state(t("Nothing matches."), icon="search-x"),
        ),
        pager(STATE.page, STATE.pages, STATE.total_words, STATE.go_to_page),
    )


def _row(row: rx.Var[SequenceRow]) -> rx.Component:
    base = f"/manage/{CurrentUser.slug}/sequences"
    marks = rx.match(
        row.state,
        ("draft", status("amber", t("Draft"))),
        ("differs", status("amber", t("The draft differs"))),
        rx.fragment(),
    )
    return rx.table.row(
        rx.table.row_header_cell(
            row_link(row.name, f"{base}/{row.id}"), rx.el.div(row.agent, class_name="muted small"), marks
        ),
        rx.table.cell(row.trigger),
        rx.table.cell(row.condition),
        rx.table.cell(row.steps),
        rx.table.cell(row_link(row.inside, f"{base}/enrollments?sequence={row.id}")),
        rx.table.cell(row.entered),
        rx.table.cell(row.ended),
        rx.table.cell(
            rx.switch(
                checked=row.enabled,
                on_change=lambda enabled: STATE.switch(row.id, enabled),
                disabled=READ_ONLY | (row.state == "draft"),
                aria_label=t("Switch “{title}”", title=row.name),
            )
        ),
        rx.table.cell(rx.cond(~READ_ONLY, _actions(row))),
        align="center",
        key=row.id,
    )


def _actions(row: rx.Var[SequenceRow]) -> rx.Component:
    copies = rx.menu.sub(
        rx.menu.sub_trigger(t("Copy for an agent")),
        rx.menu.sub_content(
            rx.menu.item(t("All agents"), on_select=STATE.copy_to(row.id, NO_AGENT)),
            rx.foreach(STATE.agents, lambda agent: rx.menu.item(agent.name, on_select=STATE.copy_to(row.id, agent.id))),
        ),
    )
    return row_menu(
        row.name,
        rx.menu.item(t("Duplicate"), on_select=STATE.duplicate(row.id)),
        copies,
        rx.menu.separator(),
        rx.menu.item(t("Delete"), color="red", on_select=STATE.delete(row.id)),
    )


PAGES = [
    tenant_page("/sequences", "Sequences", show, STATE.load, STATE.watch),
    tenant_page("/agents/[agent_id]/sequences", "Sequences", show, STATE.load, STATE.watch),
]

"""Enrollments: the list page."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import (
    READ_ONLY,
    confirm,
    empty_state,
    link_button,
    pager,
    row_link,
    status,
    time_ago,
)
from platform_app.components.console.text import t
from platform_app.components.rules.condition_values import native
from platform_app.components.sequences.enroll_dialog import enrolling
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.enrollments import EnrollmentRow, EnrollmentsState
from platform_app.state.sequences.sequence_words import EXIT_REASONS, STATES

STATE = EnrollmentsState


def show() -> rx.Component:
    """Return the page on which members see who is in which sequence, and operators pause, skip or remove."""
    base = f"/manage/{CurrentUser.slug}/sequences"
    back = rx.cond(
        STATE.sequence_name != "",
        rx.link(STATE.sequence_name, href=f"{base}/{STATE.sequence}", size="2", underline="always"),
    )
    enroll = rx.cond(
        STATE.can_enroll & ~READ_ONLY,
        rx.button(rx.icon("user-plus", size=16), t("Enroll"), on_click=STATE.set_dialog_open(~STATE.is_open)),
    )
    return frame(
        rx.fragment(
            page_head(t("Enrollments"), t("Who is enrolled, their current step and what’s next."), back, enroll),
            rx.cond(STATE.is_open, enrolling(STATE)),
            _filters(),
            rx.cond((STATE.total > 0) & ~READ_ONLY, _bulk_actions()),
            listing(
                loaded=STATE.loaded,
                total=STATE.total,
                filtered=(STATE.state != "all") | (STATE.sequence != "all"),
                table=_table(),
                empty=empty_state(
                    t("No enrollments yet. Turn on a sequence, or enroll a contact or lead in it by hand."),
                    link_button(t("Go to sequences"), "/sequences"),
                    icon="route",
                ),
            ),
        ),
        section="Sequences",
    )


def _filters() -> rx.Component:
    states = [
        rx.el.option(t("Everybody"), value="all"),
        rx.el.option(t("Active|inside"), value="inside"),
        rx.el.option(t("Delayed by downtime"), value="late"),
        rx.el.optgroup(*(rx.el.option(t(words), value=code) for code, (words, _) in STATES.items()), label=t("State")),
        rx.el.optgroup(
            *(rx.el.option(t(words), value=code) for code, words in EXIT_REASONS.items()), label=t("Exited")
        ),
    ]
    sequences = [
        rx.el.option(t("All sequences"), value="all"),
        rx.foreach(STATE.sequences, lambda sequence: rx.el.option(sequence.name, value=sequence.id)),
    ]
    return rx.el.div(
        native(
            sequences,
            label=t("Sequence"),
            value=STATE.sequence,
            on_change=lambda value: STATE.filter_by("sequence", value),
        ),
        native(states, label=t("State"), value=STATE.state, on_change=lambda value: STATE.filter_by("state", value)),
        class_name="filters",
    )


def _bulk_actions() -> rx.Component:
    """Offer what can be done with several ways."""
    selected = STATE.selected.length() > 0
    count = rx.cond(
        selected,
        t("{count} selected", count=STATE.selected.length()),
        t("All {count} matching", count=STATE.total),
    )
    return rx.flex(
        rx.el.span(count, class_name="small"),
        _button(t("Pause"), on_click=STATE.act("pause", ~selected)),
        _button(t("Resume"), on_click=STATE.act("resume", ~selected)),
        confirm(
            _button(t("Skip the next step")),
            title=t("Skip the next step?"),
            sentence=count,
            verb=t("Skip the next step"),
            on_confirm=STATE.act("skip", ~selected),
        ),
        confirm(
            _button(t("Remove"), color_scheme="red"),
            title=t("Remove from the sequence?"),
            sentence=rx.fragment(count, ". ", t("No further steps will run. Completed steps are kept.")),
            verb=t("Remove"),
            on_confirm=STATE.act("remove", ~selected),
        ),
        spacing="2",
        align="center",
        wrap="wrap",
        class_name=rx.cond(selected, "chosen-bar", "chosen-bar still"),
    )


def _button(words: Any, **more: Any) -> rx.Component:
    return rx.button(words, **({"size": "1", "variant": "soft", "color_scheme": "gray", "high_contrast": True} | more))


def _table() -> rx.Component:
    everything = rx.el.input(
        type="checkbox",
        checked=(STATE.selected.length() > 0) & (STATE.selected.length() == STATE.rows.length()),
        on_change=STATE.select_all,
        aria_label=t("Select all"),
        disabled=READ_ONLY,
    )
    heads = (everything, t("Lead or contact"), t("Sequence"), t("State"), t("Next step"), t("Due"), t("Enrolled"))
    return rx.fragment(
        framed_table(columns(*heads), rx.table.body(rx.foreach(STATE.rows, _row))),
        pager(STATE.page, STATE.pages, STATE.total_words, STATE.go_to_page),
    )


def _row(row: rx.Var[EnrollmentRow]) -> rx.Component:
    base = f"/manage/{CurrentUser.slug}"
    return rx.table.row(
        rx.table.cell(
            rx.el.input(
                type="checkbox",
                checked=STATE.selected.contains(row.id),
                on_change=lambda selected: STATE.select_row(row.id, selected),
                aria_label=t("Choose “{name}”", name=row.subject),
                disabled=READ_ONLY,
            )
        ),
        rx.table.row_header_cell(row_link(row.subject, f"{base}/sequences/enrollments/{row.id}")),
        rx.table.cell(row_link(row.sequence, f"{base}/sequences/{row.sequence_id}")),
        rx.table.cell(status(row.colour, row.words)),
        rx.table.cell(row.step),
        rx.table.cell(
            rx.cond(row.due != "", time_ago(row.due, row.due_exact)),
            rx.cond(row.is_late, rx.el.div(t("delayed"), class_name="muted small")),
        ),
        rx.table.cell(time_ago(row.entered, row.entered_exact)),
        align="center",
        key=row.id,
    )


PAGES = [tenant_page("/sequences/enrollments", "Enrollments", show, STATE.load, STATE.watch)]

"""Bin: what was deleted in the last 30 days."""

from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing, search_box, select_filter
from platform_app.components.console.named_confirmation import named_confirmation
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, READ_ONLY, empty_state, icon_button, pager, time_ago
from platform_app.components.console.text import t
from platform_app.state.bin.bin import KIND_LABELS, BinRow, BinState


def show() -> rx.Component:
    """Return the page on which members find and restore what was deleted, and admins delete it for good."""
    return frame(
        rx.fragment(
            page_head(
                t("Bin"),
                t("What was deleted stays here for 30 days and can be restored."),
            ),
            _filters(),
            listing(
                loaded=rx.State.is_hydrated & BinState.loaded,
                total=BinState.total,
                filtered=BinState.is_filtered,
                table=_table(),
                empty=empty_state(t("Nothing was deleted in the last 30 days."), icon="trash-2"),
            ),
            rx.cond(IS_ADMIN, _confirmation()),
        ),
        section="Settings",
    )


def _filters() -> rx.Component:
    kinds = [("all", t("All kinds")), *((kind.value, t(words)) for kind, words in KIND_LABELS.items())]
    return rx.el.div(
        search_box(t("Search by name"), BinState.search, BinState.set_search),
        select_filter(t("Kind"), BinState.kind, kinds, BinState.filter_kind),
        class_name="filters",
    )


def _table() -> rx.Component:
    heads = (t("Name"), t("Kind"), t("Deleted by"), t("When"), t("Deleted on"))
    return rx.fragment(
        framed_table(
            rx.cond(READ_ONLY, columns(*heads), columns(*heads, None)),
            rx.table.body(rx.foreach(BinState.rows, _row)),
        ),
        pager(BinState.page, BinState.pages, BinState.total_words, BinState.go_to_page),
    )


def _shown_name(row: rx.Var[BinRow]) -> Any:
    return rx.cond(row.name != "", row.name, t("Untitled"))


def _row(row: rx.Var[BinRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(
            rx.el.span(_shown_name(row), class_name="update-words"),
            rx.cond(row.with_words != "", rx.el.div(row.with_words, class_name="muted small")),
        ),
        rx.table.cell(row.kind, class_name="whole"),
        rx.table.cell(rx.cond(row.by != "", row.by, t("the platform"))),
        rx.table.cell(time_ago(row.when, row.exact)),
        rx.table.cell(time_ago(row.gone, row.gone_exact)),
        rx.cond(~READ_ONLY, rx.table.cell(_tools(row))),
        align="center",
        key=row.id,
    )


def _tools(row: rx.Var[BinRow]) -> rx.Component:
    name = _shown_name(row)
    return rx.flex(
        rx.button(
            t("Restore"),
            size="1",
            variant="soft",
            color_scheme="gray",
            high_contrast=True,
            aria_label=t("Restore “{title}”", title=name),
            on_click=BinState.restore(row.id),
        ),
        rx.cond(IS_ADMIN, icon_button("trash-2", t("Permanently delete “{title}”", title=name), BinState.ask(row.id))),
        spacing="3",
        align="center",
        justify="end",
    )


def _confirmation() -> rx.Component:
    return named_confirmation(
        title=rx.cond(
            BinState.asked_name != "",
            t("Permanently delete “{title}”?", title=BinState.asked_name),
            t("Delete permanently?"),
        ),
        lead=t("Everything that belongs to it is deleted too. This can’t be undone."),
        name=BinState.asked_name,
        verb=t("Delete permanently"),
        problem=BinState.problem,
        is_open=BinState.asked_id != "",
        on_close=BinState.close_question,
        on_confirm=BinState.confirm,
    )


PAGES = [tenant_page("/settings/bin", "Bin", show, BinState.load, BinState.watch)]

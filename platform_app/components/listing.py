"""Listing: what every list page shares: the filter row, the table's frame, nothing yet and nothing matches."""

from typing import Any

import reflex as rx

from platform_app.components.parts import empty_state, skeleton_rows
from platform_app.components.text import t


def select_filter(label: Any, value: Any, choices: list[tuple[str, Any]], on_change: Any) -> rx.Component:
    """Show a filter of few choices; the first stands for "all" and has the value "all"."""
    return rx.select.root(
        rx.select.trigger(aria_label=label),
        rx.select.content(*(rx.select.item(words, value=code) for code, words in choices)),
        value=value,
        on_change=on_change,
    )


def search_box(label: Any, value: Any, on_change: Any) -> rx.Component:
    """Show a search field that searches as one types."""
    return rx.debounce_input(
        rx.input(
            rx.input.slot(rx.icon("search", size=16, aria_hidden="true")),
            value=value,
            on_change=on_change,
            placeholder=label,
            aria_label=label,
            max_length=200,
            width="260px",
            max_width="100%",
        ),
        debounce_timeout=250,
    )


def listing(*, loaded: Any, total: Any, filtered: Any, table: rx.Component, empty: rx.Component) -> rx.Component:
    """Show skeleton rows, the table, "nothing yet" or "nothing matches", whichever is true."""
    return rx.cond(
        loaded,
        rx.cond(
            total > 0,
            table,
            rx.cond(filtered, empty_state(t("Nothing matches."), icon="search-x"), empty),
        ),
        skeleton_rows(),
    )


def columns(*names: Any) -> rx.Component:
    """Return a table's head; an empty name is read out as "Actions"."""
    return rx.table.header(
        rx.table.row(
            *(
                rx.table.column_header_cell(name)
                if name is not None
                else rx.table.column_header_cell(rx.el.span(t("Actions"), class_name="visually-hidden"))
                for name in names
            )
        )
    )


def framed_table(head: rx.Component, body: rx.Component) -> rx.Component:
    """Put a table into its frame."""
    return rx.el.div(
        rx.table.root(head, body, size="2"), class_name="table-wrap", tab_index=0, role="region", aria_label=t("Table")
    )


def sortable(state: Any, words: Any, column: str) -> rx.Component:
    """Show the head of a column that a list is sorted by; a second click turns the order round."""
    chosen = state.sort == column
    order = rx.cond(chosen, rx.cond(state.descending, "descending", "ascending"), "none")
    arrow = rx.cond(chosen, rx.cond(state.descending, " ↓", " ↑"), "")
    return rx.table.column_header_cell(
        rx.el.button(words, arrow, on_click=state.sort_by(column), class_name="plain-button", type="button"),
        custom_attrs={"aria-sort": order},
    )

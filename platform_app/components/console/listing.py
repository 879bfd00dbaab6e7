"""Listing: the parts shared by all list pages: filters, table, "nothing yet" and "nothing matches"."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.parts import (
    READ_ONLY,
    empty_state,
    icon_button,
    skeleton_rows,
    time_ago,
    undo_bar,
)
from platform_app.components.console.text import t


def list_page(
    state: Any,
    title: Any,
    lead: Any,
    *actions: Any,
    section: str,
    filters: Any,
    table: Any,
    empty: Any,
    shown: Any = None,
) -> rx.Component:
    """Show a list page: its head, filters, the list as it stands, and the offer to undo.

    `state` is Listed and Undo; `shown` is how much the table has to show, where that is not the state's total.
    """
    return frame(
        rx.fragment(
            page_head(title, lead, *actions),
            filters,
            listing(
                loaded=state.loaded,
                total=state.total if shown is None else shown,
                filtered=state.is_filtered,
                table=table,
                empty=empty,
            ),
            undo_bar(state.undo_sentence, state.undo),
        ),
        section=section,
    )


def select_filter(label: Any, value: Any, choices: list[tuple[str, Any]], on_change: Any) -> rx.Component:
    """Show a filter of few choices; the first stands for "all" and has the value "all"."""
    return rx.select.root(
        rx.select.trigger(aria_label=label),
        rx.select.content(*(rx.select.item(words, value=code) for code, words in choices)),
        value=value,
        on_change=on_change,
    )


def row_filter(label: Any, everything: Any, rows: Any, *, value: Any, on_change: Any) -> rx.Component:
    """Show a filter by a row of another list: `rows` are options with id and name; "all" stands for `everything`."""
    items = rx.foreach(rows, lambda row: rx.select.item(row.name, value=row.id))
    return rx.select.root(
        rx.select.trigger(aria_label=label),
        rx.select.content(rx.select.item(everything, value="all"), items),
        value=value,
        on_change=on_change,
    )


def search_box(label: Any, value: Any, on_change: Any) -> rx.Component:
    """Return a search field that searches while typing."""
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
    return rx.cond(loaded, rx.cond(total > 0, table, rx.cond(filtered, no_matches(), empty)), skeleton_rows())


def no_matches(address: Any = rx.State.router.url.path) -> rx.Component:
    """Return the message that nothing matches the search and filters, with the way out: the page without them."""
    clear = rx.button(t("Clear filters"), variant="soft", color_scheme="gray", high_contrast=True)
    return empty_state(
        t("No results. Try another search or clear the filters."),
        rx.link(clear, href=address),
        icon="search-x",
    )


def columns(*names: Any) -> rx.Component:
    """Return a table's header; an empty name is read out as "Actions"."""
    return rx.table.header(
        rx.table.row(*(rx.table.column_header_cell(name) if name is not None else actions_head() for name in names))
    )


def actions_head() -> rx.Component:
    """Return the head of the column with a row's buttons: read out, not shown."""
    return rx.table.column_header_cell(rx.el.span(t("Actions"), class_name="visually-hidden"))


def last_time_cell(when: Any, exact: Any) -> rx.Component:
    """Return the cell with the last time of something, `when` in words and `exact` in full; "" if there was none."""
    nothing = rx.el.span(t("Never"), class_name="muted small")
    return rx.table.cell(rx.cond(when != "", time_ago(when, exact), nothing))


def switch_cell(title: Any, is_on: Any, on_change: Callable[[Any], Any], *, disabled: Any) -> rx.Component:
    """Return the cell with the switch of a row; `disabled` for those who may not use it."""
    label = t("Turn “{title}” on or off", title=title)
    return rx.table.cell(rx.switch(checked=is_on, on_change=on_change, disabled=disabled, aria_label=label))


def row_menu(title: Any, *items: rx.Component) -> rx.Component:
    """Return the button that opens the menu of a row, and the menu."""
    return rx.menu.root(
        rx.menu.trigger(icon_button("ellipsis", t("Actions for “{title}”", title=title))),
        rx.menu.content(*items),
    )


def delete_cell(title: Any, on_click: Any) -> rx.Component:
    """Return the cell with the menu of a row that can only be deleted, for those who may."""
    delete = rx.menu.item(t("Delete"), color_scheme="red", on_select=on_click)
    return rx.cond(~READ_ONLY, rx.table.cell(row_menu(title, delete)))


def framed_table(head: rx.Component, body: rx.Component, *, label: Any = None) -> rx.Component:
    """Return a table in its frame; a page with several tables gives each its own `label`."""
    name = t("Table") if label is None else label
    return rx.el.div(
        rx.table.root(head, body, size="2"), class_name="table-wrap", tab_index=0, role="region", aria_label=name
    )


def sortable(state: Any, words: Any, column: str, **style: Any) -> rx.Component:
    """Return the header of a sortable column; a second click reverses the order."""
    selected = state.sort == column
    order = rx.cond(selected, rx.cond(state.descending, "descending", "ascending"), "none")
    arrow = rx.cond(selected, rx.cond(state.descending, " ↓", " ↑"), "")
    return rx.table.column_header_cell(
        rx.el.button(words, arrow, on_click=state.sort_by(column), class_name="plain-button", type="button"),
        custom_attrs={"aria-sort": order},
        **style,
    )


def tag_filter(value: Any, on_change: Any) -> rx.Component:
    """Return the field that filters a list by tag."""
    return rx.debounce_input(
        rx.input(
            value=value,
            on_change=on_change,
            placeholder=t("Tag"),
            aria_label=t("Filter by tag"),
            max_length=60,
            width="140px",
        ),
        debounce_timeout=250,
    )


def turn_pages(page: Any, has_more: Any, on_turn: Any) -> rx.Component:
    """Return links to newer and older rows of a list that is not counted."""
    return rx.flex(
        rx.cond(page > 1, _turn("chevron-left", t("Newer"), on_turn(page - 1))),
        rx.cond(has_more, _turn("chevron-right", t("Older"), on_turn(page + 1))),
        spacing="3",
        justify="end",
        padding_top="12px",
    )


def _turn(icon: str, words: Any, event: Any) -> rx.Component:
    return rx.button(
        rx.icon(icon, size=16),
        words,
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        size="1",
        on_click=event,
    )

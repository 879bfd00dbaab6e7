"""Bulk actions: selection of rows, and actions on all selected ones."""

from typing import Any

import reflex as rx

from platform_app.components.console.text import t


def row_checkbox(state: Any, row_id: Any, name: Any) -> rx.Component:
    """Return the checkbox that selects a row."""
    return rx.checkbox(
        checked=state.selected.contains(row_id),
        on_change=lambda selected: state.select_row(row_id, selected),
        aria_label=t("Select “{title}”", title=name),
    )


def page_checkbox(state: Any) -> rx.Component:
    """Return the checkbox that selects every row of the page."""
    return rx.checkbox(
        checked=(state.selected.length() > 0) & (state.selected.length() == state.rows.length()),
        on_change=state.select_all,
        aria_label=t("Select all on this page"),
    )


def tag_form(state: Any) -> rx.Component:
    """Return the form that adds a tag to the selected rows."""
    return rx.form(
        rx.flex(
            rx.input(name="tag", placeholder=t("Tag"), aria_label=t("Tag"), max_length=60, size="1", width="120px"),
            rx.button(t("Add tag"), size="1", variant="soft", type="submit"),
            spacing="2",
        ),
        on_submit=state.tag_selected,
        reset_on_submit=True,
    )


def selection_bar(state: Any, *actions: rx.Component) -> rx.Component:
    """Return the bar with the number of selected rows and the actions on them."""
    return rx.cond(
        state.selected.length() > 0,
        rx.flex(
            rx.el.span(t("{count} selected", count=state.selected.length()), class_name="small"),
            *actions,
            rx.button(t("Delete"), size="1", variant="soft", color_scheme="red", on_click=state.delete_selected),
            rx.button(t("Clear selection"), size="1", variant="ghost", on_click=state.select_all(False)),
            spacing="4",
            align="center",
            wrap="wrap",
            class_name="chosen-bar",
            role="region",
            aria_label=t("Selected rows"),
        ),
    )


def bulk_select(label: Any, choices: Any, on_select: Any) -> rx.Component:
    """Return a select field that applies an action to the selected rows: `on_select` receives the id of a choice."""
    return rx.el.select(
        rx.el.option(label, value=""),
        rx.foreach(choices, lambda choice: rx.el.option(choice.name, value=choice.id)),
        value="",
        on_change=on_select,
        aria_label=label,
        class_name="native",
    )


def tags(names: Any) -> rx.Component:
    """Return the tags of a row."""
    return rx.cond(
        names.length() > 0,
        rx.flex(
            rx.foreach(names, lambda tag: rx.badge(tag, color_scheme="gray", variant="surface", high_contrast=True)),
            spacing="1",
            wrap="wrap",
        ),
    )

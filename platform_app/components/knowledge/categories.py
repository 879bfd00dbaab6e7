"""Categories: the select field for a category, and the panel that edits the tree."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import confirm, icon_button, move_buttons
from platform_app.components.console.text import t
from platform_app.state.knowledge.categories import NO_PARENT, CategoryRow, CategoryState


def category_select(
    label: Any, value: Any, on_change: Any, *, first: list[tuple[str, Any]], **props: Any
) -> rx.Component:
    """Return a select field for a category; `first` are options in front of the categories."""
    return rx.select.root(
        rx.select.trigger(aria_label=label, **props),
        rx.select.content(
            *(rx.select.item(words, value=code) for code, words in first),
            rx.foreach(CategoryState.rows, lambda row: rx.select.item(row.label, value=row.id)),
        ),
        value=value,
        on_change=on_change,
        size="1" if props else "2",
    )


def category_panel(on_change: Any) -> rx.Component:
    """Return the button that opens the panel, and the panel. `on_change` runs after each change."""
    return rx.dialog.root(
        rx.dialog.trigger(
            rx.button(
                rx.icon("folder-tree", size=16, aria_hidden="true"),
                t("Categories"),
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
            )
        ),
        rx.dialog.content(
            rx.dialog.title(t("Categories"), size="4"),
            rx.dialog.description(t("Use categories to limit what each agent can read."), size="2"),
            rx.el.ul(rx.foreach(CategoryState.rows, lambda row: _row(row, on_change)), class_name="category-rows"),
            rx.cond(
                CategoryState.problem != "", rx.el.p(CategoryState.problem, class_name="problem-text", role="alert")
            ),
            _form(),
            rx.flex(
                rx.dialog.close(rx.button(t("Close"), variant="soft", color_scheme="gray", high_contrast=True)),
                justify="end",
                margin_top="16px",
            ),
            max_width="560px",
        ),
        open=CategoryState.is_open,
        on_open_change=CategoryState.show,
    )


def _row(row: rx.Var[CategoryRow], on_change: Any) -> rx.Component:
    return rx.el.li(
        rx.input(
            default_value=row.name,
            on_blur=[lambda name: CategoryState.rename(row.id, name), on_change],
            aria_label=t("Category name “{name}”", name=row.name),
            max_length=120,
            flex="1",
        ),
        move_buttons(
            (t("Move “{name}” up", name=row.name), t("Move “{name}” down", name=row.name)),
            lambda up: CategoryState.move(row.id, up),
            first=row.first,
            last=row.last,
        ),
        confirm(
            icon_button("trash-2", t("Delete “{title}”", title=row.name), None),
            title=t("Delete this category?"),
            sentence=t("Its contents will move to the parent category."),
            verb=t("Delete"),
            on_confirm=[CategoryState.delete(row.id), on_change],
        ),
        padding_left=row.indent,
        key=row.id,
    )


def _form() -> rx.Component:
    return rx.el.form(
        rx.input(name="name", placeholder=t("New category"), aria_label=t("New category"), max_length=120, flex="1"),
        rx.select.root(
            rx.select.trigger(aria_label=t("Parent category")),
            rx.select.content(
                rx.select.item(t("Top level"), value=NO_PARENT),
                rx.foreach(CategoryState.rows, lambda row: rx.select.item(row.label, value=row.id)),
            ),
            name="parent",
            default_value=NO_PARENT,
        ),
        rx.button(t("Add"), type="submit", variant="soft"),
        on_submit=CategoryState.add,
        key=CategoryState.form_key.to_string(),
        class_name="category-form",
    )

"""Saved views: the button at the head of a list that opens its named filters, saves and removes them."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import READ_ONLY, field, icon_button, undo_bar
from platform_app.components.console.text import t
from platform_app.state.views.saved_views import SavedViewRow, SavedViewsState

STATE = SavedViewsState
_QUERY = rx.call_script("window.location.search", callback=STATE.note_query)


def saved_views(*, small: bool = False) -> rx.Component:
    """Return the button with its popover, and the offer to undo a removal; `small` is a button of an icon alone."""
    quiet = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}
    icon = rx.icon("bookmark", size=16, aria_hidden="true")
    button = icon_button("bookmark", t("Saved views")) if small else rx.button(icon, t("Saved views"), **quiet)
    return rx.fragment(
        rx.popover.root(
            rx.popover.trigger(button),
            rx.popover.content(
                rx.el.h2(t("Saved views")),
                rx.cond(
                    STATE.rows.length() > 0,
                    rx.el.ul(rx.foreach(STATE.rows, _row), class_name="plain-list saved-views"),
                    rx.el.p(t("No saved views yet."), class_name="muted small"),
                ),
                _form(),
                width="300px",
                max_width="calc(100vw - 24px)",
                aria_label=t("Saved views"),
            ),
            open=STATE.is_open,
            on_open_change=[STATE.toggle, _QUERY],
        ),
        undo_bar(STATE.undo_sentence, STATE.undo),
    )


def _row(row: rx.Var[SavedViewRow]) -> rx.Component:
    remove = icon_button("x", t("Remove the view “{name}”", name=row.name), STATE.delete(row.id), small=True)
    return rx.el.li(
        rx.link(
            row.name,
            href=row.link,
            underline="none",
            color_scheme="gray",
            high_contrast=True,
            aria_current=rx.cond(row.is_current, "true", "false"),
            class_name="grow break",
        ),
        rx.cond(row.is_shared, rx.badge(t("Company"), variant="surface", color_scheme="gray", high_contrast=True)),
        rx.cond(row.may_remove, remove),
        class_name="card-line",
        key=row.id,
    )


def _form() -> rx.Component:
    """Return the form that saves the filters of the address, or how to come to some."""
    name = rx.el.input(id="view-name", name="name", max_length=60, auto_complete="off", class_name="native")
    box = rx.el.input(type="checkbox", name="shared")
    shared = rx.el.label(box, t("For everyone in the company"), class_name="check")
    form: Any = rx.form(
        field(t("Name"), name, name="view-name", problem=STATE.problem),
        rx.cond(~READ_ONLY, shared),
        rx.box(rx.button(t("Save these filters"), type="submit", size="2", variant="soft")),
        on_submit=STATE.save,
        class_name="card-form",
        key=STATE.saved_count,
    )
    hint = rx.el.p(t("Set filters, a search or an order to save them as a view."), class_name="muted small")
    return rx.cond(STATE.can_save, form, hint)

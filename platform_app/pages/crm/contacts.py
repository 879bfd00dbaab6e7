"""Contacts: the list page."""

import reflex as rx

from platform_app.components.console.bulk_actions import page_checkbox, row_checkbox, selection_bar, tag_form, tags
from platform_app.components.console.listing import (
    actions_head,
    delete_cell,
    framed_table,
    list_page,
    search_box,
    select_filter,
    sortable,
    tag_filter,
)
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, empty_state, link_button, pager, row_link, time_ago
from platform_app.components.console.text import t
from platform_app.components.views.saved_views import saved_views
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.list_page import SIZES
from platform_app.state.crm.contacts import ContactRow, ContactsState
from platform_app.state.views.saved_views import SavedViewsState


def show() -> rx.Component:
    """Return the page on which members look for contacts, and operators create and delete them."""
    return list_page(
        ContactsState,
        t("Contacts"),
        t("People your agents talk to."),
        saved_views(),
        rx.cond(~READ_ONLY, _first_ways()),
        section="Contacts",
        filters=_filters(),
        table=_table(),
        empty=empty_state(
            t("No contacts yet. Create one or import a CSV file."), rx.cond(~READ_ONLY, _first_ways()), icon="users"
        ),
    )


def _first_ways() -> rx.Component:
    """Return the buttons that import and create contacts."""
    quiet = {"variant": "soft", "color_scheme": "gray", "high_contrast": True}
    return rx.fragment(
        link_button(t("Import"), "/contacts/import", rx.icon("upload", size=16), **quiet),
        rx.button(rx.icon("plus", size=16), t("Create contact"), on_click=ContactsState.create),
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search by name, phone or email"), ContactsState.search, ContactsState.set_search),
        tag_filter(ContactsState.tag, ContactsState.filter_tag),
        select_filter(
            t("Rows per page"),
            ContactsState.size,
            [(size, t("{count} per page", count=size)) for size in SIZES],
            ContactsState.set_page_size,
        ),
        class_name="filters",
    )


def _table() -> rx.Component:
    head = rx.table.header(
        rx.table.row(
            rx.cond(~READ_ONLY, rx.table.column_header_cell(page_checkbox(ContactsState))),
            sortable(ContactsState, t("Full name"), "name"),
            rx.table.column_header_cell(t("Phone")),
            rx.table.column_header_cell(t("Email")),
            rx.table.column_header_cell(t("Tags")),
            sortable(ContactsState, t("Changed"), "updated"),
            rx.cond(~READ_ONLY, actions_head()),
        )
    )
    return rx.fragment(
        selection_bar(ContactsState, tag_form(ContactsState)),
        framed_table(head, rx.table.body(rx.foreach(ContactsState.rows, _row))),
        pager(ContactsState.page, ContactsState.pages, ContactsState.total_words, ContactsState.go_to_page),
    )


def _row(contact: rx.Var[ContactRow]) -> rx.Component:
    return rx.table.row(
        rx.cond(~READ_ONLY, rx.table.cell(row_checkbox(ContactsState, contact.id, contact.name))),
        rx.table.row_header_cell(row_link(contact.name, f"/manage/{CurrentUser.slug}/contacts/{contact.id}")),
        rx.table.cell(contact.phone, class_name="whole"),
        rx.table.cell(contact.email),
        rx.table.cell(tags(contact.tags)),
        rx.table.cell(time_ago(contact.when, contact.exact)),
        delete_cell(contact.name, ContactsState.delete(contact.id)),
        align="center",
        key=contact.id,
    )


PAGES = [tenant_page("/contacts", "Contacts", show, ContactsState.load, ContactsState.watch, SavedViewsState.load)]

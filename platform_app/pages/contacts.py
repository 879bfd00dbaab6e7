"""Contacts: the list."""

import reflex as rx

from platform_app.components.chosen import chosen_bar, tag_form, tags, tick, tick_all
from platform_app.components.layout import frame, page_head
from platform_app.components.listing import framed_table, listing, search_box, select_filter, sortable
from platform_app.components.page import inside
from platform_app.components.parts import READ_ONLY, empty_state, pager, time_ago, undo_bar
from platform_app.components.text import t
from platform_app.state.base import Person
from platform_app.state.contacts import ContactRow, ContactsState
from platform_app.state.listed import SIZES


def show() -> rx.Component:
    """Show the contacts of the tenant."""
    create = rx.button(rx.icon("plus", size=16), t("Create contact"), on_click=ContactsState.create)
    bring = rx.link(
        rx.button(rx.icon("upload", size=16), t("Import"), variant="soft", color_scheme="gray", high_contrast=True),
        href=f"/manage/{Person.slug}/contacts/import",
    )
    return frame(
        rx.fragment(
            page_head(t("Contacts"), t("People your agents talk to."), rx.cond(~READ_ONLY, rx.fragment(bring, create))),
            _filters(),
            listing(
                loaded=ContactsState.loaded,
                total=ContactsState.total,
                filtered=ContactsState.is_filtered,
                table=_table(),
                empty=empty_state(
                    t("No contacts yet. Create one, import a table, or let an integration bring them."), icon="users"
                ),
            ),
            undo_bar(ContactsState.undo_sentence, ContactsState.undo),
        ),
        section="Contacts",
    )


def _filters() -> rx.Component:
    return rx.el.div(
        search_box(t("Search by name, phone or e-mail"), ContactsState.search, ContactsState.type_search),
        rx.debounce_input(
            rx.input(
                value=ContactsState.tag,
                on_change=ContactsState.filter_tag,
                placeholder=t("Tag"),
                aria_label=t("With the tag"),
                max_length=60,
                width="140px",
            ),
            debounce_timeout=250,
        ),
        select_filter(
            t("Rows per page"), ContactsState.size, [(size, size) for size in SIZES], ContactsState.choose_size
        ),
        class_name="filters",
    )


def _table() -> rx.Component:
    head = rx.table.header(
        rx.table.row(
            rx.cond(~READ_ONLY, rx.table.column_header_cell(tick_all(ContactsState))),
            sortable(ContactsState, t("Name"), "name"),
            rx.table.column_header_cell(t("Phone")),
            rx.table.column_header_cell(t("E-mail")),
            rx.table.column_header_cell(t("Tags")),
            sortable(ContactsState, t("Changed"), "updated"),
            rx.cond(
                ~READ_ONLY,
                rx.table.column_header_cell(rx.el.span(t("Actions"), class_name="visually-hidden")),
            ),
        )
    )
    return rx.fragment(
        chosen_bar(ContactsState, tag_form(ContactsState)),
        framed_table(head, rx.table.body(rx.foreach(ContactsState.rows, _row))),
        pager(ContactsState.page, ContactsState.pages, ContactsState.total_words, ContactsState.turn),
    )


def _row(contact: rx.Var[ContactRow]) -> rx.Component:
    return rx.table.row(
        rx.cond(~READ_ONLY, rx.table.cell(tick(ContactsState, contact.id, contact.name))),
        rx.table.row_header_cell(
            rx.link(
                contact.name,
                href=f"/manage/{Person.slug}/contacts/{contact.id}",
                color_scheme="gray",
                high_contrast=True,
                underline="hover",
            )
        ),
        rx.table.cell(contact.phone),
        rx.table.cell(contact.email),
        rx.table.cell(tags(contact.tags)),
        rx.table.cell(time_ago(contact.when, contact.exact)),
        rx.cond(
            ~READ_ONLY,
            rx.table.cell(
                rx.icon_button(
                    rx.icon("trash-2", size=16),
                    variant="ghost",
                    color_scheme="gray",
                    aria_label=t("Delete “{title}”", title=contact.name),
                    on_click=ContactsState.delete(contact.id),
                )
            ),
        ),
        align="center",
        key=contact.id,
    )


PAGES = [inside("/contacts", "Contacts", show, ContactsState.load, ContactsState.watch)]

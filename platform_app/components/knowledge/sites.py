"""Sites: the list of web addresses on the page of the knowledge base."""

import reflex as rx

from platform_app.components.console.listing import columns, framed_table, row_menu
from platform_app.components.console.parts import READ_ONLY, row_link, time_ago, undo_bar
from platform_app.components.console.text import t
from platform_app.components.knowledge.site_state import site_state
from platform_app.state.console.base import CurrentUser
from platform_app.state.knowledge.site_view import SiteRow
from platform_app.state.knowledge.sites import SitesState


def site_list() -> rx.Component:
    """Return the section with the web addresses, where there are any, and the offer to undo a deletion."""
    table = framed_table(
        columns(t("Address"), t("What to read"), t("State"), t("Pages"), t("Last read"), t("Next reading"), None),
        rx.table.body(rx.foreach(SitesState.rows, _row)),
        label=t("Web addresses"),
    )
    section = rx.el.section(rx.el.h2(t("Web addresses")), table, class_name="section", margin_top="24px")
    return rx.fragment(
        rx.cond(SitesState.rows.length() > 0, section), undo_bar(SitesState.undo_sentence, SitesState.undo)
    )


def _row(site: rx.Var[SiteRow]) -> rx.Component:
    return rx.table.row(
        rx.table.row_header_cell(row_link(site.title, f"/manage/{CurrentUser.slug}/knowledge/sites/{site.id}")),
        rx.table.cell(site.scope),
        rx.table.cell(site_state(site)),
        rx.table.cell(site.pages),
        rx.table.cell(rx.cond(site.last != "", time_ago(site.last, site.last_exact), "—")),
        rx.table.cell(time_ago(site.due, site.due_exact)),
        rx.table.cell(rx.cond(~READ_ONLY, _menu(site))),
        align="center",
        key=site.id,
    )


def _menu(site: rx.Var[SiteRow]) -> rx.Component:
    read = rx.menu.item(t("Read now"), on_select=SitesState.read_now(site.id))
    pause = rx.menu.item(t("Pause"), on_select=SitesState.set_paused(site.id, True))
    resume = rx.menu.item(t("Resume"), on_select=SitesState.set_paused(site.id, False))
    return row_menu(
        site.title,
        rx.cond(site.is_paused | site.is_reading, rx.fragment(), read),
        rx.cond(site.is_paused, resume, pause),
        rx.menu.item(t("Delete"), color_scheme="red", on_select=SitesState.delete(site.id)),
    )

"""Providers: the page with the list of model providers."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing, row_menu
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, empty_state, row_link
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.providers.providers import ProviderRow, ProvidersState


def show() -> rx.Component:
    """Return the page on which admins see the model providers and choose the default one."""
    return frame(
        rx.fragment(
            page_head(
                t("Model providers"),
                t("Services whose models your agents use. Each agent can have its own."),
                rx.cond(IS_ADMIN, _connect()),
            ),
            listing(
                loaded=ProvidersState.loaded,
                total=ProvidersState.rows.length(),
                filtered=False,
                table=framed_table(
                    columns(t("Name"), t("URL"), t("Models"), t("Used by default"), None),
                    rx.table.body(rx.foreach(ProvidersState.rows, _row)),
                ),
                empty=empty_state(t("No providers yet."), icon="brain"),
            ),
        ),
        section="Settings",
    )


def _connect() -> rx.Component:
    button = rx.button(rx.icon("plus", size=16), t("Connect a provider"), tab_index=-1)
    return rx.link(button, href=f"/manage/{CurrentUser.slug}/settings/providers/new")


def _row(provider: rx.Var[ProviderRow]) -> rx.Component:
    link = row_link(provider.name, f"/manage/{CurrentUser.slug}/settings/providers/{provider.id}")
    make_default = rx.menu.item(t("Use by default"), on_select=ProvidersState.make_default(provider.id))
    return rx.table.row(
        rx.table.row_header_cell(rx.cond((provider.id != "") & IS_ADMIN, link, provider.name)),
        rx.table.cell(provider.address, class_name="muted"),
        rx.table.cell(provider.models, class_name="muted"),
        rx.table.cell(rx.cond(provider.is_default, t("Yes"), "")),
        rx.table.cell(
            rx.cond(IS_ADMIN & ~provider.is_default, rx.flex(row_menu(provider.name, make_default), justify="end"))
        ),
        align="center",
        key=provider.id,
    )


PAGES = [
    tenant_page("/settings/providers", "Model providers", show, ProvidersState.load, ProvidersState.watch),
]

"""HTTP tools: the page with the list of the tools that a tenant made for its agents."""

import reflex as rx

from platform_app.components.console.layout import frame, page_head
from platform_app.components.console.listing import columns, framed_table, listing
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, empty_state, row_link
from platform_app.components.console.text import t
from platform_app.state.console.base import CurrentUser
from platform_app.state.tools.http_tools import HttpToolRow, HttpToolsState, McpServerRow


def show() -> rx.Component:
    """Return the page with the requests to other systems that agents can be given as tools."""
    return frame(
        rx.fragment(
            page_head(
                t("Tools of agents"),
                t("Requests to your other systems. Each agent is given its own on its page, under Tools."),
                rx.cond(IS_ADMIN & (HttpToolsState.rows.length() > 0), _add()),
            ),
            listing(
                loaded=HttpToolsState.loaded,
                total=HttpToolsState.rows.length(),
                filtered=False,
                table=framed_table(
                    columns(t("Name"), t("What it is for"), t("Request"), t("Effect")),
                    rx.table.body(rx.foreach(HttpToolsState.rows, _row)),
                ),
                empty=empty_state(
                    t("No tools yet. Let agents look up orders or book in your system."),
                    rx.cond(IS_ADMIN, _add()),
                    icon="wrench",
                ),
            ),
            _servers(),
        ),
        section="Settings",
    )


def _add() -> rx.Component:
    button = rx.button(rx.icon("plus", size=16), t("Add a tool"), tab_index=-1)
    return rx.link(button, href=f"/manage/{CurrentUser.slug}/settings/tools/new")


def _row(tool: rx.Var[HttpToolRow]) -> rx.Component:
    link = row_link(tool.name, f"/manage/{CurrentUser.slug}/settings/tools/{tool.id}")
    return rx.table.row(
        rx.table.row_header_cell(rx.cond(IS_ADMIN, link, tool.name)),
        rx.table.cell(tool.description),
        rx.table.cell(tool.request, class_name="muted"),
        rx.table.cell(tool.effect),
        align="center",
        key=tool.id,
    )


def _servers() -> rx.Component:
    connect = rx.link(
        rx.button(rx.icon("plus", size=16), t("Connect an MCP server"), variant="soft", tab_index=-1),
        href=f"/manage/{CurrentUser.slug}/settings/tools/mcp/new",
    )
    table = framed_table(
        columns(t("Name"), t("URL"), t("Tools")),
        rx.table.body(rx.foreach(HttpToolsState.servers, _server)),
        label=t("MCP servers"),
    )
    return rx.el.section(
        rx.el.h2(t("MCP servers")),
        rx.el.p(
            t("Servers of the Model Context Protocol. You allow each of their tools as it is described."),
            class_name="muted small",
        ),
        rx.cond(HttpToolsState.servers.length() > 0, table),
        rx.cond(IS_ADMIN, rx.box(connect)),
        class_name="section stack",
    )


def _server(server: rx.Var[McpServerRow]) -> rx.Component:
    link = row_link(server.name, f"/manage/{CurrentUser.slug}/settings/tools/mcp/{server.id}")
    return rx.table.row(
        rx.table.row_header_cell(rx.cond(IS_ADMIN, link, server.name)),
        rx.table.cell(server.address, class_name="muted"),
        rx.table.cell(server.tools),
        align="center",
        key=server.id,
    )


PAGES = [tenant_page("/settings/tools", "Tools of agents", show, HttpToolsState.load)]

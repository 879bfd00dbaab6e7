"""MCP server: the page of an MCP server and its tools."""

import reflex as rx

from platform_app.components.console.form import submitted_field
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import IS_ADMIN, confirm, empty_state, problem_line, skeleton_rows
from platform_app.components.console.text import t
from platform_app.form_fields import Control
from platform_app.models.mcp_server import MCP_SERVER_FORM
from platform_app.state.tools.mcp_server import McpServerState, McpToolLine


def show() -> rx.Component:
    """Return the page on which admins connect an MCP server and allow its tools."""
    return frame(
        rx.cond(
            IS_ADMIN,
            rx.cond(rx.State.is_hydrated & McpServerState.loaded, _server(), skeleton_rows()),
            empty_state(t("Only an owner or an admin may see and change this."), icon="lock"),
        ),
        section="Settings",
        up=(t("Tools of agents"), "/settings/tools"),
    )


def _server() -> rx.Component:
    title = rx.cond(McpServerState.is_new, t("Connect an MCP server"), McpServerState.name)
    return rx.fragment(
        rx.el.div(rx.el.h1(title), class_name="page-head"),
        rx.el.div(_form(), rx.cond(McpServerState.is_new, rx.fragment(), _tools()), class_name="form"),
    )


def _form() -> rx.Component:
    fields = [
        submitted_field(
            shown,
            McpServerState,
            help_text=McpServerState.credential_hint if shown.control == Control.PASSWORD else None,
        )
        for shown in MCP_SERVER_FORM.values()
    ]
    return rx.el.section(
        rx.el.form(
            rx.el.h2(t("Server")),
            *fields,
            _buttons(),
            on_submit=McpServerState.save,
            class_name="form",
            no_validate=True,
        ),
        class_name="card section",
        key=McpServerState.form_key,
    )


def _buttons() -> rx.Component:
    remove = confirm(
        rx.button(t("Remove"), variant="soft", color_scheme="gray", high_contrast=True, type="button"),
        title=t("Remove the MCP server?"),
        sentence=t("Its secret is deleted. Agents can use its tools no more."),
        verb=t("Remove"),
        on_confirm=McpServerState.remove,
    )
    return rx.flex(
        rx.button(t("Save"), type="submit"),
        rx.cond(McpServerState.is_new, rx.fragment(), remove),
        spacing="3",
        align="center",
        wrap="wrap",
    )


def _tools() -> rx.Component:
    list_button = rx.button(
        t("List the tools"), on_click=McpServerState.list_tools, loading=McpServerState.is_listing, variant="soft"
    )
    return rx.el.section(
        rx.el.h2(t("Tools")),
        rx.el.p(
            t("A tool that its server describes in another way is no longer allowed until you have looked at it."),
            class_name="muted small",
        ),
        rx.flex(list_button, rx.el.span(McpServerState.listed, class_name="muted small"), spacing="3", align="center"),
        problem_line(McpServerState.list_problem),
        rx.el.ul(rx.foreach(McpServerState.tools, _tool), class_name="plain-list"),
        class_name="card section",
    )


def _tool(tool: rx.Var[McpToolLine]) -> rx.Component:
    switch = rx.switch(
        checked=tool.allowed,
        on_change=lambda allowed: McpServerState.set_allowed(tool.name, allowed),
        aria_label=t("Allow “{title}”", title=tool.name),
    )
    words = rx.el.div(
        rx.el.strong(tool.name),
        rx.el.p(tool.description, class_name="muted small"),
        rx.cond(tool.changed, rx.el.p(t("Its description has changed."), class_name="small reason")),
    )
    return rx.el.li(
        rx.flex(words, switch, justify="between", align="center", spacing="4"), class_name="stage-line", key=tool.name
    )


PAGES = [tenant_page("/settings/tools/mcp/[server_id]", "MCP server", show, McpServerState.load)]

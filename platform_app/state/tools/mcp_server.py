"""MCP server: the form of an MCP server, and which of its tools are allowed."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict, PlatformError
from platform_app.form_fields import Control
from platform_app.i18n import exact_time, translate
from platform_app.models.mcp_server import MCP_SERVER_FORM, McpServer
from platform_app.models.person import Identity, Role
from platform_app.services.tools import mcp_servers
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast

NEW = "new"  # in the address


@dataclass
class McpToolLine:
    """A tool of the server."""

    name: str
    description: str
    allowed: bool
    changed: bool  # it was allowed, and is described in another way since


class McpServerState(rx.State):
    """The MCP server in the address. The state never holds its secret."""

    loaded: bool = False
    is_new: bool = True
    name: str = ""
    initial: dict[str, str] = {}
    credential_hint: str = ""  # a sentence about the stored secret
    tools: list[McpToolLine] = []
    listed: str = ""  # when the tools were listed
    is_listing: bool = False
    list_problem: str = ""
    problem: str = ""
    problem_field: str = ""
    form_key: int = 0  # incremented to reset the form to the stored values

    @handler(Role.ADMIN)
    async def load(self) -> None:
        """Fetch the server."""
        self.loaded, self.list_problem, self.is_listing = False, "", False
        await self._fetch()
        self.loaded = True

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the server, or show the problem at its field; a new one is opened at its own address."""
        self.problem = self.problem_field = ""
        given = {name: str(form.get(name, ""))[:3_000] for name in MCP_SERVER_FORM}
        try:
            row = await call(self, mcp_servers.save, self._id(), given)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "name"
            return browser.focus(self.problem_field)
        if not self._id():
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/tools/mcp/{row.id}")
        await self._fetch()
        return await success_toast(self, "The server is saved.")

    @handler(Role.ADMIN)
    async def remove(self) -> Any:
        """Delete the server with its secret, and open the list."""
        await call(self, mcp_servers.remove, self._id())
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/tools")

    @handler(Role.ADMIN, background=True)
    async def list_tools(self) -> None:
        """List the tools at the server, and show them or what went wrong."""
        async with self:
            identity, language = await current_identity(self), (await current_user(self)).language
            server_id = self._id()
            if self.is_listing or not server_id:
                return
            self.is_listing, self.list_problem = True, ""
        try:
            row, problem = await asyncio.to_thread(mcp_servers.fetch_tools, identity, server_id), ""
        except PlatformError as error:
            row, problem = None, translate(language, error.sentence, **error.values)
        async with self:
            self.is_listing, self.list_problem = False, problem
            if row is not None and self._id() == server_id:
                self._show_tools(row, identity, language)

    @handler(Role.ADMIN)
    async def set_allowed(self, name: str, allowed: bool) -> None:
        """Allow a tool as it is described now, or no more."""
        row = await call(self, mcp_servers.set_allowed, self._id(), name, allowed=allowed)
        self._show_tools(row, await current_identity(self), (await current_user(self)).language)

    def _id(self) -> str:
        last = self.router.url.path.rstrip("/").rsplit("/", 1)[-1]
        return "" if last == NEW else last

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.problem = self.problem_field = self.credential_hint = self.name = ""
        self.is_new = not self._id()
        self.form_key += 1
        self.initial = dict.fromkeys(MCP_SERVER_FORM, "") | {"header": "Authorization"}
        self.tools, self.listed = [], ""
        if self.is_new:
            return
        row, sentence, values = await fetch(self, _read, self._id())
        names = [name for name, shown in MCP_SERVER_FORM.items() if shown.control != Control.PASSWORD]
        self.initial = {name: str(getattr(row, name)) for name in names}
        self.name = row.name
        self.credential_hint = translate(language, sentence, **values)
        self._show_tools(row, identity, language)

    def _show_tools(self, row: McpServer, identity: Identity, language: str) -> None:
        self.tools = [
            McpToolLine(tool["name"], tool["description"], tool["allowed"], tool["changed"]) for tool in row.tools
        ]
        at = row.listed_at
        self.listed = (
            translate(language, "As listed on {when}", when=exact_time(language, at, identity.time_zone)) if at else ""
        )


def _read(session: Transaction, who: Identity, server_id: str) -> tuple[McpServer, str, dict[str, object]]:
    row = mcp_servers.get(session, who, server_id)
    try:
        ending = mcp_servers.secret_suffix(session, who, server_id)
    except Conflict as error:
        return row, error.sentence, error.values
    if ending is None:
        return row, "No secret is kept: requests go without one.", {}
    return row, "A secret is kept that ends in {ending}. Leave this empty to keep it.", {"ending": ending or "…"}

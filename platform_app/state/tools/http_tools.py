"""HTTP tools: the list of the tools that a tenant made for its agents."""

from dataclasses import dataclass

import reflex as rx

from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.http_tool import HTTP_TOOL_FORM, HttpTool
from platform_app.models.mcp_server import McpServer
from platform_app.models.person import Identity, Role
from platform_app.services.tools import http_tools, mcp_servers
from platform_app.state.console.base import current_user, fetch, handler


@dataclass
class HttpToolRow:
    """An HTTP tool in the list."""

    id: str
    name: str
    description: str
    request: str
    effect: str


@dataclass
class McpServerRow:
    """An MCP server in the list."""

    id: str
    name: str
    address: str
    tools: str  # how many are allowed


class HttpToolsState(rx.State):
    """The list of HTTP tools, and of MCP servers."""

    rows: list[HttpToolRow] = []
    servers: list[McpServerRow] = []
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the lists."""
        language = (await current_user(self)).language
        tools, servers = await fetch(self, _read)
        self.rows = [_row(row, language) for row in tools]
        self.servers = [_server_row(row, language) for row in servers]
        self.loaded = True


def _read(session: Transaction, who: Identity) -> tuple[list[HttpTool], list[McpServer]]:
    return http_tools.list_tools(session, who.tenant_id), mcp_servers.list_servers(session, who.tenant_id)


def _server_row(row: McpServer, language: str) -> McpServerRow:
    allowed = sum(bool(tool["allowed"]) for tool in row.tools)
    told = translate(language, "{count} of {total} allowed", count=allowed, total=len(row.tools))
    return McpServerRow(row.id, row.name, row.url, told if row.listed_at else "")


def _row(row: HttpTool, language: str) -> HttpToolRow:
    effect = translate(language, HTTP_TOOL_FORM["effect"].options[row.effect])
    return HttpToolRow(row.id, row.name, row.description, f"{row.method} {row.url}", effect)

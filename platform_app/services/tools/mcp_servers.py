"""MCP servers: servers whose tools a tenant offers to its agents: connect, list, allow by hash, call."""

import re
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app import encryption
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound, Unavailable
from platform_app.integrations import egress
from platform_app.integrations.mcp_client import McpSession, McpTool
from platform_app.llm.model_request import ToolDefinition
from platform_app.models.conversation import Conversation
from platform_app.models.event import ActivityKind
from platform_app.models.mcp_server import McpServer
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.chat import agent_tools
from platform_app.services.chat.agent_tools import MAX_RESULT_CHARS, ToolOffer, ToolPlan
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.feed import activity
from platform_app.services.tools.tool_forms import parse_header, require_admin, store_secret

MAX_SERVERS = 20  # of a tenant
PREFIX = "mcp_"
LIST_PAGE = "/settings/tools"
PAGE = f"{LIST_PAGE}/mcp"
CHANGED = "The tool is described in another way by now. An admin has to look at it and allow it again."
_NAME = re.compile(r"[a-z][a-z0-9_]{1,19}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def list_servers(session: Transaction, tenant_id: str) -> list[McpServer]:
    """Return the tenant's MCP servers, sorted by name."""
    return list(session.exec(owned(McpServer, tenant_id).order_by(McpServer.name)).all())


def get(session: Transaction, who: Identity, server_id: str, *, lock: bool = False) -> McpServer:
    """Return an MCP server. Raises Forbidden unless `who` is an owner or admin, NotFound if there is none."""
    require_admin(who)
    query = owned(McpServer, who.tenant_id).where(McpServer.id == server_id)
    row: McpServer | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Server not found.")
    return row


def secret_suffix(session: Transaction, who: Identity, server_id: str) -> str | None:
    """Return the last characters of a server's secret, "" if it is short, None if there is none.

    Raises Forbidden unless `who` is an owner or admin, Conflict if the secret cannot be decrypted.
    """
    require_admin(who)
    secret = tenant_secrets.read(session, who.tenant_id, _purpose(server_id))
    return None if secret is None else encryption.visible_suffix(secret)


def save(session: Transaction, who: Identity, server_id: str, form: dict[str, str]) -> McpServer:
    """Store a server from a form; without an id a new one. An empty secret keeps the stored one for the same address.

    With another address its tools are forgotten. Raises Forbidden unless `who` is an owner or admin, NotFound if there
    is no such server, LimitReached if the tenant has MAX_SERVERS, Conflict if the name is taken, and Invalid with the
    field's name for a wrong value.
    """
    require_admin(who)
    row = get(session, who, server_id, lock=True) if server_id else _new(session, who)
    before = row.url
    row.name, row.url, row.header = _name(form), _url(form.get("url")), parse_header(form)
    if before and before != row.url:
        row.tools, row.listed_at = [], None
    row.updated_at = now()
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("There is a server of this name already.", field="name") from error
    store_secret(
        session, who.tenant_id, _purpose(row.id), form.get("secret", ""), is_moved=bool(before) and before != row.url
    )
    sentence = "MCP server “{name}” changed" if server_id else "MCP server “{name}” connected"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=f"{PAGE}/{row.id}", name=row.name)
    return row


def remove(session: Transaction, who: Identity, server_id: str) -> McpServer:
    """Delete a server with its secret; agents can use its tools no more.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such server.
    """
    row = get(session, who, server_id, lock=True)
    session.execute(owned_delete(McpServer, who.tenant_id).where(col(McpServer.id) == row.id))
    tenant_secrets.delete(session, who.tenant_id, _purpose(row.id))
    sentence = "MCP server “{name}” removed"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=LIST_PAGE, name=row.name)
    return row


def fetch_tools(who: Identity, server_id: str) -> McpServer:
    """List a server's tools and store them: a new one is not allowed, and one that changed is so no more.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such server, Unavailable if it does not
    answer, Conflict if its secret cannot be decrypted.
    """
    with session_scope(who.tenant_id, read_only=True) as session:
        opened = _session_of(session, get(session, who, server_id))
    opened.open()
    listed = opened.list_tools()
    with session_scope(who.tenant_id) as session:
        row = get(session, who, server_id, lock=True)
        if row.url != opened.address:
            raise Conflict("Someone else just changed this. Reload and try again.")
        known = {tool["name"]: tool for tool in row.tools}
        row.tools, row.listed_at = [_stored(tool, known.get(tool.name)) for tool in listed], now()
        return row


def _stored(tool: McpTool, before: dict[str, Any] | None) -> dict[str, Any]:
    is_same = before is not None and before["hash"] == tool.hash
    was_allowed = before is not None and (before["allowed"] or before["changed"])
    return {
        "name": tool.name,
        "description": tool.description,
        "schema": tool.schema,
        "hash": tool.hash,
        "allowed": bool(before and is_same and before["allowed"]),
        "changed": bool(was_allowed and (not is_same or (before and before["changed"]))),
    }


def set_allowed(session: Transaction, who: Identity, server_id: str, name: str, *, allowed: bool) -> McpServer:
    """Allow a tool as it is described now, or no more.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such server or tool.
    """
    row = get(session, who, server_id, lock=True)
    if name not in {tool["name"] for tool in row.tools}:
        raise NotFound("Tool not found.")
    row.tools = [tool | {"allowed": allowed, "changed": False} if tool["name"] == name else tool for tool in row.tools]
    sentence = (
        "Tool “{name}” of an MCP server allowed" if allowed else "Tool “{name}” of an MCP server no longer allowed"
    )
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=f"{PAGE}/{row.id}", name=name)
    return row


def tool_name(server: McpServer, name: str) -> str:
    """Return the name by which agents know a tool of a server."""
    return _NOT_IN_NAMES.sub("_", f"{PREFIX}{server.name}_{name}")[:64]


class McpTools:
    """The allowed tools of a tenant's MCP servers, as a source of tools of agents."""

    def offers(self, session: Transaction, tenant_id: str) -> list[ToolOffer]:
        """Return the allowed tools of the tenant's servers."""
        return [
            ToolOffer(tool_name(row, tool["name"]), f"{row.name}: {tool['name']}", tool["description"][:300], "plug")
            for row in list_servers(session, tenant_id)
            for tool in row.tools
            if tool["allowed"]
        ]

    def define(self, session: Transaction, conversation: Conversation, name: str) -> ToolDefinition | None:
        """Return a tool as it was described when it was allowed, or None if there is none of this name."""
        found = _find(session, conversation.tenant_id, name)
        return None if found is None else ToolDefinition(name, found[1]["description"], found[1]["schema"])

    def plan(
        self, session: Transaction, conversation: Conversation, name: str, arguments: dict[str, Any]
    ) -> ToolPlan | None:
        """Return the plan of a call; its server checks the arguments."""
        found = _find(session, conversation.tenant_id, name)
        if found is None:
            return None
        row, tool = found
        opened = _session_of(session, row)
        return ToolPlan(
            "Call {tool} of {server}",
            {"tool": tool["name"], "server": row.name},
            call=lambda key: _call(replace(opened), tool, arguments, key),
        )


def register_tools() -> None:
    """Register the tools of MCP servers as tools of agents in this process."""
    if not any(isinstance(source, McpTools) for source in agent_tools.SOURCES):
        agent_tools.SOURCES.append(McpTools())


def _call(opened: McpSession, tool: dict[str, Any], arguments: dict[str, Any], key: str) -> str:
    """Call a tool that its server describes as when it was allowed. Raises Unavailable if it does not, or it fails."""
    opened.open()
    current = next((listed for listed in opened.list_tools() if listed.name == tool["name"]), None)
    if current is None or current.hash != tool["hash"]:
        raise Unavailable(CHANGED)
    return opened.call_tool(tool["name"], arguments, key)[:MAX_RESULT_CHARS]


def _find(session: Transaction, tenant_id: str, name: str) -> tuple[McpServer, dict[str, Any]] | None:
    if not name.startswith(PREFIX):
        return None
    for row in list_servers(session, tenant_id):
        for tool in row.tools:
            if tool["allowed"] and tool_name(row, tool["name"]) == name:
                return row, tool
    return None


def _session_of(session: Transaction, row: McpServer) -> McpSession:
    secret = tenant_secrets.read(session, row.tenant_id, _purpose(row.id))
    return McpSession(row.url, {row.header: secret} if secret and row.header else {})


def _new(session: Transaction, who: Identity) -> McpServer:
    if len(list_servers(session, who.tenant_id)) >= MAX_SERVERS:
        raise LimitReached("You can add up to {count} servers.", count=MAX_SERVERS)
    return McpServer(tenant_id=who.tenant_id, name="", url="")


def _name(form: dict[str, str]) -> str:
    name = form.get("name", "").strip()
    if not _NAME.fullmatch(name):
        raise Invalid(
            "The name is of 2 to 20 small Latin letters, digits and _, and begins with a letter.", field="name"
        )
    return name


def _url(given: Any) -> str:
    text = clean_line(given, "url", max_length=300)
    address = egress.check(text)  # raises Invalid at the field "url"
    if " " in address or not address.isascii() or "#" in address:
        raise Invalid("This isn’t an address.", field="url")
    return address


def _purpose(server_id: str) -> str:
    return f"mcp server secret {server_id}"

"""MCP client: lists and calls the tools of a server of the Model Context Protocol by its streamable HTTP transport.

See modelcontextprotocol.io/specification/2025-06-18/basic/transports. Each use is a session of its own.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from platform_app.errors import Invalid, Unavailable
from platform_app.integrations import egress

PROTOCOL = "2025-06-18"
SECONDS = 15.0
MAX_BYTES = 1_000_000
MAX_TOOLS = 200
MAX_PAGES = 10
_ACCEPT = "application/json, text/event-stream"
NO_ANSWER = "The MCP server did not answer."
NO_PROTOCOL = "The server does not answer as an MCP server does. Check its address."


@dataclass(frozen=True)
class McpTool:
    """A tool as its server describes it."""

    name: str
    description: str
    schema: dict[str, Any]

    @property
    def hash(self) -> str:
        """A hash of all that a model is told of the tool; it changes with any of it."""
        told = json.dumps([self.name, self.description, self.schema], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


@dataclass
class McpSession:
    """A session with a server. `headers` hold its secret."""

    address: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    _session_id: str = ""
    _number: int = 0

    def open(self) -> None:
        """Begin the session. Raises Unavailable if the server does not answer, or not as an MCP server does."""
        client = {"name": "gpt-agents", "version": "1"}
        self._request("initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client})
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def list_tools(self) -> list[McpTool]:
        """Return the tools of the server, at most MAX_TOOLS. Raises Unavailable as `open` does."""
        tools: list[McpTool] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            result = self._request("tools/list", {"cursor": cursor} if cursor else {})
            listed = result.get("tools")
            if not isinstance(listed, list):
                raise Unavailable(NO_PROTOCOL)
            tools += [tool for entry in listed if (tool := _tool(entry)) is not None]
            cursor = result.get("nextCursor") if isinstance(result.get("nextCursor"), str) else None
            if not cursor or len(tools) >= MAX_TOOLS:
                break
        return tools[:MAX_TOOLS]

    def call_tool(self, name: str, arguments: dict[str, Any], key: str) -> str:
        """Call a tool and return its result as text. Raises Unavailable if it fails."""
        result = self._request(
            "tools/call", {"name": name, "arguments": arguments, "_meta": {"idempotencyKey": key}}, key=key
        )
        parts = result.get("content")
        texts = (
            [str(part.get("text") or "") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        )
        text = "\n".join(part for part in texts if part)
        if result.get("isError"):
            raise Unavailable("The tool failed: {text}", text=text[:300])
        return text or json.dumps(result.get("structuredContent") or {})

    def _request(self, method: str, params: dict[str, Any], *, key: str = "") -> dict[str, Any]:
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        answer = self._post(message, key=key)
        reply = next((found for found in _messages(answer.body) if found.get("id") == self._number), None)
        if reply is None:
            raise Unavailable(NO_PROTOCOL)
        if isinstance(reply.get("error"), dict):
            raise Unavailable("The MCP server refused: {text}", text=str(reply["error"].get("message", ""))[:300])
        result = reply.get("result")
        if not isinstance(result, dict):
            raise Unavailable(NO_PROTOCOL)
        return result

    def _post(self, message: dict[str, Any], *, key: str = "") -> egress.Download:
        """Post a message. Raises Unavailable if there is no success."""
        headers = self.headers | {"Content-Type": "application/json", "Accept": _ACCEPT}
        if self._session_id:
            headers |= {"Mcp-Session-Id": self._session_id}
        if message["method"] != "initialize":
            headers |= {"MCP-Protocol-Version": PROTOCOL}
        if key:
            headers |= {"Idempotency-Key": key}
        try:
            answer = egress.fetch(
                self.address,
                json.dumps(message).encode(),
                headers,
                seconds=SECONDS,
                max_bytes=MAX_BYTES,
                is_trusted=False,
            )
        except Invalid as error:
            raise Unavailable(error.sentence) from error
        except (egress.ResponseTooLarge, httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise Unavailable(NO_ANSWER) from error
        if answer.status in (401, 403):
            raise Unavailable("The MCP server does not accept the secret.")
        if not 200 <= answer.status < 300:
            raise Unavailable(NO_PROTOCOL)
        session_id = answer.headers.get("mcp-session-id", "")
        if session_id and len(session_id) <= 500 and session_id.isprintable():
            self._session_id = session_id
        return answer


def _messages(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the messages of a response: JSON, or server-sent events with one message each."""
    text = body.decode("utf-8", "replace")
    parts = [text] if text.lstrip().startswith(("{", "[")) else _event_data(text)
    for part in parts:
        try:
            value = json.loads(part)
        except (ValueError, RecursionError):
            continue
        for found in value if isinstance(value, list) else [value]:
            if isinstance(found, dict):
                yield found


def _event_data(text: str) -> list[str]:
    """Return the data of each server-sent event."""
    events = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
    return [
        "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
        for event in events
    ]


def _tool(entry: Any) -> McpTool | None:
    """Return a tool of a list, or None if it has no usable name."""
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not 0 < len(entry["name"]) <= 100:
        return None
    entry = json.loads(json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace"))  # no half characters
    schema, description = entry.get("inputSchema"), entry.get("description")
    return McpTool(
        entry["name"],
        description[:2_000] if isinstance(description, str) else "",
        schema if isinstance(schema, dict) and len(json.dumps(schema)) <= 20_000 else {"type": "object"},
    )

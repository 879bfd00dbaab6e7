"""Fake MCP server: a server of the Model Context Protocol on loopback, by its streamable HTTP transport."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECRET = "Bearer mcp-secret-9876"
BOOK = {
    "name": "book.table",
    "description": "Book a table",
    "inputSchema": {"type": "object", "properties": {"people": {"type": "integer"}}, "required": ["people"]},
}


class FakeMcp:
    """A server with tools; it answers as JSON or as server-sent events, and keeps what it was asked."""

    def __init__(self, *, streams: bool = False) -> None:
        self.tools: list[Any] = [BOOK, {"name": "weather", "description": "The weather", "inputSchema": {}}]
        self.streams, self.fails, self.status = streams, False, 200
        self.called: list[dict[str, Any]] = []
        self.asked: list[str] = []  # methods
        self.problems: list[str] = []  # of requests that break the protocol
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fake.note(message, dict(self.headers.items()))
                if fake.status != 200:
                    return self.answer(fake.status, b"")
                if "id" not in message:
                    return self.answer(202, b"")
                reply = json.dumps({"jsonrpc": "2.0", "id": message["id"], **fake.reply(message)})
                if not fake.streams:
                    return self.answer(200, reply.encode())
                note = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
                events = f": hello\r\n\r\nevent: message\r\ndata: {note}\r\n\r\ndata: {reply}\r\n\r\n"
                return self.answer(200, events.encode())

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Mcp-Session-Id", "session-1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/mcp"

    def note(self, message: dict[str, Any], headers: dict[str, str]) -> None:
        """Keep a request, and what about it breaks the protocol."""
        self.asked.append(message["method"])
        if headers.get("Authorization") != SECRET:
            self.problems.append("secret")
        if "text/event-stream" not in headers.get("Accept", ""):
            self.problems.append("accept")
        if message["method"] != "initialize" and headers.get("Mcp-Session-Id") != "session-1":
            self.problems.append("session")

    def reply(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the result or the error of a request."""
        if message["method"] == "initialize":
            return {"result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {}}}
        if message["method"] == "tools/list":
            half = 0 if message["params"].get("cursor") is None else 1
            page = {"tools": self.tools[half : half + 1]}
            return {"result": page | ({"nextCursor": "2"} if half == 0 and len(self.tools) > 1 else {})}
        if message["method"] == "tools/call":
            self.called.append(message["params"])
            content = [{"type": "text", "text": "no table" if self.fails else "table 7"}]
            return {"result": {"content": content, "isError": self.fails}}
        return {"error": {"code": -32601, "message": "no such method"}}

    def close(self) -> None:
        """Stop serving."""
        self.server.shutdown()
        self.server.server_close()

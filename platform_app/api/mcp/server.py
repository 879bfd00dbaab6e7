"""Server: the MCP server at /mcp, by streamable HTTP without sessions; each request is checked by its key."""

from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from platform_app import __version__
from platform_app.api.mcp.tools import TOOLS
from platform_app.api.request_spans import request_span, set_status
from platform_app.api.rest import access
from platform_app.api.rest.problems import Refusal, problem
from platform_app.api.routes import log_bug, preferred_visitor_language
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.services.api_keys.api_keys import KeyHolder
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind

PATH = "/mcp"
MAX_BYTES = 1_000_000  # of a request
_INSTRUCTIONS = (
    "Reads conversations and knowledge of a company. What changes agents is a proposal that members decide on."
)


class McpApplication:
    """The application that answers at PATH."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        with request_span(request, PATH) as span:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    set_status(span, message["status"])
                await send(message)

            await self._answer(request, receive, send_traced)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        scope = request.scope
        try:
            holder = await access.find_holder(request)
            allowance = await access.count(holder)
        except PlatformError as error:
            await problem(error, preferred_visitor_language(request))(scope, receive, send)
            return
        if request.method not in ("POST", "GET", "DELETE"):
            refusal = Refusal(405, "This address doesn’t accept the {method} method.", method=request.method[:20])
            await problem(refusal, preferred_visitor_language(request))(scope, receive, send)
            return
        manager = StreamableHTTPSessionManager(
            _server(holder), json_response=True, stateless=True, max_request_body_size=MAX_BYTES
        )

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [(name.lower().encode(), value.encode()) for name, value in allowance.headers.items()]
                message = {**message, "headers": [*message.get("headers", []), *told]}
            await send(message)

        async with manager.run():
            await manager.handle_request(scope, receive, answer)


def _server(holder: KeyHolder) -> Server[Any]:
    """Return a server with the tools that a key may use."""

    async def list_tools(_: ServerRequestContext[Any], __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[one.described() for one in TOOLS.values() if _is_allowed(holder, one.name)])

    async def call_tool(_: ServerRequestContext[Any], asked: CallToolRequestParams) -> CallToolResult:
        return await _call(holder, asked)

    return Server(
        "gpt-agents", version=__version__, instructions=_INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


def _is_allowed(holder: KeyHolder, name: str) -> bool:
    wanted = TOOLS[name].operation
    return wanted.scope in holder.scopes and holder.who.role.includes(wanted.role)


async def _call(holder: KeyHolder, asked: CallToolRequestParams) -> CallToolResult:
    """Return what a tool answers, or the sentence of why it does not."""
    language = holder.who.language
    tool = TOOLS.get(asked.name)
    try:
        if tool is None:
            raise Refusal(404, "Tool not found.")
        access.check(holder, tool.operation.scope, tool.operation.role)
        attributes: spans.Attributes = {"mcp.method.name": "tools/call", "gen_ai.tool.name": tool.name}
        with spans.span(f"tools/call {tool.name}", Kind.SERVER, attributes):
            return _result(await tool.call(holder, dict(asked.arguments or {})))
    except PlatformError as error:
        places = "".join(
            f" {one['path']}: {translate(language, one['sentence'])}" for one in getattr(error, "problems", [])
        )
        return _result(translate(language, error.sentence, **error.values) + places, is_error=True)
    except Exception as error:
        told = {"number": log_bug(PATH, error)}
        sentence = translate(
            language, "Something went wrong. If it keeps happening, contact support with code {number}.", **told
        )
        return _result(sentence, is_error=True)


def _result(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)

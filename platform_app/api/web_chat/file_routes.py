"""File routes: a visitor attaches a file."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import unquote

from limits import parse_many
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.web_chat.access import Visitor, count, count_message, visitor_route
from platform_app.db import session_scope
from platform_app.errors import Invalid, LimitReached
from platform_app.files import tenant_files
from platform_app.services.channels import visitor_files, visitor_view
from platform_app.services.channels.inbound import Receipt
from platform_app.services.channels.visitor_files import HEAD_BYTES, MAX_MB, SentFile
from platform_app.services.chat import reply_streams
from platform_app.services.knowledge.uploads import store_file

VISITOR_FILES = parse_many("10/hour; 30/day")
MAX_ID_CHARS = 64


class FileTooLarge(LimitReached):
    """A file has more than MAX_MB."""

    status = 413


@visitor_route("/files", methods=["POST"])
async def send_file(request: Request, visitor: Visitor) -> Response:
    """Store a file sent as a raw body, once for each id, as a message; start the agent's reply to it, if it has one.

    X-File-Name is its name, percent-encoded, and X-Message-Id its id. Raises Invalid if it is not accepted.
    """
    await count_message(visitor)
    await count(VISITOR_FILES, "file", visitor.account.id, visitor.outside_id)
    outside_id = request.headers.get("x-message-id", "")
    if not 8 <= len(outside_id) <= MAX_ID_CHARS or not outside_id.isalnum() or not outside_id.isascii():
        raise Invalid("This value isn’t allowed.")
    await asyncio.to_thread(_check, visitor)
    async with store_file(visitor.account.tenant_id, _limited(request)) as stored:
        head = await asyncio.to_thread(tenant_files.read_start, visitor.account.tenant_id, stored, HEAD_BYTES)
        sent = SentFile(outside_id, unquote(request.headers.get("x-file-name", ""))[:500], stored, head)
        receipt = await asyncio.to_thread(_receive, visitor, sent)
    if receipt.is_repeat:
        await asyncio.to_thread(tenant_files.discard, visitor.account.tenant_id, stored.stored_as)
    if receipt.reply_id:
        reply_streams.start(visitor.account.tenant_id, receipt.reply_id, receipt.message.conversation_id)
    said = receipt.message
    shown = {"id": said.id, "text": said.text, "at": said.created_at.isoformat()}
    return JSONResponse(shown | {"cursor": visitor_view.cursor_of(said), "repeat": receipt.is_repeat})


async def _limited(request: Request) -> AsyncIterator[bytes]:
    """Yield the parts of a body. Raises FileTooLarge beyond MAX_MB, whatever its Content-Length says."""
    most, size, said = MAX_MB * 1_000_000, 0, request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise FileTooLarge("The file is larger than {limit} MB.", limit=MAX_MB)
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise FileTooLarge("The file is larger than {limit} MB.", limit=MAX_MB)
        yield part


def _check(visitor: Visitor) -> None:
    with session_scope(visitor.account.tenant_id, read_only=True) as session:
        visitor_files.check_accepts(session, visitor.account, visitor.outside_id)


def _receive(visitor: Visitor, sent: SentFile) -> Receipt:
    with session_scope(visitor.account.tenant_id) as session:
        return visitor_files.receive(session, visitor.account, visitor.outside_id, sent)

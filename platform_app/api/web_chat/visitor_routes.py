"""Visitor routes: start a chat, write, read earlier messages, and ask for a person."""

import asyncio
import secrets
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from platform_app.api.web_chat.access import (
    NEW_VISITORS,
    VISITOR_TYPING,
    Visitor,
    count,
    count_message,
    visitor_route,
)
from platform_app.channels.web_chat import AsksFirst
from platform_app.db import session_scope
from platform_app.errors import Invalid
from platform_app.services.channels import inbound, ratings, visitor_view
from platform_app.services.channels.inbound import ContactDetails, InboundText, Receipt
from platform_app.services.channels.visitor_view import VisitorView
from platform_app.services.chat import reply_streams
from platform_app.services.inbox import presence

MAX_BODY_BYTES = 40_000  # 4000 characters of four bytes, escaped as JSON


class SentMessage(BaseModel):
    """A message as the frame sends it; `id` makes a repeat recognizable."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
    text: str
    name: Annotated[str, Field(max_length=120)] = ""
    email: Annotated[str, Field(max_length=254)] = ""
    language: Annotated[str, Field(max_length=2)] = ""
    person: bool = False
    answers: Annotated[str, Field(pattern=r"^[0-9a-z]{0,32}$")] = ""  # the message whose quick reply is pressed
    consent: bool = False  # to the text that the chat shows before the first message


@visitor_route("/session", methods=["POST"], is_known=False)
async def start(request: Request, visitor: Visitor) -> Response:
    """Return a new visitor's token. Nothing is stored before the first message."""
    await count(NEW_VISITORS, "session", visitor.account.id, visitor.address)
    return JSONResponse({"visitor": secrets.token_urlsafe(32)}, 201)


@visitor_route("/messages", methods=["POST"])
async def send(request: Request, visitor: Visitor) -> Response:
    """Store a message, once for each id, and start the agent's reply. Raises Invalid if it is not accepted."""
    await count_message(visitor)
    receipt = await asyncio.to_thread(_receive, visitor, await _sent_message(request))
    await asyncio.to_thread(presence.end_contact, visitor.account.tenant_id, receipt.message.conversation_id)
    if receipt.reply_id:
        reply_streams.start(visitor.account.tenant_id, receipt.reply_id, receipt.message.conversation_id)
    return JSONResponse(
        {
            "id": receipt.message.id,
            "text": receipt.message.text,
            "at": receipt.message.created_at.isoformat(),
            "cursor": visitor_view.cursor_of(receipt.message),
            "repeat": receipt.is_repeat,
        }
    )


async def _sent_message(request: Request) -> SentMessage:
    """Return the message in the body. Raises Invalid if it is not one."""
    try:
        return SentMessage.model_validate_json(await _body(request))
    except ValidationError as error:
        raise Invalid("This value isn’t allowed.") from error


async def _body(request: Request) -> bytes:
    """Return a body. Raises Invalid if it is longer than a message can be."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise Invalid("This message is too long.", field="text")
        parts.append(part)
    return b"".join(parts)


def _receive(visitor: Visitor, sent: SentMessage) -> Receipt:
    details = ContactDetails(" ".join(sent.name.split()), sent.email.strip(), sent.language)
    needs_details = visitor.settings.asks_first == AsksFirst.NAME_AND_EMAIL
    if visitor.verified is not None:
        details = ContactDetails(visitor.verified.name, visitor.verified.email, sent.language, is_verified=True)
    message = InboundText(
        sent.id,
        sent.text,
        details,
        wants_person=sent.person,
        needs_details=needs_details and visitor.verified is None,
        consent_text=visitor.settings.consent_text,
        consents=sent.consent,
        answers_id=sent.answers,
    )
    with session_scope(visitor.account.tenant_id) as session:
        return inbound.receive(session, visitor.account, visitor.outside_id, message)


@visitor_route("/person", methods=["POST"])
async def ask_for_person(request: Request, visitor: Visitor) -> Response:
    """Hand the visitor's conversation to members."""
    await count_message(visitor)

    def work() -> None:
        with session_scope(visitor.account.tenant_id) as session:
            inbound.ask_for_person(session, visitor.account, visitor.outside_id)

    await asyncio.to_thread(work)
    return JSONResponse({"state": "person"})


class SentRating(BaseModel):
    """What a visitor thinks of a conversation that was closed."""

    model_config = ConfigDict(extra="ignore", strict=True)

    stars: Annotated[int, Field(ge=1, le=5)]
    comment: Annotated[str, Field(max_length=ratings.MAX_COMMENT_CHARS)] = ""


@visitor_route("/rating", methods=["POST"])
async def rate(request: Request, visitor: Visitor) -> Response:
    """Store what the visitor thinks of the conversation. Raises Invalid if it is not a rating."""
    await count(VISITOR_TYPING, "rating", visitor.account.id, visitor.outside_id)
    try:
        sent = SentRating.model_validate_json(await _body(request))
    except ValidationError as error:
        raise Invalid("This value isn’t allowed.") from error

    def work() -> None:
        with session_scope(visitor.account.tenant_id) as session:
            ratings.rate(session, visitor.account, visitor.outside_id, stars=sent.stars, comment=sent.comment)

    await asyncio.to_thread(work)
    return Response(status_code=204)


@visitor_route("/typing", methods=["POST"])
async def typing(request: Request, visitor: Visitor) -> Response:
    """Show members for some seconds that the visitor is writing; without a conversation nothing happens."""
    await count(VISITOR_TYPING, "typing", visitor.account.id, visitor.outside_id)

    def work() -> None:
        with session_scope(visitor.account.tenant_id, read_only=True) as session:
            identity = inbound.find_identity(session, visitor.account, visitor.outside_id)
        if identity is not None and identity.conversation_id is not None:
            presence.renew_contact(visitor.account.tenant_id, identity.conversation_id)

    await asyncio.to_thread(work)
    return Response(status_code=204)


@visitor_route("/history", methods=["GET"])
async def history(request: Request, visitor: Visitor) -> Response:
    """Return the newest messages of the visitor's conversation, or those before the message named in the query."""
    before = request.query_params.get("before", "")[:32]

    def work() -> VisitorView:
        with session_scope(visitor.account.tenant_id, read_only=True) as session:
            return visitor_view.read(session, visitor.account, visitor.outside_id, before=before)

    return JSONResponse(_as_json(await asyncio.to_thread(work)))


def _as_json(view: VisitorView) -> dict[str, Any]:
    return {
        "has_conversation": bool(view.conversation_id),
        "messages": view.messages,
        "has_earlier": view.has_earlier,
        "state": view.state,
        "person": view.person,
        "away": view.is_away,
        "rates": view.asks_rating and not view.rating,
    }

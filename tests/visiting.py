"""Visiting: a web chat on a site, and a visitor who writes there, as tests need them."""

import secrets
from collections.abc import Callable
from typing import Any

import httpx

from platform_app.api.web_chat import access
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation, Message
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, inbound, visitor_view
from platform_app.services.channels.inbound import InboundText
from tests.api_client import client
from tests.talking import call, published

SITE = "https://shop.example"
TOKEN = "v" * 43


def a_chat(who: Identity, agent_id: str = "", **settings: Any) -> ChannelAccount:
    """Connect a web chat that SITE may show, with a new agent where none is named."""
    access._limiter.storage.reset()
    agent_id = agent_id or published(who, channels=["test"])
    made = call(who, channel_accounts.create, Channel.WEB_CHAT, name="Shop", agent_id=agent_id)
    changed: ChannelAccount = call(who, channel_accounts.save, made.id, {"allowed_origins": SITE} | settings)
    return changed


async def ask(
    chat: ChannelAccount, path: str, body: Any = None, *, token: str = TOKEN, site: str = SITE, **headers: str
) -> httpx.Response:
    """Ask a route of a chat as the frame does; with a body it is posted."""
    sent = {"x-embedding-origin": site} | ({"authorization": f"Bearer {token}"} if token else {}) | headers
    async with client() as frame:
        address = f"/web-chat/{chat.token}/{path}"
        if body is None:
            return await frame.get(address, headers=sent)
        return await frame.post(address, json=body, headers=sent)


def message(text: str = "How much is a tune-up?", **more: Any) -> dict[str, Any]:
    """Return a message as the frame sends it."""
    return {"id": secrets.token_hex(16), "text": text} | more


def rows(who: Identity, model: type[Any]) -> list[Any]:
    """Return the rows of a tenant's table, in the order of their creation."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(model, who.tenant_id).order_by(model.created_at, model.id)).all())


def the_talk(who: Identity) -> Conversation:
    """Return the only conversation of a tenant."""
    (found,) = rows(who, Conversation)
    return found  # type: ignore[no-any-return]


def texts(who: Identity, is_wanted: Callable[[Message], bool] = lambda _: True) -> list[str]:
    """Return the texts of a tenant's messages."""
    return [one.text for one in rows(who, Message) if is_wanted(one)]


def write(who: Identity, chat: ChannelAccount, text: str = "Hello", visitor: str = TOKEN, **more: Any) -> Any:
    """Receive a message as the route does; return what became of it."""
    sent = InboundText(more.pop("outside_id", f"id-{now().timestamp()}-{text}"), text, **more)
    with session_scope(who.tenant_id) as session:
        return inbound.receive(session, chat, inbound.hash_token(visitor), sent)


def view(who: Identity, chat: ChannelAccount, visitor: str = TOKEN) -> visitor_view.VisitorView:
    """Return what a visitor sees."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return visitor_view.read(session, chat, inbound.hash_token(visitor))

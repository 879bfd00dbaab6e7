"""Event stream of the API: it tells what comes, a reply as it grows and how it ends, while the key is in force."""

import asyncio
import json
from typing import Any

import pytest

from platform_app.api.rest import conversation_stream
from platform_app.api.rest.conversation_stream import ConversationStream
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.errors import NotFound
from platform_app.hub import Update, hub
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.api_keys import api_keys
from platform_app.services.channels import inbound
from platform_app.services.channels.inbound import InboundText
from platform_app.services.chat import member_messages, reply_streams
from platform_app.services.chat.reply_streams import LiveReply
from tests.api.keys import a_key, an_account, ask
from tests.talking import call, published
from tests.visiting import the_talk


def told(who: Identity, agent_id: str = "") -> str:
    """Receive a message on the API channel; return the id of the reply to come."""
    account = an_account(who, agent_id)
    with session_scope(who.tenant_id) as session:
        return inbound.receive(session, account, "customer-1", InboundText("m1", "Hello")).reply_id


def stream_of(who: Identity, after: str = "") -> ConversationStream:
    holder = api_keys.find_holder(a_key(who))
    assert holder is not None
    return ConversationStream(holder, the_talk(who).id, after)


async def take(lines: Any, count: int) -> list[tuple[str, Any]]:
    """Return the next events of a stream with their data, without pings."""
    events: list[tuple[str, Any]] = []
    while len(events) < count:
        line = await asyncio.wait_for(anext(lines), 10)
        fields = dict(part.split(": ", 1) for part in line.strip().splitlines())
        if "event" in fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


async def test_a_reply_grows_and_ends(who: Identity) -> None:
    reply_id, live = told(who), LiveReply()
    reply_streams._live[reply_id] = live
    lines = stream_of(who).lines()
    (_, said), (_, begun) = await take(lines, 2)
    assert (said["text"], begun["id"], begun["state"], begun["text"]) == ("Hello", reply_id, "streaming", "")
    for text in ("A tune", "-up costs 50."):
        live.text += text
        live.grown.set()
        live.grown = asyncio.Event()
        assert await take(lines, 1) == [("delta", {"id": reply_id, "text": text})]
    with session_scope(who.tenant_id) as session:
        row = session.get_one(Message, reply_id)
        row.text, row.state, row.finished_at = live.text, MessageState.COMPLETE, now()
    del reply_streams._live[reply_id]
    live.done.set()
    live.grown.set()
    hub.tell(who.tenant_id, Update("conversation", the_talk(who).id))
    ((kind, ended),) = await take(lines, 1)
    assert (kind, ended["state"], ended["text"]) == ("message", "complete", "A tune-up costs 50.")
    await lines.aclose()
    assert not conversation_stream._open


async def test_text_that_a_member_has_to_approve_is_not_streamed(who: Identity) -> None:
    reply_id, live = told(who, published(who, channels=["api"], check_before_sending=True)), LiveReply()
    reply_streams._live[reply_id] = live
    live.text = "Draft"
    lines = stream_of(who).lines()
    await take(lines, 2)
    waiting = asyncio.ensure_future(take(lines, 1))
    live.grown.set()
    call(who, member_messages.add_note, the_talk(who).id, "Mind")
    hub.tell(who.tenant_id, Update("conversation", the_talk(who).id))
    ((kind, note),) = await waiting
    assert (kind, note["state"], note["text"]) == ("message", "note", "Mind")
    del reply_streams._live[reply_id]


async def test_a_stream_goes_on_after_a_message_and_ends_with_the_key(who: Identity) -> None:
    told(who)
    first = (await ask(a_key(who), "GET", f"/conversations/{the_talk(who).id}/messages")).json()["data"][-1]
    stream = stream_of(who, first["id"])
    lines = stream.lines()
    ((_, reply),) = await take(lines, 1)
    assert reply["author"] == "agent"
    call(who, api_keys.revoke, stream._holder.key_id)
    hub.tell(who.tenant_id, Update("conversation", the_talk(who).id))
    assert await take(lines, 1) == [("gone", {})]


async def test_who_may_not_read_is_told_before_the_stream(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(other)
    path = f"/conversations/{the_talk(other).id}/events"
    assert (await ask(a_key(who), "GET", path)).status_code == 404
    assert (await ask(a_key(other), "GET", f"{path}?after=x")).status_code == 422
    with pytest.raises(NotFound):
        holder = api_keys.find_holder(a_key(who))
        assert holder is not None
        ConversationStream(holder, the_talk(other).id, "").check()
    monkeypatch.setattr(conversation_stream, "MAX_STREAMS", 0)
    refused = await ask(a_key(other), "GET", path)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")

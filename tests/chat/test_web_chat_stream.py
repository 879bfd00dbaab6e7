"""Web chat stream: a visitor's frame is told what was sent, and the text of a reply as it grows, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from platform_app.api.web_chat import access, event_stream
from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.hub import Update, hub
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts, inbound
from platform_app.services.chat import hand_off, member_messages, reply_streams
from platform_app.services.chat.reply_streams import LiveReply
from platform_app.services.inbox import presence
from platform_app.services.inbox.presence import Activity
from tests.talking import call, published
from tests.visiting import TOKEN, a_chat, ask, the_talk, view, write


async def stream_of(who: Identity, chat: ChannelAccount, last: str = "") -> event_stream.VisitorStream:
    """Return the stream of a visitor's frame."""
    own: Any = channel_accounts.settings_of(chat)
    return event_stream.VisitorStream(access.Visitor(chat, own, inbound.hash_token(TOKEN), "127.0.0.1"), last)


async def take(lines: Any, count: int) -> list[str]:
    """Return the next events of a stream, without pings."""
    found: list[str] = []
    while len(found) < count:
        line = await asyncio.wait_for(anext(lines), 10)
        if line.startswith(("event", "id")):
            found.append(line)
    return found


async def test_a_stream_tells_text_as_it_grows_then_the_reply(who: Identity) -> None:
    chat = a_chat(who)
    receipt = write(who, chat)
    talk, live = the_talk(who), LiveReply()
    reply_streams._live[receipt.reply_id] = live
    lines = (await stream_of(who, chat)).lines()
    said, state = await take(lines, 2)
    assert "event: message" in said and '"text": "Hello"' in said and '"writing": true' in state
    for text in ("A tune", "-up costs 50."):
        live.text += text
        live.grown.set()
        live.grown = asyncio.Event()
        (part,) = await take(lines, 1)
        assert "event: partial" in part and f'"text": "{text}"' in part
    with session_scope(who.tenant_id) as session:
        row = session.get_one(Message, receipt.reply_id)
        row.text, row.state, row.finished_at = live.text, MessageState.COMPLETE, now()
    del reply_streams._live[receipt.reply_id]
    live.done.set()
    live.grown.set()
    hub.tell(who.tenant_id, Update("conversation", talk.id))
    done, state = await take(lines, 2)
    assert "event: message" in done and "A tune-up costs 50." in done and '"writing": false' in state
    call(who, member_messages.send, talk.id, "A person is here")
    hub.tell(who.tenant_id, Update("conversation", talk.id))
    person, state = await take(lines, 2)
    assert '"author": "person"' in person and '"state": "person"' in state
    cursor = person.partition("\n")[0].removeprefix("id: ")
    await lines.aclose()
    again = (await stream_of(who, chat, cursor)).lines()
    resumed = await take(again, 2)
    assert [one.count("event: message") for one in resumed] == [1, 0] and "A person is here" in resumed[0]
    await again.aclose()
    assert not event_stream._open and not hub._watchers


async def test_a_reply_that_begins_after_it_was_read_is_shown_as_it_is_written(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_listen", asyncio.Event().wait)  # nothing comes from Redis meanwhile
    ended = asyncio.Event()

    async def stream(*_: Any, **__: Any) -> AsyncIterator[str]:
        yield "A tune-up"
        await ended.wait()

    monkeypatch.setattr(reply_streams.replies, "stream", stream)
    chat = a_chat(who)
    receipt = write(who, chat)
    lines = (await stream_of(who, chat)).lines()
    assert '"writing": true' in (await take(lines, 2))[1]
    part = asyncio.ensure_future(take(lines, 1))
    await asyncio.sleep(0.05)  # the stream waits for a change
    live = reply_streams.start(who.tenant_id, receipt.reply_id, the_talk(who).id)
    assert '"text": "A tune-up"' in (await part)[0]
    ended.set()
    await live.done.wait()
    await lines.aclose()


async def test_a_reply_that_needs_approval_is_not_shown_while_it_is_written(who: Identity) -> None:
    agent_id = published(who, channels=["test"], check_before_sending=True)
    chat = a_chat(who, agent_id)
    receipt = write(who, chat)
    reply_streams._live[receipt.reply_id] = LiveReply(text="SECRET")
    try:
        assert view(who, chat).live is None and view(who, chat).is_writing
        lines = (await stream_of(who, chat)).lines()
        assert "SECRET" not in "".join(await take(lines, 2))
        await lines.aclose()
    finally:
        del reply_streams._live[receipt.reply_id]


async def test_streams_are_bounded_and_a_chat_without_a_conversation_has_none(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = a_chat(who)
    assert (await ask(chat, "events")).text == ""
    write(who, chat)
    monkeypatch.setattr(event_stream, "MAX_STREAMS", {"visitor": 1})
    lines = (await stream_of(who, chat)).lines()
    await take(lines, 1)
    assert (await ask(chat, "events")).status_code == 429
    await lines.aclose()
    assert not event_stream._open


async def test_a_stream_ends_when_the_chat_is_switched_off(who: Identity) -> None:
    chat = a_chat(who)
    write(who, chat)
    lines = (await stream_of(who, chat)).lines()
    await take(lines, 2)
    call(who, channel_accounts.set_enabled, chat.id, enabled=False)
    hub.tell(who.tenant_id, Update("conversation", the_talk(who).id))
    assert (await take(lines, 1))[0].startswith("event: gone")
    assert [line async for line in lines] == []


async def test_a_visitor_sees_that_a_member_writes_and_members_that_the_visitor_does(
    who: Identity, live_redis: str
) -> None:
    chat = a_chat(who)
    write(who, chat)
    talk = the_talk(who)
    call(who, hand_off.take_over, talk.id)
    lines = (await stream_of(who, chat)).lines()
    assert '"writing": false' in (await take(lines, 2))[-1]
    presence.renew(who, talk.id, Activity.REPLYING)
    (state,) = await take(lines, 1)
    assert '"state": "person"' in state and '"writing": true' in state
    presence.end(who, talk.id)
    assert '"writing": false' in (await take(lines, 1))[0]
    await lines.aclose()
    assert (await ask(chat, "typing", {})).status_code == 204
    assert [one.user_id for one in presence.list_present(who.tenant_id, talk.id)] == [presence.CONTACT_ID]
    assert (await ask(chat, "typing", {}, token="w" * 43)).status_code == 204
    refused = [(await ask(chat, "typing", {})).status_code for _ in range(40)]
    assert refused[-1] == 429 and refused[0] == 204

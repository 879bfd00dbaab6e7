"""Conversation stream: server-sent events that keep another system's copy of a conversation current.

The stream reads the database when the conversation changes (see hub.Hub.watch), and takes the text of a reply that this
process is writing from memory. Each time it checks anew that the key is in force.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from time import monotonic

from sqlmodel import col
from starlette.responses import Response, StreamingResponse

from platform_app.api.rest import access
from platform_app.api.rest.conversation_views import message_view
from platform_app.api.rest.fields import Id
from platform_app.api.rest.operations import Call, Query, operation
from platform_app.db import Transaction, session_scope
from platform_app.errors import NotFound
from platform_app.fact_snapshots import current_messages
from platform_app.hub import hub
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.api_keys import KeyHolder
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.channels import visitor_view
from platform_app.services.chat import conversation_rows, reply_streams

MAX_STREAMS = 50  # of a key, open at once in this process
MAX_MESSAGES = 100  # of an event stream's beginning
PING_SECONDS = 15.0
LIFETIME_SECONDS = 900.0
BATCH_SECONDS = 0.05
RETRY_SECONDS = 10
_open: Counter[str] = Counter()


class EventsQuery(Query):
    """Where the stream begins."""

    after: Id | None = None


@operation("GET", "/conversations/{conversation_id}/events", Scope.CONVERSATIONS_READ, query=EventsQuery, streams=True)
async def stream_events(call: Call) -> Response:
    """Stream the messages of a conversation, or those after one, and what changes in it, as server-sent events.

    "message" holds a message when it comes and when its state changes, "delta" what a reply has grown by, "gone" says
    that the conversation was deleted. Raises NotFound if there is none, Refusal if too many streams are open.
    """
    stream = ConversationStream(call.holder, call.ids["conversation_id"], call.query.after or "")
    await asyncio.to_thread(stream.check)
    if _open[call.holder.key_id] >= MAX_STREAMS:
        raise access.rate_limited(RETRY_SECONDS)
    headers = {"x-accel-buffering": "no"}  # a proxy shall pass each event on at once
    return StreamingResponse(stream.lines(), media_type="text/event-stream", headers=headers)


class ConversationStream:
    """The stream of one client: what it has been sent, and the events that bring it up to date."""

    def __init__(self, holder: KeyHolder, conversation_id: str, after: str) -> None:
        self._holder, self._conversation_id, self._after = holder, conversation_id, after
        self._sent: dict[str, tuple[MessageState, str]] = {}
        self._texts: dict[str, str] = {}

    def check(self) -> None:
        """Raise NotFound if there is no such conversation."""
        with session_scope(self._holder.who.tenant_id, read_only=True) as session:
            self._get(session)

    def _get(self, session: Transaction) -> Conversation:
        row = conversation_rows.get(session, self._holder.who, self._conversation_id)
        if row.channel == Channel.TEST:
            raise NotFound("Conversation not found.")
        return row

    async def lines(self) -> AsyncIterator[str]:
        """Yield events until the conversation or the key is gone, or the lifetime is over."""
        with _slot(self._holder.key_id):
            end = monotonic() + LIFETIME_SECONDS
            yield "retry: 2000\n\n"
            with hub.watch(self._holder.who.tenant_id, self._conversation_id) as changed:
                while monotonic() < end:
                    changed.clear()
                    rows, live = await asyncio.to_thread(self._read)
                    if rows is None:
                        yield _event("gone", {})
                        return
                    for row in rows:
                        for line in self._news(row):
                            yield line
                    async for line in self._until_changed(live, changed):
                        yield line

    def _read(self) -> tuple[list[Message] | None, str]:
        """Return the messages, oldest first, and the id of a reply whose text may be shown as it is written.

        The messages are None if the conversation is deleted or the key is no longer in force.
        """
        if not api_keys.is_in_force(self._holder):
            return None, ""
        with session_scope(self._holder.who.tenant_id, read_only=True) as session:
            try:
                row = self._get(session)
            except NotFound:
                return None, ""
            query = current_messages(row)
            if self._after:
                query = query.where(col(Message.id) > self._after)
            newest = query.order_by(col(Message.id).desc()).limit(MAX_MESSAGES)
            rows: list[Message] = list(session.exec(newest).all())[::-1]
            streamed = [one for one in rows if one.state == MessageState.STREAMING]
            live = visitor_view.live_text(session, row, streamed[-1]) if streamed else None
        return rows, live.id if live else ""

    def _news(self, row: Message) -> Iterator[str]:
        """Yield the event of a message that is new or has changed; the text of an unfinished one comes as deltas."""
        is_written = row.state == MessageState.STREAMING
        shown = row.model_copy(update={"text": ""}) if is_written else row
        state = (row.state, shown.text)
        if self._sent.get(row.id) != state:
            self._sent[row.id] = state
            yield _event("message", message_view(shown).model_dump(mode="json"), event_id=row.id)

    def _grown(self, reply_id: str, text: str) -> Iterator[str]:
        before = self._texts.get(reply_id, "")
        if text != before and text.startswith(before):
            self._texts[reply_id] = text
            yield _event("delta", {"id": reply_id, "text": text[len(before) :]})

    async def _until_changed(self, live_id: str, changed: asyncio.Event) -> AsyncIterator[str]:
        """Wait for a change; meanwhile yield what a reply that this process writes grows by, and pings."""
        live = reply_streams.find(live_id) if live_id else None
        while not changed.is_set():
            if live is None:
                if not await _is_set(changed, PING_SECONDS):
                    yield ": ping\n\n"
                return
            grown = live.grown
            for line in self._grown(live_id, live.text):
                yield line
            if live.done.is_set():
                return
            if not await _is_set(grown, PING_SECONDS):
                yield ": ping\n\n"
            await asyncio.sleep(BATCH_SECONDS)


@contextmanager
def _slot(key_id: str) -> Iterator[None]:
    """Count an open stream."""
    _open[key_id] += 1
    try:
        yield
    finally:
        _open[key_id] -= 1
        if _open[key_id] <= 0:
            del _open[key_id]


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; return whether it was set within the time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _event(name: str, data: dict[str, object], *, event_id: str = "") -> str:
    """Return an event as text; JSON has no line breaks of its own."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

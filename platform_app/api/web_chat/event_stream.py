"""Event stream: server-sent events that keep a visitor's chat current.

A stream reads the database when its conversation changes (see hub.Hub.watch), and takes the text of a reply that this
process is writing from memory. The id of an event is the cursor of a message; a stream that begins with Last-Event-ID
sends what came after it.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from platform_app.api.web_chat.access import TooFrequent, Visitor, find_chat, visitor_route
from platform_app.db import session_scope
from platform_app.errors import NotFound
from platform_app.hub import hub
from platform_app.services.channels import inbound, visitor_view
from platform_app.services.channels.visitor_view import VisitorView
from platform_app.services.chat import reply_streams
from platform_app.services.chat.reply_streams import LiveReply
from platform_app.services.inbox import presence

MAX_STREAMS = {"all": 2_000, "address": 600, "visitor": 5}  # open at once in this process
PING_SECONDS = 15.0
PRESENCE_SECONDS = 3.0
SEEN_SECONDS = 60.0
LIFETIME_SECONDS = 900.0  # the frame connects again, which checks its access anew
BATCH_SECONDS = 0.05
RETRY_SECONDS = 10
_CURSOR = re.compile(r"(\d{1,12}\.\d{6})-[0-9a-z]{1,32}")
_open: Counter[tuple[str, str]] = Counter()


@visitor_route("/events", methods=["GET"])
async def events(request: Request, visitor: Visitor) -> Response:
    """Stream what happens in the visitor's conversation. Raises TooFrequent if too many streams are open."""
    if any(_open[key] >= most for key, most in _slots(visitor)):
        raise TooFrequent(RETRY_SECONDS)
    stream = VisitorStream(visitor, request.headers.get("last-event-id", ""))
    headers = {"x-accel-buffering": "no"}  # a proxy shall pass each event on at once
    return StreamingResponse(stream.lines(), media_type="text/event-stream", headers=headers)


def _slots(visitor: Visitor) -> list[tuple[tuple[str, str], int]]:
    keys = {"all": "", "address": visitor.address, "visitor": visitor.account.id + visitor.outside_id}
    return [((kind, keys[kind]), most) for kind, most in MAX_STREAMS.items()]


@contextmanager
def _slot(visitor: Visitor) -> Iterator[None]:
    """Count an open stream."""
    keys = [key for key, _ in _slots(visitor)]
    _open.update(keys)
    try:
        yield
    finally:
        _open.subtract(keys)
        for key in keys:
            if _open[key] <= 0:
                del _open[key]


class VisitorStream:
    """The stream of one frame: what it has been sent, and the events that bring it up to date."""

    def __init__(self, visitor: Visitor, last_event_id: str) -> None:
        self._visitor = visitor
        found = _CURSOR.fullmatch(last_event_id)
        self._after = float(found[1]) if found else 0.0
        self._sent: set[str] = set()
        self._state: dict[str, Any] = {}
        self._live_id, self._live_text = "", ""
        self._seen_id, self._note_at = "", 0.0  # the newest message that was stored as seen, and the next time to store

    async def lines(self) -> AsyncIterator[str]:
        """Yield events until the conversation is gone, the chat is switched off or the lifetime is over."""
        with _slot(self._visitor):
            first, end = await self._read(), monotonic() + LIFETIME_SECONDS
            if not first.conversation_id:
                return
            yield "retry: 2000\n\n"
            with hub.watch(self._visitor.account.tenant_id, first.conversation_id) as changed:
                while monotonic() < end:
                    changed.clear()
                    view = await self._read()
                    if view.conversation_id != first.conversation_id:
                        yield _event("gone", {})
                        return
                    for line in self._news(view):
                        yield line
                    await self._note_seen(view)
                    async for line in self._until_changed(view, changed):
                        yield line

    async def _read(self) -> VisitorView:
        """Return the conversation, empty if the chat is switched off."""

        def work() -> VisitorView:
            try:
                account = find_chat(self._visitor.account.token)
            except NotFound:
                return VisitorView()
            with session_scope(account.tenant_id, read_only=True) as session:
                view = visitor_view.read(session, account, self._visitor.outside_id)
            if view.state == "person" and presence.is_member_replying(account.tenant_id, view.conversation_id):
                return replace(view, is_writing=True)
            return view

        return await asyncio.to_thread(work)

    async def _note_seen(self, view: VisitorView) -> None:
        """Store that the visitor is there: with each new message, and else once in SEEN_SECONDS."""
        newest = view.messages[-1]["id"] if view.messages else ""
        if newest == self._seen_id and monotonic() < self._note_at:
            return
        self._seen_id, self._note_at = newest, monotonic() + SEEN_SECONDS

        def work() -> None:
            with session_scope(self._visitor.account.tenant_id) as session:
                inbound.note_seen(session, self._visitor.account, self._visitor.outside_id)

        await asyncio.to_thread(work)

    async def _until_changed(self, view: VisitorView, changed: asyncio.Event) -> AsyncIterator[str]:
        """Wait for a change; meanwhile yield the text of a reply that this process writes, and pings.

        That a member writes ends by itself, so it is read again after PRESENCE_SECONDS.
        """
        is_member = view.is_writing and view.state == "person"
        live = reply_streams.find(view.live.id) if view.live else None
        while not changed.is_set():
            if live is None:
                if not await _is_set(changed, PRESENCE_SECONDS if is_member else PING_SECONDS):
                    yield ": ping\n\n"
                    return
                continue
            grown = live.grown
            for line in self._grow(live):
                yield line
            if live.done.is_set():
                return
            if not await _is_set(grown, PING_SECONDS):
                yield ": ping\n\n"
            await asyncio.sleep(BATCH_SECONDS)

    def _grow(self, live: LiveReply) -> Iterator[str]:
        yield from self._show_live(self._live_id, live.text)

    def _show_live(self, reply_id: str, text: str) -> Iterator[str]:
        """Yield the part of a reply's text that was not sent yet, with its place in the text."""
        if reply_id != self._live_id:
            yield from self._drop_live()
            self._live_id = reply_id
        if text == self._live_text or self._live_text.startswith(text):
            return
        at = len(self._live_text) if text.startswith(self._live_text) else 0
        self._live_text = text
        yield _event("partial", {"id": reply_id, "at": at, "text": text[at:]})

    def _drop_live(self) -> Iterator[str]:
        """Yield the event that takes an unfinished reply away, if one is shown."""
        if self._live_id and self._live_text:
            yield _event("dropped", {"id": self._live_id})
        self._live_id, self._live_text = "", ""

    def _news(self, view: VisitorView) -> Iterator[str]:
        """Yield what the frame does not show yet."""
        is_gap = self._after and view.has_earlier and all(_at(one) > self._after for one in view.messages)
        if is_gap:
            yield _event("reset", {})
            self._after = 0.0
        for one in view.messages:
            if one["id"] in self._sent or _at(one) < self._after:
                continue
            self._sent.add(one["id"])
            if one["id"] == self._live_id:
                self._live_id, self._live_text = "", ""
            yield _event("message", one, event_id=one["cursor"])
        if view.live:
            yield from self._show_live(view.live.id, view.live.text)
        else:
            yield from self._drop_live()
        state = {"state": view.state, "person": view.person, "writing": view.is_writing}
        state |= {"failed": view.has_failed, "away": view.is_away, "rates": view.asks_rating and not view.rating}
        if state != self._state:
            self._state = state
            yield _event("state", state)


def _at(message: dict[str, Any]) -> float:
    return float(message["cursor"].partition("-")[0])


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event; return whether it was set within the time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _event(name: str, data: dict[str, Any], *, event_id: str = "") -> str:
    """Return an event as text; JSON has no line breaks of its own."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"

"""Live: follows a reply while it is written, for requests that wait for it or stream it."""

import asyncio
from collections.abc import AsyncIterator

from platform_app.api.rest.operations import Call
from platform_app.db import session_scope
from platform_app.services.channels import completions
from platform_app.services.channels.completions import Begun, Completion, Turn
from platform_app.services.chat import reply_streams

BATCH_SECONDS = 0.05


async def begin(call: Call, model: str, turns: list[Turn], *, reference: str = "", previous: str = "") -> Begun:
    """Store the message of a request and start the reply. Raises as `completions.begin` and `begin_after` do."""

    def work() -> Begun:
        with session_scope(call.who.tenant_id) as session:
            agent = completions.find_agent(session, call.who, model)
            if previous:
                return completions.begin_after(session, call.who, previous, turns)
            return completions.begin(session, call.who, agent, turns, reference=reference)

    begun = await asyncio.to_thread(work)
    reply_streams.start(call.who.tenant_id, begun.reply_id, begun.conversation_id)
    return begun


async def pieces(begun: Begun) -> AsyncIterator[str]:
    """Yield the text of a reply as it is written; none if a member may have to approve it."""
    live, shown = reply_streams.find(begun.reply_id), ""
    while live is not None:
        grown = live.grown
        if live.text != shown and not begun.is_hidden:
            shown, piece = live.text, live.text[len(shown) :]
            yield piece
        if live.done.is_set():
            return
        await grown.wait()
        await asyncio.sleep(BATCH_SECONDS)


async def finish(call: Call, begun: Begun) -> Completion:
    """Wait for the end of a reply and return it. Raises as `completions.read` does."""
    live = reply_streams.find(begun.reply_id)
    if live is not None:
        await live.done.wait()

    def work() -> Completion:
        with session_scope(call.who.tenant_id, read_only=True) as session:
            return completions.read(session, call.who, begun)

    return await asyncio.to_thread(work)

"""Streams: replies being written in this process, whoever watches them."""

import asyncio
from dataclasses import dataclass, field

import structlog

from platform_app.services.chat import replies

log = structlog.get_logger()
STOP_SECONDS = 5  # longest that a stop waits for what has arrived to be stored


@dataclass
class LiveReply:
    """A reply in the making: its text so far, and whether it is through."""

    text: str = ""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None


_live: dict[str, LiveReply] = {}


def start(tenant_id: str, reply_id: str) -> LiveReply:
    """Write a reply in a task of its own: it goes on when the tab that asked for it is closed."""
    if held := _live.get(reply_id):
        return held
    live = _live[reply_id] = LiveReply()
    live.task = asyncio.get_running_loop().create_task(_write(tenant_id, reply_id, live))
    return live


def find(reply_id: str) -> LiveReply | None:
    """Return a reply that this process is writing."""
    return _live.get(reply_id)


async def stop(reply_id: str) -> None:
    """End the writing of a reply, if it is written here, and wait until what has arrived is in its row."""
    live = _live.get(reply_id)
    if live is not None and live.task is not None:
        live.task.cancel()
        await asyncio.wait({live.task}, timeout=STOP_SECONDS)


async def _write(tenant_id: str, reply_id: str, live: LiveReply) -> None:
    try:
        async for piece in replies.stream(tenant_id, reply_id):
            live.text += piece
    except Exception:  # the row says it to people; here it is for those who mend it
        log.exception("reply was not written", reply_id=reply_id)
    finally:
        _live.pop(reply_id, None)
        live.done.set()

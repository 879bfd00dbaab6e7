"""Reply streams: replies that this process is streaming, shared by all tabs that show them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from platform_app.hub import Update, hub
from platform_app.services.chat import replies
from platform_app.services.chat.reply_context import ReplyStep

log = structlog.get_logger()
STOP_SECONDS = 5  # timeout for storing the partial reply when it is stopped or handed over


@dataclass
class LiveReply:
    """A reply that is being streamed: its text and step so far, its task, and an event that is set at the end.

    `grown` is set when there is more text, and replaced by another event: take it before reading the text.
    `is_handed_over` says that a worker goes on with it when its task is cancelled.
    """

    text: str = ""
    step: ReplyStep = ReplyStep.PREPARING
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    is_handed_over: bool = False


_live: dict[str, LiveReply] = {}


def start(tenant_id: str, reply_id: str, conversation_id: str) -> LiveReply:
    """Stream a reply in a task of its own, which outlives the tab; return the running one if there is one.

    Whoever shows the conversation in this process is told: they may have read that there is a reply before it was here.
    """
    if held := _live.get(reply_id):
        return held
    live = _live[reply_id] = LiveReply()
    live.task = asyncio.get_running_loop().create_task(_write(tenant_id, reply_id, live))
    hub.tell(tenant_id, Update("conversation", conversation_id))
    return live


def find(reply_id: str) -> LiveReply | None:
    """Return a reply that this process is streaming, or None."""
    return _live.get(reply_id)


async def stop(reply_id: str) -> None:
    """Cancel a reply that is streamed here and wait until the partial text is stored, at most STOP_SECONDS."""
    live = _live.get(reply_id)
    if live is not None and live.task is not None:
        live.task.cancel()
        await asyncio.wait({live.task}, timeout=STOP_SECONDS)


async def hand_over_all() -> None:
    """Leave all replies that are streamed here to a worker, and wait until that is stored, at most STOP_SECONDS."""
    tasks = set()
    for live in _live.values():
        if live.task is not None:
            live.is_handed_over = True
            live.task.cancel()
            tasks.add(live.task)
    if tasks:
        log.info("replies are handed over", count=len(tasks))
        await asyncio.wait(tasks, timeout=STOP_SECONDS)


@asynccontextmanager
async def handing_over() -> AsyncIterator[None]:
    """Hand all replies over when the web process ends; for the lifespan of an application."""
    yield
    await hand_over_all()


async def _write(tenant_id: str, reply_id: str, live: LiveReply) -> None:
    def note(step: ReplyStep) -> None:
        live.step = step

    try:
        async for piece in replies.stream(
            tenant_id, reply_id, on_step=note, is_handed_over=lambda: live.is_handed_over
        ):
            live.text += piece
            live.grown.set()
            live.grown = asyncio.Event()
    except Exception:  # users read the error in the reply's row; this is for developers
        log.exception("reply was not written", reply_id=reply_id)
    finally:
        _live.pop(reply_id, None)
        live.done.set()
        live.grown.set()

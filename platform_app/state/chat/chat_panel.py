"""Chat panel: what is open at the right of the test chat, a trace or a passage."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.models.person import Role
from platform_app.services.chat import conversations
from platform_app.services.knowledge import sources
from platform_app.state.chat.trace_view import (
    Bar,
    Pair,
    ScriptPoint,
    TracePassage,
    bars_of,
    pairs_of,
    passages_of,
    prompt_of,
    scripts_of,
)
from platform_app.state.console.base import current_user, fetch, handler, success_toast
from platform_app.state.rules.proof_view import reader_of


@dataclass
class PassageText:
    """A stored piece of a source: the one that was cited, or one beside it."""

    heading: str
    text: str
    cited: bool


class ChatPanelState(rx.State):
    """The panel at the right: why a reply came out as it did, or the passage it is taken from."""

    showing: str = ""  # "", trace or passage
    passages: list[TracePassage] = []
    scripts: list[ScriptPoint] = []
    pairs: list[Pair] = []
    bars: list[Bar] = []
    prompt: list[Pair] = []
    degraded: bool = False
    source_title: str = ""
    source_id: str = ""
    texts: list[PassageText] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Begin with nothing open."""
        self.showing = ""

    @handler(Role.VIEWER)
    async def show_trace(self, reply_id: str) -> Any:
        """Show why a reply came out as it did."""
        language = (await current_user(self)).language
        trace = await fetch(self, conversations.get_trace, reply_id)
        if trace is None:
            return await success_toast(self, "The reply was interrupted before its trace was stored.")
        self.passages, self.pairs = passages_of(trace, language), pairs_of(trace, language)
        self.scripts = scripts_of(trace, await reader_of(self))
        self.bars, self.prompt = bars_of(trace, language), prompt_of(trace, language)
        self.degraded = bool(trace.data.get("degraded"))
        self.showing = "trace"
        return None

    @handler(Role.VIEWER)
    async def show_passage(self, chunk_id: str) -> None:
        """Show the passage that a reply is taken from, with its neighbours."""
        source, chunks = await fetch(self, sources.passage, chunk_id)
        self.source_title, self.source_id = source.title, "" if source.deleted_at else source.id
        self.texts = [PassageText(chunk.heading, chunk.text, chunk.id == chunk_id) for chunk in chunks]
        self.showing = "passage"

    @handler(Role.VIEWER)
    async def keep_open(self, is_open: bool) -> None:
        """Close the panel."""
        if not is_open:
            self.showing = ""

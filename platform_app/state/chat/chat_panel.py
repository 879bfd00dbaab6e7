"""Chat panel: the trace or passage that is open beside the test chat."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.models.person import Role
from platform_app.rag.passages import MAX_JOINED
from platform_app.services.chat import reply_reasons
from platform_app.services.knowledge import sources
from platform_app.state.chat.trace_view import (
    DurationBar,
    LabeledValue,
    TracePassage,
    TraceScript,
    reason_sentences,
    trace_durations,
    trace_facts,
    trace_passages,
    trace_prompt,
    trace_scripts,
)
from platform_app.state.console.base import current_user, fetch, handler, success_toast
from platform_app.state.rules.proof_view import view_context


@dataclass
class PassageChunk:
    """A chunk of a source: one that was cited or a neighbour of it."""

    heading: str
    text: str
    cited: bool


class ChatPanelState(rx.State):
    """The panel at the right of the test chat: the trace of a reply, or a cited passage."""

    open_panel: str = ""  # "", trace or passage
    shown_id: str = ""  # of the reply or the chunk
    reasons: list[str] = []  # sentences, the one that decided first
    agent_id: str = ""  # whose instructions can be edited; "" if it is deleted
    passages: list[TracePassage] = []
    scripts: list[TraceScript] = []
    facts: list[LabeledValue] = []
    durations: list[DurationBar] = []
    prompt: list[LabeledValue] = []
    degraded: bool = False
    source_title: str = ""
    source_id: str = ""
    source_address: str = ""  # of a web page
    chunks: list[PassageChunk] = []

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Close the panel that was open on the page before."""
        self.open_panel = ""

    @handler(Role.VIEWER)
    async def show_trace(self, reply_id: str) -> Any:
        """Open the trace of a reply."""
        user = await current_user(self)
        language = user.language
        told = await fetch(self, reply_reasons.explain, reply_id[:32])
        if told is None:
            return await success_toast(self, "The reply was interrupted before its trace was stored.")
        trace, self.shown_id, self.agent_id = told.trace, reply_id[:32], told.agent_id
        self.reasons = reason_sentences(told.reasons, language)
        self.passages = trace_passages(trace, language, told.source_ids)
        self.facts = trace_facts(trace, language, for_admins=Role(user.role).includes(Role.ADMIN))
        self.scripts = trace_scripts(trace, await view_context(self), told.script_ids)
        self.durations, self.prompt = trace_durations(trace, language), trace_prompt(trace, language)
        self.degraded = bool(trace.data.get("degraded"))
        self.open_panel = "trace"
        return None

    @handler(Role.VIEWER)
    async def show_passage(self, chunk_ids: str) -> None:
        """Open the cited chunks, whose ids are separated by spaces, with their neighbours."""
        ids = [chunk_id[:64] for chunk_id in chunk_ids.split()[:MAX_JOINED]]
        source, chunks = await fetch(self, sources.get_passage, *ids)
        self.shown_id = " ".join(ids)
        self.source_title, self.source_id = source.title, "" if source.deleted_at else source.id
        self.source_address = source.address
        self.chunks = [PassageChunk(chunk.heading, chunk.text, chunk.id in ids) for chunk in chunks]
        self.open_panel = "passage"

    @handler(Role.VIEWER)
    async def close(self) -> None:
        """Close the panel."""
        self.open_panel = ""

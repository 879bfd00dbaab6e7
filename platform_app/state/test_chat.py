"""Test chat: talk to any agent, see its reply as it is written, and why it came out so."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.i18n import translate
from platform_app.models.conversation import Author, Message, MessageState
from platform_app.models.person import Role
from platform_app.services import agents, conversations, knowledge, reply_store
from platform_app.state import streams
from platform_app.state.base import call, handler, look, person, who
from platform_app.state.chat_view import (
    Bar,
    ConversationRow,
    MessageRow,
    Pair,
    TracePassage,
    conversation_row,
    message_row,
    trace_bars,
    trace_pairs,
    trace_passages,
)
from platform_app.state.hub import hub

TICK = 0.06  # seconds between two looks at a reply in the making


@dataclass
class AgentChoice:
    """An agent that can be talked to."""

    id: str
    name: str


class TestChatState(rx.State):
    """The conversations of the test chat and the open one."""

    __test__ = False
    loaded: bool = False
    rows: list[ConversationRow] = []
    search: str = ""
    current: str = ""
    title: str = ""
    agents: list[AgentChoice] = []
    agent: str = ""
    use_draft: bool = True
    messages: list[MessageRow] = []
    live: str = ""
    live_id: str = ""
    waiting_id: str = ""
    waiting: str = ""
    composer_key: int = 0
    editing: str = ""
    undo_sentence: str = ""
    panel: str = ""  # "", trace or passage
    passages: list[TracePassage] = []
    pairs: list[Pair] = []
    bars: list[Bar] = []
    prompt: str = ""
    passage_title: str = ""
    passage_texts: list[str] = []
    _undo_id: str = ""
    _following: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Open what the address names: a conversation, or a new one with an agent."""
        asked = self.router.url.query_parameters
        self.panel, self.editing, self.undo_sentence = "", "", ""
        self.current, self.live, self.live_id, self._following = asked.get("c", "")[:32], "", "", ""
        self.messages = []
        rows, _ = await look(self, agents.list_agents, page_size=200, sort="name", descending=False)
        self.agents = [AgentChoice(row.id, row.name) for row in rows]
        wished = asked.get("agent", "")
        known = {row.id for row in rows}
        self.agent = wished if wished in known else self.agent if self.agent in known else rows[0].id if rows else ""
        await self._list()
        if self.current:
            await self._open()
        self.loaded = True
        return self._follow_live()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> Any:
        """Stay in step with other tabs and with the worker."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, every=1):
            async with self:
                if update.topic in ("conversation", "*"):
                    if update.topic == "conversation":
                        await self._list()
                    if (
                        self.current
                        and (update.subject_id in ("", self.current))
                        and (update.subject_id or self.waiting_id)
                    ):
                        await self._open()
                follow = self._follow_live()
            if follow is not None:
                yield follow

    @handler(Role.VIEWER, background=True)
    async def follow(self, reply_id: str) -> None:
        """Show a reply as it is written in this process."""
        async with self:
            await who(self)
            if reply_id != self.live_id or self._following == reply_id:
                return
            self._following = reply_id
        live = streams.find(reply_id)
        shown = ""
        while live is not None and not live.done.is_set():
            await asyncio.sleep(TICK)
            if live.text != shown:
                async with self:
                    if self._following != reply_id:
                        return
                    shown = self.live = live.text
        async with self:
            if self._following == reply_id:
                self._following = ""
                await self._open()
                await self._list()

    @handler(Role.OPERATOR)
    async def send(self, form: dict[str, Any]) -> Any:
        """Say something; the reply begins."""
        text = str(form.get("text", ""))
        if not text.strip():
            return None
        if not self.current:
            if not self.agent:
                return None
            row = await call(self, conversations.create, self.agent, use_draft=self.use_draft)
            self.current = row.id
        _, reply = await call(self, conversations.receive, self.current, text)
        self.composer_key += 1
        return await self._began(reply)

    @handler(Role.OPERATOR)
    async def retry(self, reply_id: str) -> Any:
        """Ask for another reply to the same message."""
        return await self._began(await call(self, conversations.retry, reply_id))

    @handler(Role.OPERATOR)
    async def answer_now(self) -> Any:
        """Do not wait for the agent's delay."""
        return await self._began(await call(self, conversations.answer_now, self.waiting_id))

    @handler(Role.OPERATOR)
    async def begin_edit(self, message_id: str) -> None:
        """Change a message in place."""
        self.editing = message_id

    @handler(Role.VIEWER)
    async def cancel_edit(self) -> None:
        """Leave a message as it was."""
        self.editing = ""

    @handler(Role.OPERATOR)
    async def resend(self, form: dict[str, Any]) -> Any:
        """Say the changed message instead; what followed is replaced."""
        message_id, self.editing = self.editing, ""
        _, reply = await call(self, conversations.edit_and_resend, message_id, str(form.get("text", "")))
        return await self._began(reply)

    @handler(Role.OPERATOR)
    async def stop(self) -> None:
        """Stop the reply; what has arrived stays."""
        reply_id = self.live_id or self.waiting_id
        if reply_id:
            streams.stop(reply_id)
            await asyncio.sleep(0)
            await call(self, conversations.stop, reply_id)
            self._following = ""
            await self._open()

    @handler(Role.OPERATOR)
    async def approve(self, form: dict[str, Any]) -> None:
        """Let a reply go out that waited for a person."""
        reply_id = str(form.get("reply_id", ""))[:32]
        await call(self, reply_store.approve, reply_id, str(form.get("text", "")))
        await self._open()

    @handler(Role.OPERATOR)
    async def discard(self, reply_id: str) -> None:
        """Do not let a reply go out."""
        await call(self, conversations.discard, reply_id)
        await self._open()

    @handler(Role.VIEWER)
    async def choose(self, conversation_id: str) -> Any:
        """Open a conversation; the address keeps it."""
        return self._go(f"?c={conversation_id}" if conversation_id.isalnum() else "")

    @handler(Role.VIEWER)
    async def begin_new(self) -> Any:
        """Begin a new conversation."""
        return self._go("")

    @handler(Role.OPERATOR)
    async def choose_agent(self, agent_id: str) -> None:
        """Let another agent answer from now on."""
        self.agent = agent_id[:32]
        if self.current:
            await call(self, conversations.choose_agent, self.current, self.agent, use_draft=self.use_draft)

    @handler(Role.OPERATOR)
    async def choose_draft(self, use_draft: bool) -> None:
        """Play with the draft, or with what is published."""
        self.use_draft = use_draft
        if self.current:
            await call(self, conversations.choose_agent, self.current, self.agent, use_draft=use_draft)

    @handler(Role.VIEWER)
    async def type_search(self, search: str) -> None:
        """Search titles and last lines as one types."""
        self.search = search[:200]
        await self._list()

    @handler(Role.OPERATOR)
    async def clear(self) -> None:
        """Begin the conversation anew."""
        await call(self, conversations.clear, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def delete(self, conversation_id: str) -> Any:
        """Take a conversation away; it can be brought back for ten seconds."""
        row = await call(self, conversations.delete, conversation_id)
        language = (await person(self)).language
        self._undo_id = conversation_id
        self.undo_sentence = translate(language, "“{title}” is deleted.", title=row.title or "…")
        await self._list()
        after = [TestChatState.forget_undo(conversation_id)]
        if conversation_id == self.current:
            self.current, self.messages, self.live, self.live_id = "", [], "", ""
            after.append(rx.call_script("history.replaceState(history.state,'',location.pathname)"))
        return after

    @handler(Role.OPERATOR, background=True)
    async def forget_undo(self, conversation_id: str) -> None:
        """Take the offer to undo away after ten seconds."""
        await asyncio.sleep(10)
        async with self:
            if self._undo_id == conversation_id:
                self.undo_sentence = ""

    @handler(Role.OPERATOR)
    async def undo(self) -> None:
        """Bring the conversation deleted last back."""
        self.undo_sentence = ""
        await call(self, conversations.restore, self._undo_id)
        await self._list()

    @handler(Role.VIEWER)
    async def show_trace(self, reply_id: str) -> None:
        """Show why a reply came out as it did."""
        language = (await person(self)).language
        trace = await look(self, conversations.trace, reply_id)
        if trace is None:
            return
        self.passages = trace_passages(trace, language)
        self.pairs = trace_pairs(trace, language)
        self.bars = trace_bars(trace, language)
        self.prompt = "\n\n".join(f"{m['role']}:\n{m['content']}" for m in trace.data.get("prompt", []))[:60_000]
        self.panel = "trace"

    @handler(Role.VIEWER)
    async def show_passage(self, chunk_id: str) -> None:
        """Show the passage that a reply is taken from, with its neighbours."""
        source, chunks = await look(self, knowledge.passage, chunk_id)
        self.passage_title = source.title
        self.passage_texts = [chunk.text for chunk in chunks]
        self.panel = "passage"

    @handler(Role.VIEWER)
    async def close_panel(self, is_open: bool) -> None:
        """Close the panel at the right."""
        if not is_open:
            self.panel = ""

    def _go(self, query: str) -> Any:
        return rx.redirect(f"{self.router.url.path}{query}")

    def _follow_live(self) -> Any:
        if self.live_id and self._following != self.live_id and streams.find(self.live_id):
            return TestChatState.follow(self.live_id)
        return None

    async def _began(self, reply: Message) -> Any:
        identity = await who(self)
        if reply.state == MessageState.STREAMING:
            streams.start(identity.tenant_id, reply.id)
        await self._open()
        await self._list()
        script = f"const u=new URL(location.href);u.search='?c={self.current}';history.replaceState(history.state,'',u)"
        return [rx.call_script(script), *([e] if (e := self._follow_live()) else [])]

    async def _list(self) -> None:
        identity, language = await who(self), (await person(self)).language
        found = await look(self, conversations.list_tests, search=self.search)
        self.rows = [conversation_row(row, identity, language) for row in found]

    async def _open(self) -> None:
        identity, language = await who(self), (await person(self)).language
        row = await look(self, conversations.get, self.current)
        self.title, self.agent, self.use_draft = row.title, row.agent_id, row.use_draft
        said = await look(self, conversations.messages, self.current)
        pending = {m.state: m for m in said if m.author == Author.AGENT}
        streaming, delayed = pending.get(MessageState.STREAMING), pending.get(MessageState.DELAYED)
        self.live_id = streaming.id if streaming else ""
        here = streams.find(self.live_id) if streaming else None
        self.live = (here.text if here else streaming.text) if streaming else ""
        self.waiting_id = delayed.id if delayed else ""
        left = (delayed.due_at - now()).total_seconds() if delayed and delayed.due_at else 0
        self.waiting = translate(language, "Replies in {count} s", count=max(0, round(left))) if delayed else ""
        over = [m for m in said if m.state not in (MessageState.STREAMING, MessageState.DELAYED)]
        self.messages = [message_row(m, identity, language) for m in over]

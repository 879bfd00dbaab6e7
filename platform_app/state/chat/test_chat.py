"""Test chat: talk to any agent and see its reply as it is written."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import NotFound, PlatformError
from platform_app.i18n import translate
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agent_list
from platform_app.services.chat import conversations, hand_off, reply_store
from platform_app.services.crm import contacts, leads
from platform_app.services.scripts import guided_scripts
from platform_app.state.chat import reply_streams
from platform_app.state.chat.chat_people import NEW, NOBODY, people, played
from platform_app.state.chat.chat_view import (
    UNDER_WAY,
    MessageRow,
    blocks,
    guided_lines,
    message_row,
    pending,
    seconds_left,
)
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.error_messages import report_error
from platform_app.state.console.live_updates import session_check, subscribe
from platform_app.state.console.option_lists import Option, stage_options

TICK = 0.06  # seconds between two looks at a reply in the making
COMPARED = 500  # characters by which an unsent text is known to have been taken
_SET_QUERY = "(query) => history.replaceState(history.state, '', location.pathname + query)"
AT_ONCE = 60  # messages that are shown before one asks for earlier ones


class TestChatState(rx.State):
    """The open conversation of the test chat, or the one to begin."""

    __test__ = False
    loaded: bool = False
    current: str = ""
    agents: list[Option] = []
    agent: str = ""
    use_draft: bool = True
    leads: list[Option] = []
    lead: str = NOBODY
    contacts: list[Option] = []
    contact: str = NOBODY
    stages: list[Option] = []
    stage: str = NOBODY  # the lead's own
    messages: list[MessageRow] = []
    guided: list[str] = []  # where guided scripts stand in the conversation
    has_earlier: bool = False
    live_id: str = ""
    done_blocks: list[str] = []
    tail: str = ""
    waiting_id: str = ""
    waiting_seconds: int = 0
    said_count: int = 0  # messages that were taken
    failed_count: int = 0  # and that were not
    last_said: str = ""
    editing: str = ""
    is_plain: bool = False  # the agent writes without Markdown: a * is a *
    state: str = "open"  # open, handed_off, closed
    _shown: int = AT_ONCE
    _following: str = ""
    _contact_of: dict[str, str] = {}

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Open what the address names: a conversation, or a new one with an agent."""
        asked = self.router.url.query_parameters
        self._leave()
        self.loaded = False
        await self._choices(asked.get("agent", ""))
        self.current = asked.get("c", "")[:32]
        try:
            await self._open()
        except NotFound as error:
            self._leave()
            return await error_toast(self, error)
        finally:
            self.loaded = True
        return self._follow_live()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> Any:
        """Stay in step with other tabs and with the worker."""
        async for update in subscribe(self, "conversation"):
            async with self:
                concerned = self.current and update.subject_id in ("", self.current)
                event = await self._refresh() if concerned else None
            if event is not None:
                yield event

    @handler(Role.VIEWER, background=True)
    async def follow(self, reply_id: str) -> None:
        """Show a reply as it is written in this process."""
        async with self:
            await current_identity(self)
            if reply_id != self.live_id or self._following == reply_id:
                return
            self._following = reply_id
        live, shown, here = reply_streams.find(reply_id), "", await session_check(self)
        while live is not None and not live.done.is_set():
            await asyncio.sleep(TICK)
            if live.text != shown:
                if not await here.is_valid():
                    return
                async with self:
                    if self._following != reply_id:
                        return
                    shown = live.text
                    self._show_live(shown)
        if not await here.is_valid():
            return
        async with self:
            if self._following == reply_id:
                self._following = ""
                await self._refresh()

    @handler(Role.OPERATOR)
    async def send(self, form: dict[str, Any]) -> Any:
        """Say something; the reply begins. What cannot be stored stays in the field."""
        text = str(form.get("text", ""))
        if not text.strip() or not (self.current or self.agent):
            return None
        try:
            reply = await call(self, _said, self, text)
        except PlatformError as error:
            self.failed_count += 1
            return await error_toast(self, error)
        except Exception as error:
            self.failed_count += 1
            return report_error(error)
        self.said_count += 1
        self.current = self.current or (reply.conversation_id if reply else "")
        return await self._began(reply)

    @handler(Role.OPERATOR)
    async def say_example(self, text: str) -> Any:
        """Say one of the examples."""
        return browser.call_handler(TestChatState.send, {"text": text})

    @handler(Role.OPERATOR)
    async def retry(self, reply_id: str) -> Any:
        """Ask for another reply to the same message."""
        return await self._began(await call(self, conversations.retry, reply_id))

    @handler(Role.OPERATOR)
    async def answer_now(self) -> Any:
        """Do not wait for the agent's delay."""
        return await self._began(await call(self, conversations.skip_delay, self.waiting_id))

    @handler(Role.OPERATOR)
    async def begin_edit(self, message_id: str) -> None:
        """Change a message in place; nothing named: leave it as it was."""
        self.editing = message_id

    @handler(Role.OPERATOR)
    async def resend(self, form: dict[str, Any]) -> Any:
        """Say the changed message instead; what followed is replaced."""
        _, reply = await call(self, conversations.edit_and_resend, self.editing, str(form.get("text", "")))
        self.editing = ""
        return await self._began(reply)

    @handler(Role.OPERATOR)
    async def stop(self) -> None:
        """Stop the reply; what has arrived stays."""
        if reply_id := self.live_id or self.waiting_id:
            self._following = ""
            await call(self, conversations.stop, reply_id)
            await reply_streams.stop(reply_id)
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
    async def begin_new(self) -> Any:
        """Begin a new conversation."""
        return browser.redirect(self.router.url.path)

    @handler(Role.VIEWER)
    async def show_earlier(self) -> None:
        """Show more of a long conversation."""
        self._shown += AT_ONCE
        await self._open()

    @handler(Role.OPERATOR)
    async def choose_agent(self, agent_id: str) -> None:
        """Let another agent answer from now on."""
        await self._use(agent_id[:32], self.use_draft)

    @handler(Role.OPERATOR)
    async def choose_draft(self, use_draft: bool) -> None:
        """Play with the draft, or with what is published."""
        await self._use(self.agent, use_draft)

    @handler(Role.OPERATOR)
    async def choose_lead(self, lead_id: str) -> None:
        """Play with a lead, and with its contact; the agent is told what is known of them."""
        if lead_id == NEW:
            title = translate((await current_user(self)).language, "Test lead")
            with_contact = None if self.contact == NOBODY else self.contact
            lead_id = (await call(self, leads.create_in_first_stage, title, contact_id=with_contact)).id
        await self._play(lead_id[:32], self._contact_of.get(lead_id, self.contact), NOBODY)

    @handler(Role.OPERATOR)
    async def choose_contact(self, contact_id: str) -> None:
        """Play with a contact."""
        if contact_id == NEW:
            name = translate((await current_user(self)).language, "Test contact")
            contact_id = (await call(self, contacts.create, name=name)).id
        await self._play(self.lead, contact_id[:32], self.stage)

    @handler(Role.OPERATOR)
    async def choose_stage(self, stage_id: str) -> None:
        """Play in a stage, whatever the lead's own is."""
        await self._play(self.lead, self.contact, stage_id[:32])

    @handler(Role.OPERATOR)
    async def hand_off(self) -> None:
        """Let the agent be silent until the conversation is given back."""
        await call(self, hand_off.hand_off, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def give_back(self) -> None:
        """Let the agent answer again."""
        await call(self, hand_off.hand_back, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def close(self) -> None:
        """End the conversation."""
        await call(self, hand_off.close, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def clear(self) -> None:
        """Begin the conversation anew."""
        await call(self, conversations.clear, self.current)
        await self._open()

    def _leave(self) -> None:
        """Forget the open conversation."""
        self._shown, self._following = AT_ONCE, ""
        self.current = self.live_id = self.tail = self.waiting_id = self.editing = self.last_said = ""
        self.messages, self.done_blocks, self.has_earlier, self.guided = [], [], False, []
        self.lead = self.contact = self.stage = NOBODY
        self.state = "open"

    async def _choices(self, wished: str) -> None:
        rows, _ = await fetch(self, agent_list.list_agents, page_size=200, sort="name", descending=False)
        self.agents = [Option(row.id, row.name) for row in rows]
        known = [row.id for row in rows]
        self.agent = next((agent for agent in (wished, self.agent) if agent in known), (known or [""])[0])
        await self._meet()
        self.stages = await fetch(self, stage_options)

    async def _use(self, agent_id: str, use_draft: bool) -> None:
        if self.current:
            await call(self, conversations.set_agent, self.current, agent_id, use_draft=use_draft)
        self.agent, self.use_draft = agent_id, use_draft

    async def _play(self, lead: str, contact: str, stage: str) -> None:
        if self.current:
            await call(self, conversations.set_test_context, self.current, **played(lead, contact, stage))
        self.lead, self.contact, self.stage = lead, contact, stage
        await self._meet()

    async def _meet(self) -> None:
        """Offer contacts and leads, those that are played with among them."""
        known = {choice.id for choice in (*self.contacts, *self.leads)} | {NOBODY}
        if self.loaded and {self.lead, self.contact} <= known:
            return
        found = await fetch(self, people, self.lead, self.contact)
        self.contacts, self.leads, self._contact_of = found.contacts, found.leads, found.contact_of

    def _show_live(self, text: str) -> None:
        done, self.tail = blocks(text)
        if self.done_blocks != done:
            self.done_blocks = done

    def _follow_live(self) -> Any:
        if self.live_id and self._following != self.live_id and reply_streams.find(self.live_id):
            return browser.call_handler(TestChatState.follow, self.live_id)
        return None

    async def _began(self, reply: Message | None) -> list[Any]:
        """Start what is to be written now, and let the address name the conversation."""
        if reply is not None and reply.state == MessageState.STREAMING:
            reply_streams.start((await current_identity(self)).tenant_id, reply.id)
        await self._open()
        await (await self.get_state(ConversationListState))._fetch()
        follow = self._follow_live()
        return [_address(self.current), *([follow] if follow else [])]

    async def _refresh(self) -> Any:
        """Show how things stand now; say so when the conversation is gone."""
        try:
            await self._open()
        except NotFound as error:
            self._leave()
            return [_address(""), await error_toast(self, error)]
        except PlatformError:  # the database is busy: the next update shows it
            return None
        return self._follow_live()

    async def _open(self) -> None:
        if not self.current:
            return
        identity, language = await current_identity(self), (await current_user(self)).language
        row, said, has_more = await fetch(self, _read, self.current, self._shown)
        self.is_plain = await fetch(self, conversations.is_plain, self.current)
        self.agent, self.use_draft = row.agent_id, row.use_draft
        self.lead, self.contact = row.lead_id or NOBODY, row.contact_id or NOBODY
        self.stage, self.state = row.stage_id or NOBODY, row.state.value
        await self._meet()
        self._show_pending(said)
        self.guided = guided_lines(await fetch(self, guided_scripts.current, self.current), language)
        self.has_earlier = has_more
        self.last_said = next((m.text for m in reversed(said) if m.author == Author.CONTACT), "").strip()[:COMPARED]
        rows = [message_row(m, identity, language) for m in said if m.state not in UNDER_WAY]
        if self.messages != rows:  # a list that is set is sent whole
            self.messages = rows

    def _show_pending(self, said: list[Message]) -> None:
        streaming, delayed = pending(said, MessageState.STREAMING), pending(said, MessageState.DELAYED)
        self.live_id = streaming.id if streaming else ""
        here = reply_streams.find(self.live_id)
        self._show_live(here.text if here else streaming.text if streaming else "")
        if self.waiting_id != (delayed.id if delayed else ""):
            self.waiting_id = delayed.id if delayed else ""
            self.waiting_seconds = seconds_left(delayed.due_at) if delayed else 0


def _read(
    session: Transaction, who: Identity, conversation_id: str, shown: int
) -> tuple[Conversation, list[Message], bool]:
    row = conversations.get(session, who, conversation_id)
    return row, *conversations.newest_messages(session, who, conversation_id, limit=shown)


def _said(session: Transaction, who: Identity, state: TestChatState, text: str) -> Message | None:
    """Take a message in; the first one makes its conversation."""
    conversation_id = state.current
    if not conversation_id:
        conversation_id = conversations.create(session, who, state.agent, use_draft=state.use_draft).id
        selected = played(state.lead, state.contact, state.stage)
        conversations.set_test_context(session, who, conversation_id, **selected)
    return conversations.receive(session, who, conversation_id, text)[1]


def _address(conversation_id: str) -> Any:
    """Let the address name a conversation, or none, without leaving the page."""
    query = f"?{urlencode({'c': conversation_id})}" if conversation_id else ""
    return browser.call_function(_SET_QUERY, query)

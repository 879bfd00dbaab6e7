"""Test chat: a conversation with any agent, with replies streamed as they are written."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.channels.quick_replies import MAX_TITLE_CHARS
from platform_app.db import Transaction
from platform_app.errors import Conflict, NotFound, PlatformError
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity, Role
from platform_app.services.chat import (
    approvals,
    conversations,
    hand_off,
    held_messages,
    quick_replies,
    reply_streams,
)
from platform_app.services.chat.reply_context import ReplyStep
from platform_app.services.scripts import guided_scripts
from platform_app.state.chat.chat_view import (
    IN_PROGRESS,
    MessageRow,
    build_message_row,
    find_pending_reply,
    guided_script_lines,
    seconds_left,
    split_blocks,
)
from platform_app.state.chat.conversation_list import ConversationListState
from platform_app.state.chat.test_context import NONE, TestContext, selected_context
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, error_toast, fetch, handler
from platform_app.state.console.error_messages import report_error
from platform_app.state.console.live_updates import session_check, subscribe

REFRESH_SECONDS = 0.06  # between two updates of a streamed reply
MAX_LAST_SENT_CHARS = 500  # compared with unsent text to detect that it was stored
_SET_QUERY = "(query) => history.replaceState(history.state, '', location.pathname + query)"
PAGE_SIZE = 60  # messages shown at first, and added by each request for earlier ones


class TestChatState(TestContext, rx.State):
    """The open conversation of the test chat, or the settings of a new one."""

    __test__ = False
    messages: list[MessageRow] = []
    guided_progress: list[str] = []  # a sentence per guided script of the conversation
    has_earlier: bool = False
    live_id: str = ""
    live_name: str = ""  # the agent that is writing
    live_step: str = ReplyStep.PREPARING.value
    done_blocks: list[str] = []
    tail: str = ""
    delayed_id: str = ""
    delay_seconds: int = 0
    sent_count: int = 0  # messages that were stored
    failed_count: int = 0  # messages that were refused
    last_sent: str = ""
    editing: str = ""
    is_plain_text: bool = False  # replies of the agent are not rendered as Markdown
    state: str = "open"  # open, handed_off, closed
    is_begun: bool = False  # a new conversation was asked for, or an agent: on a phone the list is left
    _message_limit: int = PAGE_SIZE
    _followed_reply_id: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Open the conversation in the query of the address, or a new one with the agent in it."""
        asked = self.router.url.query_parameters
        self._close_conversation()
        self.loaded = False
        await self._load_options(asked.get("agent", ""))
        self.current = asked.get("c", "")[:32]
        self.is_begun = bool(asked.keys() & {"new", "agent"})
        try:
            await self._open()
        except NotFound as error:
            self._close_conversation()
            return await error_toast(self, error)
        finally:
            self.loaded = True
        return self._follow_live()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> Any:
        """Refresh the conversation when another tab or the worker changes it."""
        async for update in subscribe(self, "conversation"):
            async with self:
                concerned = self.current and update.subject_id in ("", self.current)
                event = await self._refresh() if concerned else None
            if event is not None:
                yield event

    @handler(Role.VIEWER, background=True)
    async def follow(self, reply_id: str) -> None:
        """Update the text of a reply while this process streams it."""
        async with self:
            await current_identity(self)
            if reply_id != self.live_id or self._followed_reply_id == reply_id:
                return
            self._followed_reply_id = reply_id
        live, shown, here = reply_streams.find(reply_id), ("", ""), await session_check(self)
        while live is not None and not live.done.is_set():
            await asyncio.sleep(REFRESH_SECONDS)
            if (live.text, live.step.value) != shown:
                if not await here.is_valid():
                    return
                async with self:
                    if self._followed_reply_id != reply_id:
                        return
                    shown = live.text, live.step.value
                    self._show_live(*shown)
        if not await here.is_valid():
            return
        async with self:
            if self._followed_reply_id == reply_id:
                self._followed_reply_id = ""
                await self._refresh()

    @handler(Role.OPERATOR)
    async def send(self, form: dict[str, Any]) -> Any:
        """Store a message and start the reply. A message that cannot be stored stays in the field."""
        text = str(form.get("text", ""))
        if not text.strip() or not (self.current or self.agent):
            return None
        try:
            reply = await call(self, _store_message, self, text)
        except PlatformError as error:
            self.failed_count += 1
            return await error_toast(self, error)
        except Exception as error:
            self.failed_count += 1
            return report_error(error)
        self.sent_count += 1
        self.current = self.current or (reply.conversation_id if reply else "")
        return await self._reply_started(reply)

    @handler(Role.OPERATOR)
    async def send_example(self, text: str) -> Any:
        """Send a sample question."""
        return browser.call_handler(TestChatState.send, {"text": text})

    @handler(Role.OPERATOR)
    async def choose(self, message_id: str, title: str) -> Any:
        """Send a quick reply as the tester’s message, once."""
        try:
            reply = await call(self, quick_replies.choose, message_id[:32], title[:MAX_TITLE_CHARS])
        except Conflict as error:  # another tab has answered
            await self._open()
            return await error_toast(self, error)
        return await self._reply_started(reply)

    @handler(Role.OPERATOR)
    async def retry(self, reply_id: str) -> Any:
        """Replace a reply by a new one to the same message."""
        return await self._reply_started(await call(self, conversations.retry, reply_id))

    @handler(Role.OPERATOR)
    async def skip_delay(self) -> Any:
        """Start the delayed reply now."""
        return await self._reply_started(await call(self, conversations.skip_delay, self.delayed_id))

    @handler(Role.OPERATOR)
    async def begin_edit(self, message_id: str) -> None:
        """Open a message for editing; "" closes it."""
        self.editing = message_id

    @handler(Role.OPERATOR)
    async def send_edited(self, form: dict[str, Any]) -> Any:
        """Replace the edited message and all that followed it, and start the reply."""
        _, reply = await call(self, conversations.edit_and_resend, self.editing, str(form.get("text", "")))
        self.editing = ""
        return await self._reply_started(reply)

    @handler(Role.OPERATOR)
    async def stop(self) -> None:
        """Stop the reply and keep its partial text."""
        if reply_id := self.live_id or self.delayed_id:
            self._followed_reply_id = ""
            await call(self, conversations.stop, reply_id)
            await reply_streams.stop(reply_id)
            await self._open()

    @handler(Role.OPERATOR)
    async def approve(self, form: dict[str, Any]) -> None:
        """Approve a reply, with its edited text."""
        reply_id = str(form.get("reply_id", ""))[:32]
        await call(self, approvals.approve, reply_id, str(form.get("text", "")))
        await self._open()

    @handler(Role.OPERATOR)
    async def discard(self, reply_id: str) -> None:
        """Discard a reply that waits for approval."""
        await call(self, approvals.reject, reply_id)
        await self._open()

    @handler(Role.OPERATOR)
    async def release_held(self, form: dict[str, Any]) -> None:
        """Send a held message, with its edited text; have the agent write one that has no text yet."""
        message_id = str(form.get("message_id", ""))[:32]
        await call(self, held_messages.release, message_id, str(form.get("text", "")))
        await self._open()

    @handler(Role.OPERATOR)
    async def discard_held(self, message_id: str) -> None:
        """Discard a held message."""
        await call(self, held_messages.discard, message_id[:32])
        await self._open()

    @handler(Role.VIEWER)
    async def begin_new(self) -> Any:
        """Go to a new conversation."""
        return browser.redirect(f"{self.router.url.path}?new=1")

    @handler(Role.VIEWER)
    async def show_earlier(self) -> None:
        """Show PAGE_SIZE more messages."""
        self._message_limit += PAGE_SIZE
        await self._open()

    @handler(Role.OPERATOR)
    async def hand_off(self) -> None:
        """Hand the conversation off: the agent is paused."""
        await call(self, hand_off.hand_off, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def hand_back(self) -> None:
        """Hand the conversation back to the agent."""
        await call(self, hand_off.hand_back, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def close(self) -> None:
        """Close the conversation."""
        await call(self, hand_off.close, self.current)
        await self._open()

    @handler(Role.OPERATOR)
    async def clear(self) -> None:
        """Delete the messages of the conversation."""
        await call(self, conversations.clear, self.current)
        await self._open()

    def _close_conversation(self) -> None:
        """Reset all that belongs to the open conversation."""
        self._message_limit, self._followed_reply_id = PAGE_SIZE, ""
        self.current = self.live_id = self.tail = self.delayed_id = self.editing = self.last_sent = ""
        self.messages, self.done_blocks, self.has_earlier, self.guided_progress = [], [], False, []
        self.lead = self.contact = self.stage = NONE
        self.state, self.is_live = "open", False

    def _show_live(self, text: str, step: str) -> None:
        self.live_step = step
        done, self.tail = split_blocks(text)
        if self.done_blocks != done:
            self.done_blocks = done

    def _follow_live(self) -> Any:
        if self.live_id and self._followed_reply_id != self.live_id and reply_streams.find(self.live_id):
            return browser.call_handler(TestChatState.follow, self.live_id)
        return None

    async def _reply_started(self, reply: Message | None) -> list[Any]:
        """Stream a reply that shall start now, refresh the page; return the events for address and streaming."""
        if reply is not None and reply.state == MessageState.STREAMING:
            reply_streams.start((await current_identity(self)).tenant_id, reply.id, reply.conversation_id)
        await self._open()
        await (await self.get_state(ConversationListState))._fetch()
        follow = self._follow_live()
        return [_replace_address(self.current), *([follow] if follow else [])]

    async def _refresh(self) -> Any:
        """Read the conversation again; return a toast if it is gone, or the event that follows a streamed reply."""
        try:
            await self._open()
        except NotFound as error:
            self._close_conversation()
            return [_replace_address(""), await error_toast(self, error)]
        except PlatformError:  # the database is busy; the next update succeeds
            return None
        return self._follow_live()

    async def _open(self) -> None:
        if not self.current:
            return
        identity, language = await current_identity(self), (await current_user(self)).language
        row, messages, has_more = await fetch(self, _read_conversation, self.current, self._message_limit)
        self.is_plain_text = await fetch(self, conversations.is_plain, self.current)
        self.agent, self.use_draft, self.is_live = row.agent_id, row.use_draft, row.is_live
        self.lead, self.contact = row.lead_id or NONE, row.contact_id or NONE
        self.stage, self.state = row.stage_id or NONE, row.state.value
        await self._load_test_context_options()
        self._show_pending(messages)
        self.guided_progress = guided_script_lines(
            await fetch(self, guided_scripts.list_progress, self.current), language
        )
        self.has_earlier = has_more
        last = next((m.text for m in reversed(messages) if m.author == Author.CONTACT), "")
        self.last_sent = last.strip()[:MAX_LAST_SENT_CHARS]
        rows = [build_message_row(m, identity, language) for m in messages if m.state not in IN_PROGRESS]
        open_ids = quick_replies.open_ids(messages)
        for shown in rows:
            shown.is_open = shown.id in open_ids
        if self.messages != rows:  # an assignment sends the whole list
            self.messages = rows

    def _show_pending(self, messages: list[Message]) -> None:
        streaming, delayed = (
            find_pending_reply(messages, MessageState.STREAMING),
            find_pending_reply(messages, MessageState.DELAYED),
        )
        self.live_id = streaming.id if streaming else ""
        self.live_name = streaming.author_name if streaming else ""
        live = reply_streams.find(self.live_id)
        if live:
            self._show_live(live.text, live.step.value)
        else:  # another process writes it
            self._show_live(streaming.text if streaming else "", ReplyStep.PREPARING.value)
        if self.delayed_id != (delayed.id if delayed else ""):
            self.delayed_id = delayed.id if delayed else ""
            self.delay_seconds = seconds_left(delayed.due_at) if delayed else 0


def _read_conversation(
    session: Transaction, who: Identity, conversation_id: str, shown: int
) -> tuple[Conversation, list[Message], bool]:
    row = conversations.get(session, who, conversation_id)
    return row, *conversations.newest_messages(session, who, conversation_id, limit=shown)


def _store_message(session: Transaction, who: Identity, state: TestChatState, text: str) -> Message | None:
    """Store a message, in a new conversation if none is open; return the reply that it started, or None."""
    conversation_id = state.current
    if not conversation_id:
        settings = {"use_draft": state.use_draft, "is_live": state.is_live}
        conversation_id = conversations.create(session, who, state.agent, **settings).id
        selected = selected_context(state.lead, state.contact, state.stage)
        conversations.set_test_context(session, who, conversation_id, **selected)
    return conversations.receive(session, who, conversation_id, text)[1]


def _replace_address(conversation_id: str) -> Any:
    """Return the event that puts a conversation id, or none, into the address without navigation."""
    query = f"?{urlencode({'c': conversation_id})}" if conversation_id else ""
    return browser.call_function(_SET_QUERY, query)

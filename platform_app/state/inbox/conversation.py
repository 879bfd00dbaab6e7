"""Conversation: the open conversation of the inbox, its messages, and what members write and decide."""

import asyncio
from datetime import datetime
from typing import Any

import reflex as rx

from platform_app.errors import Invalid, NotFound, PlatformError
from platform_app.hub import Update
from platform_app.i18n import translate
from platform_app.models.conversation import Conversation, ConversationState
from platform_app.models.person import Identity, Role
from platform_app.services.channels import outbound_decisions
from platform_app.services.chat import approvals, hand_off, held_messages, member_messages, triage
from platform_app.services.inbox import open_conversation, presence
from platform_app.services.inbox.open_conversation import OpenConversation
from platform_app.services.inbox.presence import Activity
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.error_messages import report_error
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.inbox.assignees import list_assignees
from platform_app.state.inbox.inbox_list import InboxListState
from platform_app.state.inbox.inbox_view import (
    CHANNELS,
    STATES,
    InboxMessage,
    build_inbox_messages,
    time_words,
    title_of,
)
from platform_app.state.inbox.snoozes import MOMENT, SNOOZES, parse_moment, snooze_end
from platform_app.state.inbox.template_message import TemplateMessageState

PAGE_SIZE = 60  # messages shown at first, and added by each request for earlier ones
MAX_LAST_SENT_CHARS = 500  # compared with unsent text to detect that it was stored
MAX_TITLES_CHARS = 1_000  # of quick replies, one per line
NOBODY = "nobody"
WRITING = (Activity.REPLYING, Activity.NOTING)


class InboxState(rx.State):
    """The conversation in the address."""

    current: str = ""
    title: str = ""
    agent: str = ""
    channel: str = ""
    is_test: bool = False
    state: str = ""
    colour: str = ""
    state_label: str = ""
    in_charge: str = ""  # who is in charge and until when, in words
    can_take_over: bool = False  # it is open, and the member is not in charge yet
    assignee: str = NOBODY
    members: list[Option] = []
    tags: list[str] = []
    snoozed: str = ""  # until when, in words
    asks_moment: bool = False  # until when to snooze
    messages: list[InboxMessage] = []
    has_earlier: bool = False
    sent_count: int = 0  # messages that were stored
    failed_count: int = 0  # messages that were refused
    last_sent: str = ""
    quick_replies_problem: str = ""
    is_opted_out: bool = False
    despite_opt_out: bool = False  # the member confirmed that they write to a contact who has opted out
    loaded: bool = False
    _message_limit: int = PAGE_SIZE
    _contact_id: str = ""
    _is_visible: bool = False  # the browser shows the tab; in a hidden one nothing is read

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Open the conversation in the query of the address, or none."""
        wanted = self.router.url.query_parameters.get("c", "")[:32]
        if wanted != self.current:
            self._close()
        self.current = wanted
        try:
            await self._read_assignees()
            await self._open()
        except NotFound as error:
            self._close()
            return await error_toast(self, error)
        finally:
            self.loaded = True
        return None

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> Any:
        """Refresh the conversation when it changes."""

        def concerns(update: Update) -> bool:
            return update.topic == "member" or update.subject_id in (self.current, self._contact_id)

        async for update in subscribe(self, "conversation", "contact", "member", concerns=concerns):
            async with self:
                if update.topic in ("member", "*"):
                    await self._read_assignees()
                event = await self._refresh() if self.current and update.topic != "member" else None
            if event is not None:
                yield event

    @handler(Role.VIEWER)
    async def set_visible(self, is_visible: bool) -> Any:
        """Note whether the tab is shown; what came while it was hidden is read then."""
        was_visible, self._is_visible = self._is_visible, is_visible
        return await self._refresh() if is_visible and not was_visible else None

    @handler(Role.OPERATOR)
    async def send(self, form: dict[str, Any]) -> Any:
        """Send a message to the contact; text that cannot be stored stays in the field."""
        titles = str(form.get("quick_replies", ""))[:MAX_TITLES_CHARS].splitlines()
        return await self._store(member_messages.send, form, quick_replies=titles, despite_opt_out=self.despite_opt_out)

    @handler(Role.OPERATOR)
    async def add_note(self, form: dict[str, Any]) -> Any:
        """Store a note for members; text that cannot be stored stays in the field."""
        return await self._store(open_conversation.add_note, form)

    async def _store(self, service: Any, form: dict[str, Any], **options: Any) -> Any:
        text = str(form.get("text", ""))
        if not text.strip() or not self.current:
            return None
        self.quick_replies_problem = ""
        try:
            await call(self, service, self.current, text, **options)
        except PlatformError as error:
            self.failed_count += 1
            if isinstance(error, Invalid) and error.field == "quick_replies":
                language = (await current_user(self)).language
                self.quick_replies_problem = translate(language, error.sentence, **error.values)
                return None
            return await error_toast(self, error)
        except Exception as error:
            self.failed_count += 1
            return report_error(error)
        self.sent_count += 1
        await asyncio.to_thread(presence.end, await current_identity(self), self.current, *WRITING)
        await self._open()
        return None

    @handler(Role.OPERATOR)
    async def confirm_opt_out(self) -> None:
        """Confirm that messages are sent although the contact has opted out."""
        self.despite_opt_out = True

    @handler(Role.OPERATOR)
    async def take_over(self) -> None:
        """Put the member in charge."""
        await self._act(hand_off.take_over)

    @handler(Role.OPERATOR)
    async def hand_back(self, form: dict[str, Any]) -> None:
        """Hand the conversation back to the agent, with a note for it."""
        await self._act(hand_off.hand_back, str(form.get("note", "")))

    @handler(Role.OPERATOR)
    async def close(self) -> None:
        """Close the conversation, or reopen it if it is closed."""
        await self._act(hand_off.reopen if self.state == ConversationState.CLOSED else hand_off.close)

    @handler(Role.OPERATOR)
    async def assign(self, user_id: str) -> None:
        """Assign the conversation to a member, or to nobody."""
        await self._act(triage.assign, None if user_id in ("", NOBODY) else user_id[:32])

    @handler(Role.OPERATOR)
    async def snooze(self, choice: str) -> Any:
        """Hide the conversation until one of SNOOZES, or ask for the moment."""
        self.asks_moment = choice == MOMENT
        if choice in SNOOZES:
            return await self._snooze_until(snooze_end(choice, (await current_identity(self)).time_zone))
        return None

    @handler(Role.OPERATOR)
    async def snooze_until(self, form: dict[str, Any]) -> Any:
        """Hide the conversation until a moment in the tenant's time zone."""
        until = parse_moment(str(form.get("until", ""))[:40], (await current_identity(self)).time_zone)
        return await self._snooze_until(until)

    @handler(Role.OPERATOR)
    async def ask_moment(self, is_open: bool) -> None:
        """Open or close the dialog that asks until when to snooze."""
        self.asks_moment = is_open

    @handler(Role.OPERATOR)
    async def end_snooze(self) -> None:
        """Show a snoozed conversation among the open ones again."""
        await self._act(triage.end_snooze)

    @handler(Role.OPERATOR)
    async def set_tags(self, form: dict[str, Any]) -> None:
        """Set the tags, which are separated by commas."""
        await self._act(triage.set_tags, str(form.get("tags", ""))[:2_000].split(","))

    @handler(Role.OPERATOR)
    async def release(self, message_id: str) -> None:
        """Send a held message."""
        await call(self, held_messages.release, message_id[:32], despite_opt_out=self.despite_opt_out)
        await self._open()

    @handler(Role.OPERATOR)
    async def discard(self, message_id: str) -> None:
        """Discard a held message."""
        await call(self, held_messages.discard, message_id[:32])
        await self._open()

    @handler(Role.OPERATOR)
    async def send_again(self, message_id: str) -> None:
        """Send a message again that did not arrive, or may not have."""
        await call(self, outbound_decisions.send_again, message_id[:32], despite_opt_out=self.despite_opt_out)
        await self._open()

    @handler(Role.OPERATOR)
    async def mark_delivered(self, message_id: str) -> None:
        """Store the member's word that a message has arrived."""
        await call(self, outbound_decisions.mark_delivered, message_id[:32])
        await self._open()

    @handler(Role.OPERATOR)
    async def approve(self, form: dict[str, Any]) -> None:
        """Send a reply that waits for approval, with its edited text."""
        reply_id, text = str(form.get("reply_id", ""))[:32], str(form.get("text", ""))
        await call(self, approvals.approve, reply_id, text, despite_opt_out=self.despite_opt_out)
        await self._open()

    @handler(Role.OPERATOR)
    async def reject(self, form: dict[str, Any]) -> None:
        """Discard a reply that waits for approval, with the reason."""
        await call(self, approvals.reject, str(form.get("reply_id", ""))[:32], str(form.get("reason", "")))
        await self._open()

    @handler(Role.VIEWER)
    async def show_earlier(self) -> None:
        """Show PAGE_SIZE more messages."""
        self._message_limit += PAGE_SIZE
        await self._open()

    async def _read_assignees(self) -> None:
        """Read to whom the conversation can be assigned, if that changed."""
        found = await fetch(self, list_assignees, (await current_user(self)).language)
        if self.members != found:
            self.members = found

    async def _act(self, service: Any, *arguments: Any) -> None:
        """Call a service for the open conversation and show the result."""
        if self.current:
            await call(self, service, self.current, *arguments)
            await self._open()

    async def _snooze_until(self, until: datetime) -> Any:
        await self._act(triage.snooze, until)
        self.asks_moment = False
        return await success_toast(self, "Snoozed until {time}.", time=self.snoozed)

    def _close(self) -> None:
        """Reset all that belongs to the open conversation."""
        self.current = self.title = self.last_sent = self._contact_id = ""
        self.messages, self.has_earlier, self._message_limit = [], False, PAGE_SIZE
        self.is_opted_out = self.despite_opt_out = False
        self.quick_replies_problem = ""

    async def _refresh(self) -> Any:
        """Read the conversation again; return a toast if it is gone."""
        try:
            await self._open()
        except NotFound as error:
            self._close()
            return await error_toast(self, error)
        except PlatformError:  # the database is busy; the next update succeeds
            pass
        return None

    async def _open(self) -> None:
        if not self.current:
            return
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, open_conversation.read, self.current, limit=self._message_limit)
        if found.is_unread and self._is_visible:
            await call(self, triage.mark_read, self.current)
            await (await self.get_state(InboxListState))._refresh()
        self._show_head(found, identity, language)
        (await self.get_state(TemplateMessageState))._show(found, identity, language)
        self.has_earlier = found.has_earlier
        last = next((one.text for one in reversed(found.messages) if one.author_id == identity.user_id), "")
        self.last_sent = last.strip()[:MAX_LAST_SENT_CHARS]
        rows = build_inbox_messages(found, identity, language)
        if self.messages != rows:  # an assignment sends the whole list
            self.messages = rows

    def _show_head(self, found: OpenConversation, identity: Identity, language: str) -> None:
        line, row = found.line, found.line.row
        self.title, self.agent = title_of(row, line.contact, language), line.agent
        self.channel, self.is_test = translate(language, CHANNELS[row.channel]), row.channel.value == "test"
        self.state, (self.colour, words) = row.state.value, STATES[row.state]
        self.state_label = translate(language, words)
        self.in_charge = _in_charge_words(row, identity, language)
        is_own = row.state == ConversationState.HANDED_OFF and row.in_charge_id == identity.user_id
        self.can_take_over = row.state != ConversationState.CLOSED and not is_own
        self.assignee, self.tags = row.assignee_id or NOBODY, line.tags
        self.snoozed = time_words(row.snoozed_until, identity, language) if row.snoozed_until else ""
        self._contact_id, self.is_opted_out = row.contact_id or "", line.is_opted_out


def _in_charge_words(row: Conversation, who: Identity, language: str) -> str:
    """Return who is in charge since when, and when the agent may answer again; "" if the agent answers."""
    if row.state != ConversationState.HANDED_OFF:
        return ""
    since = time_words(row.in_charge_since or row.last_message_at, who, language)
    if row.in_charge:
        words = translate(
            language, "{name} has been replying since {since}. The agent is paused.", name=row.in_charge, since=since
        )
    else:
        words = translate(language, "Handed off to a person at {since}. The agent is paused.", since=since)
    if row.hand_back_at is None:
        return words
    back = time_words(row.hand_back_at, who, language)
    return f"{words} {translate(language, 'The agent can reply again at {time}.', time=back)}"

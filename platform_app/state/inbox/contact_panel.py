"""Contact panel: the contact of the open conversation, with its opt-out, leads, tasks, sequences and conversations."""

from dataclasses import dataclass

import reflex as rx

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.errors import PlatformError
from platform_app.hub import Update
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact, Task
from platform_app.models.person import Identity, Role
from platform_app.models.sending import OptOutCause
from platform_app.models.sequence import Enrollment
from platform_app.services.channels import ratings
from platform_app.services.chat import conversation_rows, opt_outs
from platform_app.services.inbox import open_conversation
from platform_app.services.inbox.open_conversation import ContactPanel
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.crm.leads import LeadRow, lead_row
from platform_app.state.inbox.inbox_view import CHANNELS, time_words
from platform_app.state.rules.proof_view import view_context
from platform_app.state.sequences.enrollments import (
    EnrollmentNames,
    EnrollmentRow,
    enrollment_row,
    read_enrollment_names,
)

OPT_OUT_WORDS = {
    OptOutCause.WORD: "Wrote “{by}” on {at}",
    OptOutCause.LINK: "By the link in an email on {at}",
    OptOutCause.MEMBER: "Set by {by} on {at}",
    OptOutCause.AUTOMATION: "Set by “{by}” on {at}",
}
MAX_ROWS = 10  # of tasks, leads and conversations


@dataclass
class PanelTask:
    """An open task."""

    id: str
    text: str
    due: str
    is_late: bool


@dataclass
class EarlierConversation:
    """Another conversation of the contact."""

    id: str
    path: str
    title: str
    channel: str
    when: str
    exact: str


class ContactPanelState(rx.State):
    """The contact of the conversation in the address."""

    is_open: bool = False  # on a narrow screen
    contact_id: str = ""
    name: str = ""
    phones: list[str] = []
    emails: list[str] = []
    tags: list[str] = []
    source: str = ""  # the link by which the contact came
    rating: str = ""  # of the conversation by the contact, in words
    rating_comment: str = ""
    opt_out: str = ""  # since when and why, in words; "" if the contact receives messages
    leads: list[LeadRow] = []
    tasks: list[PanelTask] = []
    enrollments: list[EnrollmentRow] = []
    conversations: list[EarlierConversation] = []
    _conversation_id: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the contact of the conversation in the query of the address."""
        self.is_open = False
        self._conversation_id = self.router.url.query_parameters.get("c", "")[:32]
        await self._refresh()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch again when the contact or what belongs to it changes, or the conversation is rated."""
        topics = ("contact", "lead", "task", "enrollment", ratings.TOPIC)

        def concerns(update: Update) -> bool:
            if update.topic == "contact":
                return update.subject_id == self.contact_id
            if update.topic == ratings.TOPIC:
                return update.subject_id == self._conversation_id
            return True  # a lead, task or enrollment may be a new one of the contact

        async for _ in subscribe(self, *topics, pause=1.0, concerns=concerns):
            async with self:
                await self._refresh()

    @handler(Role.VIEWER)
    async def toggle(self) -> None:
        """Show or hide the panel on a narrow screen."""
        self.is_open = not self.is_open

    @handler(Role.OPERATOR)
    async def set_opt_out(self, is_opted_out: bool) -> None:
        """Opt the contact out of messages, or let it receive them again."""
        if self.contact_id:
            await call(self, opt_outs.opt_out if is_opted_out else opt_outs.opt_in, self.contact_id)
            await self._refresh()

    async def _refresh(self) -> None:
        if not self._conversation_id:
            self._show_contact(None)
            return
        try:
            panel = await fetch(self, open_conversation.read_contact, self._conversation_id)
        except PlatformError:  # the conversation says that it is gone
            self._show_contact(None)
            return
        await self._show_related(panel)

    def _show_contact(self, row: Contact | None) -> None:
        self.contact_id, self.name = (row.id, row.name) if row else ("", "")
        self.source = row.source if row else ""
        self.phones, self.emails, self.tags = (row.phones, row.emails, row.tags) if row else ([], [], [])
        if row is None:
            self.leads, self.tasks, self.enrollments, self.conversations, self.opt_out = [], [], [], [], ""

    async def _show_related(self, panel: ContactPanel) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self._show_contact(panel.contact)
        stars = panel.rating
        self.rating = translate(language, "{stars} of 5", stars=stars) if stars else ""
        self.rating_comment = panel.rating_comment
        if panel.contact is None:
            return
        self.opt_out = _opt_out_words(panel.contact, identity, language)
        names = await fetch(self, _entity_names)
        self.leads = [lead_row(one, names, identity, language) for one in panel.card.leads[:MAX_ROWS]]
        waiting = [one for one in panel.card.tasks if one.done_at is None]
        self.tasks = [_task(one, identity, language) for one in waiting[:MAX_ROWS]]
        self.conversations = [_conversation(one, identity, language) for one in panel.card.conversations[:MAX_ROWS]]
        context = await view_context(self)
        enrolled, known = await fetch(self, _read_enrollments, panel.contact.id)
        self.enrollments = [enrollment_row(one, known, identity, context=context) for one in enrolled[:MAX_ROWS]]


def _entity_names(session: Transaction, who: Identity) -> dict[str, str]:
    return fact_snapshots.entity_names(session, who.tenant_id)


def _read_enrollments(session: Transaction, who: Identity, contact_id: str) -> tuple[list[Enrollment], EnrollmentNames]:
    enrolled, _ = enrollments.find(session, who, subject_id=contact_id)
    return enrolled, read_enrollment_names(session, who, enrolled)


def _opt_out_words(row: Contact, who: Identity, language: str) -> str:
    if row.opted_out_at is None:
        return ""
    sentence = OPT_OUT_WORDS[row.opt_out_cause or OptOutCause.MEMBER]
    return translate(language, sentence, by=row.opt_out_by, at=exact_time(language, row.opted_out_at, who.time_zone))


def _task(row: Task, who: Identity, language: str) -> PanelTask:
    due = time_words(row.due_at, who, language) if row.due_at else ""
    return PanelTask(row.id, row.text, due, row.due_at is not None and row.due_at < now())


def _conversation(row: Conversation, who: Identity, language: str) -> EarlierConversation:
    return EarlierConversation(
        row.id,
        conversation_rows.link_of(row),
        row.title or translate(language, "New conversation"),
        translate(language, CHANNELS[row.channel]),
        relative_time(language, row.last_message_at, now(), who.time_zone),
        exact_time(language, row.last_message_at, who.time_zone),
    )

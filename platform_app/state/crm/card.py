"""Card: the state shared by the cards of contacts and leads: custom fields, tasks, notes, activity, enrollments."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app import custom_fields, fact_snapshots
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.crm import CustomField, Holder, Note, Task
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Enrollment, Sequence
from platform_app.services.accounts import members
from platform_app.services.chat import conversation_rows
from platform_app.services.crm import cards, notes, tasks
from platform_app.services.crm.cards import Card
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.crm.history import HistoryLine, history_lines
from platform_app.state.rules.proof_view import view_context
from platform_app.state.sequences.enrollments import (
    EnrollmentNames,
    EnrollmentRow,
    enrollment_row,
    read_enrollment_names,
)
from platform_app.state.tasks.due_times import parse_due


@dataclass
class CustomFieldLine:
    """A custom field with its value."""

    name: str  # field.{key}
    label: str
    kind: str
    value: str
    options: list[str] = field(default_factory=list)


@dataclass
class TaskLine:
    """A task on a card."""

    id: str
    text: str
    done: bool
    late: bool
    due: str
    responsible: str


@dataclass
class NoteLine:
    """A note on a card."""

    id: str
    text: str
    author: str
    when: str
    exact: str


@dataclass
class ConversationLine:
    """A conversation on a card."""

    path: str  # of its page, below that of the tenant
    title: str
    when: str
    exact: str


class CrmCard(rx.State, mixin=True):
    """A mixin for the card of a contact or a lead."""

    card_key: str = ""  # changes with every load, which redraws the fields
    initial: dict[str, str] = {}
    problems: dict[str, str] = {}
    custom_field_lines: list[CustomFieldLine] = []
    members: list[Option] = []
    tasks: list[TaskLine] = []
    notes: list[NoteLine] = []
    conversations: list[ConversationLine] = []
    history: list[HistoryLine] = []
    enrollments: list[EnrollmentRow] = []
    sequences: list[Option] = []  # that the contact or the lead can enter
    _loads: int = 0

    @abstractmethod
    def _subject(self) -> tuple[Holder, str]:
        """Return the kind of the card's row and its id."""

    @abstractmethod
    async def _save_values(self, values: dict[str, Any]) -> None:
        """Save values by name of field."""

    def _id_from_path(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch what stands beside the form again when it changes; the form keeps what is typed."""
        async for _ in subscribe(self, "contact", "lead", "task", "note", "enrollment"):
            async with self:
                if self.card_key:
                    await self._load_related()

    @handler(Role.OPERATOR)
    async def save(self, name: str, value: str) -> None:
        """Save a field, or show the problem at the field."""
        others = {other: words for other, words in self.problems.items() if other != name}
        try:
            await self._save_values({name: value})
        except Invalid as error:
            language = (await current_user(self)).language
            self.problems = others | {name: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._load_related()

    @handler(Role.OPERATOR)
    async def add_task(self, form: dict[str, Any]) -> None:
        """Create a task from a form."""
        due = parse_due(str(form.get("due", ""))[:40], (await current_identity(self)).time_zone)
        responsible = str(form.get("responsible", "")) or None
        await self._add("task", tasks.create, text=str(form.get("task", "")), due_at=due, responsible_id=responsible)

    @handler(Role.OPERATOR)
    async def add_note(self, form: dict[str, Any]) -> None:
        """Create a note from a form."""
        await self._add("note", notes.create, text=str(form.get("note", "")))

    @handler(Role.OPERATOR)
    async def mark_task(self, task_id: str, done: bool) -> None:
        """Mark a task as done or open."""
        await call(self, tasks.set_done, task_id, done=done)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def delete_task(self, task_id: str) -> None:
        """Delete a task."""
        await call(self, tasks.delete, task_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def delete_note(self, note_id: str) -> None:
        """Delete a note."""
        await call(self, notes.delete, note_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def enroll(self, sequence_id: str) -> Any:
        """Enroll the contact or the lead in a sequence."""
        _, row_id = self._subject()
        made = await call(self, enrollments.enroll, sequence_id, [row_id])
        await self._load_related()
        if made:
            return await success_toast(self, "Enrolled.")
        return await error_toast(self, Conflict("Can’t enroll: already in this sequence or was before."))

    async def _add(self, name: str, service: Any, **values: Any) -> None:
        holder, row_id = self._subject()
        others = {other: words for other, words in self.problems.items() if other != name}
        try:
            await call(self, service, **values, **{f"{holder.value}_id": row_id})
        except Invalid as error:
            language = (await current_user(self)).language
            self.problems = others | {name: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._load_related()

    async def _load_fields(self, kept: dict[str, Any]) -> None:
        """Redraw the form with the values of the custom fields."""
        holder, row_id = self._subject()
        held, people = await fetch(self, _read_fields_and_members, holder)
        self.custom_field_lines = [_custom_field_line(row, kept) for row in held]
        self.members = [Option(user_id, name) for user_id, name in people]
        self.problems = {}
        self._loads += 1
        self.card_key = f"{row_id}-{self._loads}"

    async def _load_related(self) -> None:
        """Fetch tasks, notes, conversations, activity and enrollments."""
        holder, row_id = self._subject()
        identity, language = await current_identity(self), (await current_user(self)).language
        card, names = await fetch(self, _read_related, holder, row_id)
        self.tasks = [_task_line(row, names, identity, language) for row in card.tasks]
        self.notes = [_note_line(row, identity, language) for row in card.notes]
        self.conversations = [
            ConversationLine(
                conversation_rows.link_of(conversation),
                conversation.title or translate(language, "New conversation"),
                relative_time(language, conversation.created_at, now(), identity.time_zone),
                exact_time(language, conversation.created_at, identity.time_zone),
            )
            for conversation in card.conversations
        ]
        self.history = history_lines(card.events, identity, language)
        enrolled, enrollment_names, offered = await fetch(self, _read_enrollments, row_id)
        context = await view_context(self)
        self.enrollments = [
            enrollment_row(enrollment, enrollment_names, identity, context=context) for enrollment in enrolled
        ]
        self.sequences = [Option(one.id, one.name) for one in offered]
        await self._load_specific(card, names)

    async def _load_specific(self, card: Card, names: dict[str, str]) -> None:
        """Set what only one kind of card shows."""


def _read_fields_and_members(
    session: Transaction, who: Identity, holder: Holder
) -> tuple[list[CustomField], list[tuple[str, str]]]:
    people = [(user.id, user.name) for user, _ in members.list_members(session, who)]
    return custom_fields.list_custom_fields(session, who.tenant_id, holder), people


def _read_related(session: Transaction, who: Identity, holder: Holder, row_id: str) -> tuple[Card, dict[str, str]]:
    return cards.get_card(session, who, holder, row_id), fact_snapshots.entity_names(session, who.tenant_id)


def _read_enrollments(
    session: Transaction, who: Identity, row_id: str
) -> tuple[list[Enrollment], EnrollmentNames, list[Sequence]]:
    enrolled, _ = enrollments.find(session, who, subject_id=row_id)
    return enrolled, read_enrollment_names(session, who, enrolled), enrollments.enabled_sequences(session, who)


def _custom_field_line(row: CustomField, kept: dict[str, Any]) -> CustomFieldLine:
    return CustomFieldLine(f"field.{row.key}", row.name, row.kind.value, str(kept.get(row.key) or ""), row.options)


def _task_line(row: Task, names: dict[str, str], identity: Identity, language: str) -> TaskLine:
    return TaskLine(
        id=row.id,
        text=row.text,
        done=row.done_at is not None,
        late=row.done_at is None and row.due_at is not None and row.due_at < now(),
        due=exact_time(language, row.due_at, identity.time_zone) if row.due_at else "",
        responsible=names.get(row.responsible_id or "", ""),
    )


def _note_line(row: Note, identity: Identity, language: str) -> NoteLine:
    return NoteLine(
        row.id,
        row.text,
        row.author_name,
        relative_time(language, row.created_at, now(), identity.time_zone),
        exact_time(language, row.created_at, identity.time_zone),
    )

"""Card: what the cards of contacts and leads share: own fields, tasks, notes, conversations, what happened."""

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

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
from platform_app.state.crm.history import HistoryLine, history_of
from platform_app.state.rules.proof_view import reader_of
from platform_app.state.sequences.enrollments import EnrollmentRow, Names, names_for, row_of


@dataclass
class FieldLine:
    """A field of the tenant's own, as the card draws it."""

    name: str  # field.{key}
    words: str
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
class TalkLine:
    """A conversation on a card."""

    id: str
    title: str
    when: str
    exact: str


class CardView(rx.State, mixin=True):
    """The card of a contact or a lead."""

    card_key: str = ""  # changes with every load, which redraws the fields
    initial: dict[str, str] = {}
    problems: dict[str, str] = {}
    own: list[FieldLine] = []
    members: list[Option] = []
    tasks: list[TaskLine] = []
    notes: list[NoteLine] = []
    talks: list[TalkLine] = []
    history: list[HistoryLine] = []
    enrollments: list[EnrollmentRow] = []
    sequences: list[Option] = []  # that the contact or the lead can be let into
    _loads: int = 0

    @abstractmethod
    def _subject(self) -> tuple[Holder, str]:
        """Return what the card is of, and its id."""

    @abstractmethod
    async def _save_values(self, values: dict[str, Any]) -> None:
        """Save values by field."""

    def _id_in_address(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow what others do beside the fields while the card is open; fields stay as they are typed."""
        async for _ in subscribe(self, "contact", "lead", "task", "note", "enrollment"):
            async with self:
                if self.card_key:
                    await self._draw_beside()

    @handler(Role.OPERATOR)
    async def save(self, name: str, value: str) -> None:
        """Save one field as it is typed; what does not fit is said at the field."""
        others = {other: words for other, words in self.problems.items() if other != name}
        try:
            await self._save_values({name: value})
        except Invalid as error:
            language = (await current_user(self)).language
            self.problems = others | {name: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def add_task(self, form: dict[str, Any]) -> None:
        """Write a task."""
        due = await self._due(str(form.get("due", "")))
        responsible = str(form.get("responsible", "")) or None
        await self._adding("task", tasks.create, text=str(form.get("task", "")), due_at=due, responsible_id=responsible)

    @handler(Role.OPERATOR)
    async def add_note(self, form: dict[str, Any]) -> None:
        """Write a note."""
        await self._adding("note", notes.create, text=str(form.get("note", "")))

    @handler(Role.OPERATOR)
    async def mark_task(self, task_id: str, done: bool) -> None:
        """Say that a task is done or not."""
        await call(self, tasks.set_done, task_id, done=done)
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def delete_task(self, task_id: str) -> None:
        """Take a task away."""
        await call(self, tasks.delete, task_id)
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def delete_note(self, note_id: str) -> None:
        """Take a note away."""
        await call(self, notes.delete, note_id)
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def enroll(self, sequence_id: str) -> Any:
        """Let the contact or the lead into a sequence."""
        _, row_id = self._subject()
        made = await call(self, enrollments.enroll, sequence_id, [row_id])
        await self._draw_beside()
        if made:
            return await success_toast(self, "On the way.")
        return await error_toast(self, Conflict("They may not enter this sequence: they are in it, or have been."))

    async def _adding(self, name: str, service: Any, **values: Any) -> None:
        holder, row_id = self._subject()
        others = {other: words for other, words in self.problems.items() if other != name}
        try:
            await call(self, service, **values, **{f"{holder.value}_id": row_id})
        except Invalid as error:
            language = (await current_user(self)).language
            self.problems = others | {name: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._draw_beside()

    async def _due(self, text: str) -> datetime | None:
        """Return the moment that a date and time of day in the tenant's zone mean."""
        try:
            found = datetime.fromisoformat(text) if text else None
        except ValueError as error:
            raise Invalid("Choose a date.", field="due") from error
        return found.replace(tzinfo=ZoneInfo((await current_identity(self)).time_zone)) if found else None

    async def _draw_fields(self, kept: dict[str, Any]) -> None:
        """Draw the fields anew, the tenant's own among them."""
        holder, row_id = self._subject()
        held, people = await fetch(self, _around, holder)
        self.own = [_field(row, kept) for row in held]
        self.members = [Option(user_id, name) for user_id, name in people]
        self.problems = {}
        self._loads += 1
        self.card_key = f"{row_id}-{self._loads}"

    async def _draw_beside(self) -> None:
        """Draw what stands beside the fields."""
        holder, row_id = self._subject()
        identity, language = await current_identity(self), (await current_user(self)).language
        card, names = await fetch(self, _beside, holder, row_id)
        self.tasks = [_task(row, names, identity, language) for row in card.tasks]
        self.notes = [_note(row, identity, language) for row in card.notes]
        self.talks = [
            TalkLine(
                talk.id,
                talk.title or translate(language, "New conversation"),
                relative_time(language, talk.created_at, now()),
                exact_time(language, talk.created_at, identity.time_zone),
            )
            for talk in card.conversations
        ]
        self.history = history_of(card.events, identity, language)
        ways, known_by, offered = await fetch(self, _on_the_way, row_id)
        reader = await reader_of(self)
        self.enrollments = [row_of(way, known_by, identity, reader=reader) for way in ways]
        self.sequences = [Option(one.id, one.name) for one in offered]
        await self._draw_more(card, names)

    async def _draw_more(self, card: Card, names: dict[str, str]) -> None:
        """Draw what one kind of card has alone."""


def _around(session: Transaction, who: Identity, holder: Holder) -> tuple[list[CustomField], list[tuple[str, str]]]:
    people = [(user.id, user.name) for user, _ in members.list_members(session, who)]
    return custom_fields.list_custom_fields(session, who.tenant_id, holder), people


def _beside(session: Transaction, who: Identity, holder: Holder, row_id: str) -> tuple[Card, dict[str, str]]:
    return cards.get_card(session, who, holder, row_id), fact_snapshots.entity_names(session, who.tenant_id)


def _on_the_way(session: Transaction, who: Identity, row_id: str) -> tuple[list[Enrollment], Names, list[Sequence]]:
    ways, _ = enrollments.find(session, who, subject_id=row_id)
    return ways, names_for(session, who, ways), enrollments.sequences_of(session, who)


def _field(row: CustomField, kept: dict[str, Any]) -> FieldLine:
    return FieldLine(f"field.{row.key}", row.name, row.kind.value, str(kept.get(row.key) or ""), row.options)


def _task(row: Task, names: dict[str, str], identity: Identity, language: str) -> TaskLine:
    return TaskLine(
        id=row.id,
        text=row.text,
        done=row.done_at is not None,
        late=row.done_at is None and row.due_at is not None and row.due_at < now(),
        due=exact_time(language, row.due_at, identity.time_zone) if row.due_at else "",
        responsible=names.get(row.responsible_id or "", ""),
    )


def _note(row: Note, identity: Identity, language: str) -> NoteLine:
    return NoteLine(
        row.id,
        row.text,
        row.author_name,
        relative_time(language, row.created_at, now()),
        exact_time(language, row.created_at, identity.time_zone),
    )

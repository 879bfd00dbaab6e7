"""Enrollment: an enrollment with its position, next due time and history."""

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.errors import PlatformError
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep, StepState
from platform_app.state.console.base import call, current_identity, error_toast, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.send_gate_words import gate_words
from platform_app.state.rules.proof_view import ProofLine, ViewContext, proof_lines, view_context
from platform_app.state.sequences.enrollments import (
    ACTIONS,
    EnrollmentNames,
    EnrollmentRow,
    enrollment_row,
    read_enrollment_names,
)
from platform_app.state.sequences.sequence_words import BRANCHES, STEP_STATES

_ACTION_TOASTS = {
    "pause": "Paused.",
    "resume": "Resumed.",
    "skip": "Step skipped.",
    "remove": "Removed from sequence.",
    "retry": "The step is tried again.",
}


@dataclass
class StepHistoryLine:
    """A step that was taken, with its result."""

    id: str
    words: str
    state: str
    colour: str
    when: str
    exact: str
    due: str
    result: str
    error: str
    branch: str
    followed: str
    proof: list[ProofLine] = field(default_factory=list)


@dataclass
class _PageData:
    row: Enrollment
    history: list[EnrollmentStep]
    names: EnrollmentNames
    zone: str
    has_held_email: bool


class EnrollmentPageState(rx.State):
    """The enrollment in the address."""

    loaded: bool = False
    row: EnrollmentRow | None = None
    version: str = ""
    entered_by: str = ""
    event_id: str = ""
    due_contact_time: str = ""
    planned: str = ""
    waits: bool = False
    proof: list[ProofLine] = []
    history: list[StepHistoryLine] = []
    can_pause: bool = False
    can_resume: bool = False
    can_skip: bool = False
    can_remove: bool = False
    can_retry: bool = False
    has_held_email: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the enrollment in the address."""
        self.loaded = False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the enrollment again when it changes."""
        async for _ in subscribe(self, "enrollment", "sequence"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def act(self, what: str) -> Any:
        """Pause, resume, skip a step of, remove or retry the enrollment."""
        if what not in ACTIONS:
            return None
        try:
            await call(self, ACTIONS[what], self._id())
        except PlatformError as error:
            await self._fetch()
            return await error_toast(self, error)
        await self._fetch()
        return await success_toast(self, _ACTION_TOASTS[what])

    @handler(Role.OPERATOR)
    async def release_email(self) -> Any:
        """Send the held e-mail at once."""
        await call(self, enrollments.release_email, self._id())
        await self._fetch()
        return await success_toast(self, "Sending the email.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        data = await fetch(self, _read, self._id())
        row, language = data.row, context.language
        self.row = enrollment_row(row, data.names, identity, context=context)
        self.version = translate(language, "version {number}", number=row.version)
        self.entered_by, self.event_id = row.entered_by, row.event_id or ""
        is_elsewhere = bool(data.zone) and data.zone != identity.time_zone
        self.due_contact_time = exact_time(language, row.due_at, data.zone) if row.due_at and is_elsewhere else ""
        self.planned = exact_time(language, row.planned_at, identity.time_zone) if row.planned_at else ""
        self.waits, self.proof = row.since is not None, proof_lines(row.proof, context)
        self.history = [
            _history_line(line, row, data.names, context=context, identity=identity) for line in data.history
        ]
        state, inside = row.state, row.ended_at is None
        self.can_pause = inside and state != EnrollmentState.PAUSED
        self.can_resume = state == EnrollmentState.PAUSED
        self.can_retry = state == EnrollmentState.FAILED
        self.can_skip = self.can_remove = inside or self.can_retry
        self.has_held_email = data.has_held_email and state == EnrollmentState.ACTIVE
        self.loaded = True


def _read(session: Transaction, who: Identity, row_id: str) -> _PageData:
    row = enrollments.get(session, who, row_id)
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    zone = contact.time_zone if contact else ""
    names, is_held = read_enrollment_names(session, who, [row]), enrollments.has_held_email(session, row)
    return _PageData(row, enrollments.history(session, who, row_id), names, zone, is_held)


def _history_line(
    line: EnrollmentStep, row: Enrollment, names: EnrollmentNames, *, context: ViewContext, identity: Identity
) -> StepHistoryLine:
    language = context.language
    words, colour = STEP_STATES[line.state.value]
    followed = [
        translate(language, said, when=exact_time(language, at, identity.time_zone))
        for said, at in (("replied {when}", line.replied_at), ("stage changed {when}", line.stage_at))
        if at
    ]
    return StepHistoryLine(
        id=line.id,
        words=names.steps.get(f"{line.version}:{line.step_id}", "") or line.kind,
        state=translate(language, words),
        colour=colour,
        when=relative_time(language, line.taken_at, now(), identity.time_zone),
        exact=exact_time(language, line.taken_at, identity.time_zone),
        due=exact_time(language, line.due_at, identity.time_zone),
        result=_result_words(line, language),
        error=translate(language, line.error, **line.error_values)
        if line.error
        else gate_words(line.gate, language, identity.time_zone),
        branch=translate(language, BRANCHES[line.branch]) if line.branch in BRANCHES else "",
        followed=", ".join(followed),
        proof=proof_lines(line.proof, context),
    )


def _result_words(line: EnrollmentStep, language: str) -> str:
    """Return what a step did, and who released its e-mail after it was held."""
    words = translate(language, line.sentence, **line.values) if line.sentence else ""
    released = line.gate.get("released")
    if not released:
        return words
    sentence = "Sending now: {name}" if line.state == StepState.HELD else "Sent by {name} after it was held"
    return f"{words} ({translate(language, sentence, name=str(released['by']))})"

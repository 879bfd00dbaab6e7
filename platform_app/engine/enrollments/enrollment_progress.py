"""Enrollment progress: creates an enrollment, moves it from step to step and ends it."""

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy.exc import IntegrityError

from platform_app import fact_snapshots, sequence_exits
from platform_app.automation.calendar import Calendar
from platform_app.automation.evaluation import evaluate
from platform_app.automation.facts import Facts
from platform_app.automation.sequences import CompiledSequence, ReEnrollment, compile_sequence, exits_at_entry
from platform_app.clock import now
from platform_app.db import Transaction, owned, unscoped
from platform_app.engine.enrollments import due_enrollments
from platform_app.engine.enrollments.enrollment_subject import EntryCause, Subject, event_subject, get_subject
from platform_app.errors import Invalid
from platform_app.events import emit, origin_of
from platform_app.models.crm import Contact
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Tenant
from platform_app.models.sequence import (
    OPEN_STATES,
    Enrollment,
    EnrollmentState,
    EnrollmentStep,
    ExitReason,
    Holiday,
    Sequence,
    SequenceVersion,
    StepState,
)
from platform_app.services.notifications import event_notifications


def create_enrollment(
    session: Transaction, sequence: Sequence, compiled: CompiledSequence, *, subject: Subject, cause: EntryCause
) -> Enrollment | None:
    """Create an enrollment.

    Returns None if this event already enrolled the subject, or it was enrolled concurrently.
    """
    own = compiled.definition
    if not _end_previous(session, sequence, own.again, subject=subject, cause=cause):
        return None
    row = Enrollment(
        tenant_id=sequence.tenant_id,
        sequence_id=sequence.id,
        version=sequence.published_number,
        lead_id=subject.lead_id,
        contact_id=subject.contact_id,
        conversation_id=subject.conversation_id,
        subject_id=subject.id,
        event_id=cause.event_id,
        origin_id=cause.origin_id or origin_of(session),
        depth=cause.depth,
        proof=cause.proof,
        arrived_at=cause.at,
        entered_at=cause.at,
        entered_by=cause.by,
        leaves_on_reply=own.leave_on_reply,
        leaves_on_stage=own.leave_on_stage,
    )
    try:
        with session.savepoint():
            session.add(row)
    except IntegrityError:  # enrolled by another transaction meanwhile
        return None
    move_to_step(session, row, compiled, step_id=compiled.first_step_id, at=cause.at)
    sequence_exits.enrollment_added(session)
    sequence_exits.publish_change(session, row)
    return row


def _end_previous(
    session: Transaction, sequence: Sequence, again: ReEnrollment, *, subject: Subject, cause: EntryCause
) -> bool:
    """End the open enrollment of a subject that may be enrolled again; return whether it may."""
    query = owned(Enrollment, sequence.tenant_id).where(
        Enrollment.sequence_id == sequence.id, Enrollment.subject_id == subject.id
    )
    for held in session.exec(query.with_for_update()).all():
        if cause.event_id and held.event_id == cause.event_id:
            return False
        if again == ReEnrollment.NEVER or (again == ReEnrollment.FINISHED and held.state in OPEN_STATES):
            return False
        if held.state in OPEN_STATES:
            sequence_exits.end_enrollment(session, held, EnrollmentState.LEFT, cause.at, leaving=ExitReason.AGAIN)
    session.flush()
    return True


def move_to_step(
    session: Transaction, row: Enrollment, compiled: CompiledSequence, *, step_id: str, at: datetime
) -> None:
    """Move an enrollment to a step, arriving at a moment, or complete it if there is no step."""
    row.step_id, row.arrived_at, row.planned_at, row.since, row.is_met = step_id, at, None, None, False
    row.weighs_events = bool(compiled.leave_if.of or compiled.goal.of)
    if not step_id:
        complete(session, row, EnrollmentState.FINISHED, at)
        return
    row.due_at = compiled.due_time(step_id, at, calendar_for(session, row.tenant_id, row.contact_id)).at
    if row.due_at is None:
        fail(session, row, at, "The window of a step never opens.")


def fail(session: Transaction, row: Enrollment, at: datetime, reason: str) -> None:
    """End an enrollment at `at` as failed, and tell owners and admins; `reason` is a message id."""
    told = sequence_exits.end_enrollment(session, row, EnrollmentState.FAILED, at, reason=reason)
    event_notifications.notify_of_failure(session, told)


def complete(
    session: Transaction, row: Enrollment, state: EnrollmentState, at: datetime, *, proof: dict[str, Any] | None = None
) -> None:
    """End an enrollment as finished or by its goal, and emit an event."""
    row.step_id = ""
    sequence_exits.end_enrollment(session, row, state, at, proof=proof)
    sequence = session.get(Sequence, row.sequence_id)
    assert sequence is not None
    after = {"sequence_id": sequence.id, "sequence": sequence.name, "outcome": state.value}
    links: dict[str, Any] = {
        "lead_id": row.lead_id,
        "contact_id": row.contact_id,
        "conversation_id": row.conversation_id,
    }
    event = emit(session, row.tenant_id, EventKind.SEQUENCE_FINISHED, after=after, agent_id=sequence.agent_id, **links)
    event.cause_id, event.depth = row.event_id, row.depth + 1


def exit_by_condition(
    session: Transaction, row: Enrollment, compiled: CompiledSequence, facts: Facts, *, at: datetime
) -> bool:
    """End an enrollment if its exit condition or goal is met; return whether it ended."""
    own = fact_snapshots.fact_catalogue(session, row.tenant_id)
    if compiled.goal.of and (proof := evaluate(compiled.goal, facts, own, at)).holds:
        complete(session, row, EnrollmentState.GOAL, at, proof=proof.as_json())
        return True
    if compiled.leave_if.of and (proof := evaluate(compiled.leave_if, facts, own, at)).holds:
        sequence_exits.end_enrollment(
            session, row, EnrollmentState.LEFT, at, leaving=ExitReason.CONDITION, proof=proof.as_json()
        )
        return True
    return False


def would_exit_at_entry(session: Transaction, sequence: Sequence, compiled: CompiledSequence, subject: Subject) -> bool:
    """Return whether a subject enrolled now would leave before the first step."""
    if not compiled.leave_if.of and not compiled.goal.of:
        return False
    event = Event(tenant_id=sequence.tenant_id, kind=EventKind.MANUAL, at=now(), agent_id=sequence.agent_id)
    event.lead_id, event.contact_id = subject.lead_id, subject.contact_id
    event.conversation_id = subject.conversation_id
    event.facts = fact_snapshots.snapshot(session, event)
    facts = fact_snapshots.event_facts(event, fact_snapshots.entity_names(session, sequence.tenant_id))
    return exits_at_entry(compiled, facts, fact_snapshots.fact_catalogue(session, sequence.tenant_id), now())


def calendar_for(session: Transaction, tenant_id: str, contact_id: str | None) -> Calendar:
    """Return the time zones and holidays for the steps of a contact."""
    held: dict[str, Any] = session.info.setdefault("calendars", {})
    if "tenant" not in held:
        tenant = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id)).one()
        days = session.exec(owned(Holiday, tenant_id).with_only_columns(Holiday.day)).all()
        held["tenant"] = (tenant.time_zone, frozenset(days))
    zone, holidays = held["tenant"]
    contact = session.get(Contact, contact_id) if contact_id else None
    return Calendar(zone, contact.time_zone if contact else "", holidays)


def cached_sequence(sequence_id: str, data: dict[str, Any]) -> CompiledSequence:
    """Return a compiled definition from a cache. Raises Invalid if it cannot be parsed."""
    return _compile(sequence_id, json.dumps(data, sort_keys=True))


@lru_cache(maxsize=2_048)
def _compile(sequence_id: str, data: str) -> CompiledSequence:
    return compile_sequence(json.loads(data))


def enrollment_version(session: Transaction, row: Enrollment) -> CompiledSequence:
    """Return the compiled version of an enrollment. Raises Invalid if it cannot be parsed."""
    return get_version(session, row.tenant_id, row.sequence_id, number=row.version)


def get_version(session: Transaction, tenant_id: str, sequence_id: str, *, number: int) -> CompiledSequence:
    """Return a compiled version of a sequence. Raises Invalid if it cannot be parsed."""
    held: dict[tuple[str, int], CompiledSequence] = session.info.setdefault("versions of sequences", {})
    key = (sequence_id, number)
    if key not in held:
        query = owned(SequenceVersion, tenant_id).where(
            SequenceVersion.sequence_id == sequence_id, SequenceVersion.number == number
        )
        held[key] = cached_sequence(sequence_id, session.exec(query).one().content)
    return held[key]


def record_step(session: Transaction, row: Enrollment, state: StepState) -> EnrollmentStep:
    """Return the row of the enrollment's current step, created if needed, with a state."""
    query = owned(EnrollmentStep, row.tenant_id).where(
        EnrollmentStep.enrollment_id == row.id, EnrollmentStep.step_id == row.step_id
    )
    line: EnrollmentStep | None = None
    if due_enrollments.may_have_step_row(session, row):
        line = session.exec(query).first()
    if line is None:
        line = EnrollmentStep(
            tenant_id=row.tenant_id,
            enrollment_id=row.id,
            sequence_id=row.sequence_id,
            version=row.version,
            step_id=row.step_id,
            state=state,
            due_at=row.planned_at or row.due_at or now(),
        )
        session.add(line)
    line.state, line.taken_at, line.error, line.error_values = state, now(), "", {}
    line.kind = _step_kind(session, row)
    row.last_id = line.id
    return line


def _step_kind(session: Transaction, row: Enrollment) -> str:
    try:
        step = enrollment_version(session, row).steps.get(row.step_id)
    except Invalid:
        return ""
    action = getattr(step, "action", {})
    return str(action.get("kind") or getattr(step, "kind", ""))[:40]


def advance(session: Transaction, row: Enrollment, compiled: CompiledSequence, *, branch: str = "") -> None:
    """Move an enrollment to the next step, whose delay starts when the current one was due."""
    at = row.due_at or row.since or now()
    move_to_step(session, row, compiled, step_id=compiled.next_step_id(row.step_id, branch), at=at)
    sequence_exits.publish_change(session, row)


__all__ = ["EntryCause", "Subject", "create_enrollment", "event_subject", "get_subject"]

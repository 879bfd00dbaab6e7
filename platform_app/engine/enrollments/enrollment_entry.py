"""Enrollment entry: enrolls the subjects of events, and applies events to enrollments."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel import col

from platform_app import fact_snapshots, sequence_exits
from platform_app.automation.conditions import parse_conditions
from platform_app.automation.evaluation import evaluate
from platform_app.automation.facts import Facts
from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.automation.sequences import CompiledSequence, ReEnrollment
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.enrollments import enrollment_progress
from platform_app.engine.enrollments.enrollment_progress import EntryCause
from platform_app.engine.event_matching import matches_trigger
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.events import cause_of
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.models.sequence import OPEN_STATES, Enrollment, EnrollmentState, ExitReason, Sequence


class EntryResult(StrEnum):
    """Whether a subject is enrolled, and if not, why."""

    ENTERS = "enters"
    CONDITION = "condition"
    LEAVES = "leaves"  # would leave before the first step: an exit is met already
    INSIDE = "inside"  # is enrolled already
    BEFORE = "before"  # was enrolled before, and may not be enrolled again
    TOO_DEEP = "too_deep"  # the event is too deep in a chain of automations
    NOBODY = "nobody"  # the event is about no lead, contact or conversation


def handle_event(session: Transaction, event: Event) -> None:
    """Apply an event: end or advance the enrollments it concerns, and enroll its subject."""
    facts = fact_snapshots.event_facts(event, fact_snapshots.entity_names(session, event.tenant_id))
    for row in _affected_enrollments(session, event):
        _apply_event(session, row, facts, at=event.at)
    for sequence in triggered_sequences(session, event):
        try:
            compiled = enrollment_progress.cached_sequence(sequence.id, sequence.published)
        except Invalid:
            continue
        reason, proof = evaluate_entry(session, sequence, compiled, event, facts=facts)
        if reason == EntryResult.ENTERS:
            cause = EntryCause(event.at, event_id=event.id, origin_id=event.origin_id, depth=event.depth, proof=proof)
            enrollment_progress.create_enrollment(
                session, sequence, compiled, subject=enrollment_progress.event_subject(session, event), cause=cause
            )


def triggered_sequences(session: Transaction, event: Event) -> list[Sequence]:
    """Return the enabled sequences that an event triggers."""
    query = owned(Sequence, event.tenant_id).where(
        Sequence.trigger == event.kind, col(Sequence.enabled).is_(True), col(Sequence.deleted_at).is_(None)
    )
    rows = session.exec(query.order_by(Sequence.position, Sequence.id)).all()
    return [row for row in rows if matches_trigger(row.agent_id, row.id, row.published, event=event)]


def evaluate_entry(
    session: Transaction, sequence: Sequence, compiled: CompiledSequence, event: Event, *, facts: Facts
) -> tuple[EntryResult, dict[str, Any]]:
    """Return whether the subject of an event is enrolled, with the proof of the condition as JSON."""
    proof = evaluate(compiled.entry, facts, fact_snapshots.fact_catalogue(session, event.tenant_id), event.at)
    subject = enrollment_progress.event_subject(session, event)
    if not proof.holds:
        return EntryResult.CONDITION, proof.as_json()
    if not subject.id:
        return EntryResult.NOBODY, proof.as_json()
    if event.depth >= MAX_CHAIN_DEPTH:
        return EntryResult.TOO_DEEP, proof.as_json()
    return check_reentry(session, sequence, compiled, subject.id), proof.as_json()


def check_reentry(session: Transaction, sequence: Sequence, compiled: CompiledSequence, subject_id: str) -> EntryResult:
    """Return whether a subject that may have been enrolled before can be enrolled."""
    again = compiled.definition.again
    before = owned(Enrollment, sequence.tenant_id).where(
        Enrollment.sequence_id == sequence.id, Enrollment.subject_id == subject_id
    )
    states = set(session.exec(before.with_only_columns(Enrollment.state)).all())
    if again == ReEnrollment.NEVER and states - set(OPEN_STATES):
        return EntryResult.BEFORE
    return EntryResult.INSIDE if states & set(OPEN_STATES) and again != ReEnrollment.ALWAYS else EntryResult.ENTERS


def _affected_enrollments(session: Transaction, event: Event) -> list[Enrollment]:
    same = enrollment_progress.event_subject(session, event)
    ended: dict[str, Enrollment] = {}
    for column, value in (
        (Enrollment.lead_id, same.lead_id),
        (Enrollment.contact_id, same.contact_id),
        (Enrollment.conversation_id, same.conversation_id),
    ):
        if value:
            query = owned(Enrollment, event.tenant_id).where(
                column == value, col(Enrollment.state).in_(OPEN_STATES), col(Enrollment.weighs_events).is_(True)
            )
            ended |= {row.id: row for row in session.exec(query.with_for_update()).all()}
    return [
        row for row in ended.values() if row.event_id != event.id and sequence_exits.happened_after_entry(row, event)
    ]


def _apply_event(session: Transaction, row: Enrollment, facts: Facts, *, at: datetime) -> None:
    """End an enrollment, complete it by its goal, or advance it from a waiting step."""
    try:
        compiled = enrollment_progress.enrollment_version(session, row)
    except Invalid:
        return
    if (
        enrollment_progress.exit_by_condition(session, row, compiled, facts, at=at)
        or row.state != EnrollmentState.ACTIVE
        or row.since is None
    ):
        return
    step = compiled.steps.get(row.step_id)
    if step is None or not step.waits_for_event:
        return  # its outbound call is running
    proof = evaluate(
        parse_conditions(getattr(step, "condition", {})),
        facts,
        fact_snapshots.fact_catalogue(session, row.tenant_id),
        at,
    )
    if proof.holds:
        row.is_met, row.due_at = True, at


def get_enabled(session: Transaction, who: Identity, sequence_id: str) -> Sequence:
    """Return an enabled sequence. Raises NotFound if there is none, Conflict if it is switched off."""
    row = get(session, who, sequence_id)
    if not row.enabled:
        raise Conflict("The sequence “{name}” is turned off.", name=row.name)
    return row


def get(session: Transaction, who: Identity, sequence_id: str) -> Sequence:
    """Return a sequence. Raises NotFound if it does not exist or is deleted."""
    row: Sequence | None = session.exec(owned(Sequence, who.tenant_id).where(Sequence.id == sequence_id)).first()
    if row is None or row.deleted_at is not None:
        raise NotFound("Sequence not found. It may have been deleted.")
    return row


def start(session: Transaction, who: Identity, sequence_id: str, event: Event) -> Enrollment:
    """Enroll the subject of an event for an automation.

    Raises NotFound or Conflict if the sequence is missing or off, and Conflict if the subject may not be enrolled.
    """
    row = get_enabled(session, who, sequence_id)
    compiled, subject = (
        enrollment_progress.cached_sequence(row.id, row.published),
        enrollment_progress.event_subject(session, event),
    )
    cause = cause_of(session)
    depth = cause.depth if cause else 0
    says = check_reentry(session, row, compiled, subject.id) if subject.id else EntryResult.NOBODY
    if depth >= MAX_CHAIN_DEPTH:
        says = EntryResult.TOO_DEEP
    if says != EntryResult.ENTERS:
        raise Conflict(_REFUSED[says], name=row.name)
    # a rule begins a way once for its event; a step of a sequence is taken once, however often its way does so
    event_id = cause.event_id or None if cause and cause.run_id else None
    entry_cause = EntryCause(now(), by=who.name, event_id=event_id, depth=depth)
    enrollment = enrollment_progress.create_enrollment(session, row, compiled, subject=subject, cause=entry_cause)
    if enrollment is None:
        raise Conflict(_REFUSED[EntryResult.INSIDE], name=row.name)
    return enrollment


_REFUSED = {
    EntryResult.NOBODY: "The event is about no lead and no contact.",
    EntryResult.INSIDE: "They are in the sequence “{name}” already.",
    EntryResult.BEFORE: "They have been in the sequence “{name}” before.",
    EntryResult.TOO_DEEP: "Stopped: automation loop (5 levels).",
}


def stop(session: Transaction, who: Identity, sequence_id: str, event: Event) -> int:
    """End the enrollments of the subject of an event in a sequence; return how many ended."""
    subject = enrollment_progress.event_subject(session, event)
    query = owned(Enrollment, who.tenant_id).where(
        Enrollment.sequence_id == sequence_id,
        col(Enrollment.subject_id).in_(subject.ids),
        col(Enrollment.state).in_(OPEN_STATES),
    )
    rows = session.exec(query.with_for_update()).all()
    for row in rows:
        sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.STOPPED)
    return len(rows)

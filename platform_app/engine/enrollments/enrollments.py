"""Enrollments: enroll subjects by hand, and pause, resume, skip, retry, remove and list enrollments."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import col

from platform_app import bounded_count, sequence_exits
from platform_app.automation.calendar import next_opening
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.enrollments import enrollment_entry, enrollment_progress
from platform_app.engine.enrollments.enrollment_entry import EntryResult
from platform_app.engine.enrollments.enrollment_progress import EntryCause
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.person import Identity
from platform_app.models.sequence import (
    OPEN_STATES,
    Enrollment,
    EnrollmentState,
    EnrollmentStep,
    ExitReason,
    Sequence,
    StepState,
    idempotency_key,
)
from platform_app.services.chat import sending
from platform_app.services.jobs import effects

BATCH_SIZE = 500  # enrollments per request, and per transaction
PAGE_SIZE = 50


def preview(
    session: Transaction, who: Identity, sequence_id: str, subject_ids: Iterable[str]
) -> dict[str, EntryResult]:
    """Return for each lead or contact whether it would be enrolled. Raises Invalid for too many at once."""
    row = enrollment_entry.get_enabled(session, who, sequence_id)
    compiled = enrollment_progress.cached_sequence(row.id, row.published)
    results: dict[str, EntryResult] = {}
    wanted = list(dict.fromkeys(subject_ids))
    if len(wanted) > BATCH_SIZE:
        raise Invalid("Select up to {count} at a time.", count=BATCH_SIZE)
    for subject_id in wanted:
        try:
            subject = enrollment_progress.get_subject(session, who, subject_id)
            results[subject_id] = enrollment_entry.check_reentry(session, row, compiled, subject.id)
            if results[subject_id] == EntryResult.ENTERS and enrollment_progress.would_exit_at_entry(
                session, row, compiled, subject
            ):
                results[subject_id] = EntryResult.LEAVES
        except NotFound:
            results[subject_id] = EntryResult.NOBODY
    return results


def enroll(session: Transaction, who: Identity, sequence_id: str, subject_ids: Iterable[str]) -> list[Enrollment]:
    """Enroll those of the leads or contacts that may enter a sequence, and return their enrollments.

    Raises NotFound if there is no such sequence or subject, Conflict if the sequence is switched off.
    """
    row = enrollment_entry.get_enabled(session, who, sequence_id)
    compiled = enrollment_progress.cached_sequence(row.id, row.published)
    says = preview(session, who, sequence_id, subject_ids)
    cause = EntryCause(now(), by=who.name)
    enrollments = [
        enrollment_progress.create_enrollment(
            session, row, compiled, subject=enrollment_progress.get_subject(session, who, subject_id), cause=cause
        )
        for subject_id, entry in says.items()
        if entry in (EntryResult.ENTERS, EntryResult.LEAVES)
    ]
    return [enrollment for enrollment in enrollments if enrollment is not None]


def get(session: Transaction, who: Identity, row_id: str, *, lock: bool = False) -> Enrollment:
    """Return an enrollment. Raises NotFound if there is none."""
    query = owned(Enrollment, who.tenant_id).where(Enrollment.id == row_id)
    row: Enrollment | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Enrollment not found.")
    return row


def history(session: Transaction, who: Identity, row_id: str) -> list[EnrollmentStep]:
    """Return the steps of an enrollment in the order in which they were taken."""
    query = owned(EnrollmentStep, who.tenant_id).where(EnrollmentStep.enrollment_id == get(session, who, row_id).id)
    return list(session.exec(query.order_by(EnrollmentStep.id)).all())


def find(
    session: Transaction,
    who: Identity,
    *,
    sequence_id: str = "",
    state: str = "",
    subject_id: str = "",
    page: int = 1,
) -> tuple[list[Enrollment], int]:
    """Return a page of enrollments, newest first, and their number; `state` may be an ExitReason, inside or late."""
    query = _filtered(who, sequence_id, state)
    if subject_id:
        query = query.where((col(Enrollment.lead_id) == subject_id) | (col(Enrollment.contact_id) == subject_id))
    total = bounded_count.count_rows(session, query.with_only_columns(Enrollment.id))
    order = query.order_by(col(Enrollment.entered_at).desc(), col(Enrollment.id).desc())
    shown = order.offset((max(page, 1) - 1) * PAGE_SIZE).limit(PAGE_SIZE)
    return list(session.exec(shown).all()), total


def ids_after(session: Transaction, who: Identity, last: str, *, sequence_id: str = "", state: str = "") -> list[str]:
    """Return the ids of the next matching enrollments after the id `last`, in order of ids."""
    query = _filtered(who, sequence_id, state).where(Enrollment.id > last).with_only_columns(Enrollment.id)
    return list(session.exec(query.order_by(Enrollment.id).limit(BATCH_SIZE)).all())


def _filtered(who: Identity, sequence_id: str, state: str) -> Any:
    query = owned(Enrollment, who.tenant_id)
    return _in_state(query.where(Enrollment.sequence_id == sequence_id) if sequence_id else query, state)


def _in_state(query: Any, state: str) -> Any:
    if state == "inside":
        return query.where(col(Enrollment.state).in_(OPEN_STATES))
    if state == "late":
        return query.where(col(Enrollment.planned_at).is_not(None), col(Enrollment.state).in_(OPEN_STATES))
    if state in list(ExitReason):
        return query.where(Enrollment.leaving == state)
    return query.where(Enrollment.state == state) if state else query


def due_between(
    session: Transaction, who: Identity, *, since: datetime, until: datetime, limit: int = 500
) -> list[Enrollment]:
    """Return the enrollments whose next step is due within a period, in due order."""
    query = owned(Enrollment, who.tenant_id).where(
        Enrollment.state == EnrollmentState.ACTIVE, col(Enrollment.due_at) >= since, col(Enrollment.due_at) < until
    )
    return list(session.exec(query.order_by(Enrollment.due_at, Enrollment.id).limit(limit)).all())


def _get_open(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    row = get(session, who, row_id, lock=True)
    if row.state not in OPEN_STATES:
        raise Conflict("This enrollment has ended already.")
    return row


def pause(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """Pause an enrollment. Raises Conflict if it is paused or has ended."""
    row = _get_open(session, who, row_id)
    if row.state == EnrollmentState.PAUSED:
        raise Conflict("This enrollment is paused already.")
    row.state = EnrollmentState.PAUSED
    sequence_exits.publish_change(session, row)
    return row


def resume(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """Resume an enrollment; an overdue step waits for its window. Raises Conflict if it is not paused."""
    row = _get_open(session, who, row_id)
    if row.state != EnrollmentState.PAUSED:
        raise Conflict("This enrollment isn’t paused.")
    sequence = enrollment_entry.get(session, who, row.sequence_id)
    row.state = EnrollmentState.ACTIVE if sequence.enabled else EnrollmentState.HELD
    _reschedule_overdue(session, row)
    sequence_exits.publish_change(session, row)
    return row


def _reschedule_overdue(session: Transaction, row: Enrollment) -> None:
    """Reschedule an overdue step to the next opening of its window; a waiting step keeps waiting."""
    step = enrollment_progress.enrollment_version(session, row).steps.get(row.step_id)
    if row.due_at is not None and row.due_at < now() and (row.since is None or hasattr(step, "action")):
        row.due_at, row.since = _next_opening(session, row), None


def _next_opening(session: Transaction, row: Enrollment) -> datetime:
    """Return when the window of the next step opens. Raises Conflict if it never does."""
    step = enrollment_progress.enrollment_version(session, row).steps.get(row.step_id)
    if step is None:
        raise Conflict("A step can’t be read.")
    at = next_opening(step.timing, now(), enrollment_progress.calendar_for(session, row.tenant_id, row.contact_id))
    if at is None:
        raise Conflict("The window of a step never opens.")
    return at


def ensure_no_other_enrollment(session: Transaction, row: Enrollment) -> None:
    """Raise Conflict if the subject was enrolled again while this enrollment was stopped."""
    query = owned(Enrollment, row.tenant_id).where(
        Enrollment.sequence_id == row.sequence_id,
        Enrollment.subject_id == row.subject_id,
        Enrollment.id != row.id,
        col(Enrollment.state).in_(OPEN_STATES),
    )
    if session.exec(query.limit(1)).first() is not None:
        sequence = session.exec(owned(Sequence, row.tenant_id).where(Sequence.id == row.sequence_id)).one()
        raise Conflict("They are in the sequence “{name}” already.", name=sequence.name)


def skip(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """Skip the next step; the following delay starts now. Raises Conflict if it has ended or its call runs."""
    row = get(session, who, row_id, lock=True)
    if row.state not in (*OPEN_STATES, EnrollmentState.FAILED):
        raise Conflict("This enrollment has ended already.")
    state = EnrollmentState.ACTIVE if row.state == EnrollmentState.FAILED else row.state
    if row.state == EnrollmentState.FAILED:
        ensure_no_other_enrollment(session, row)
    elif row.due_at is None and _is_call_pending(session, row):
        raise Conflict("The call of this step is being made.")
    line = enrollment_progress.record_step(session, row, StepState.PASSED)
    line.values = {"by": who.name}
    row.state, row.ended_at, row.due_at, row.since = state, None, now(), None
    enrollment_progress.advance(session, row, enrollment_progress.enrollment_version(session, row))
    if row.state == EnrollmentState.ACTIVE and not enrollment_entry.get(session, who, row.sequence_id).enabled:
        row.state = EnrollmentState.HELD
    return row


def has_held_email(session: Transaction, row: Enrollment) -> bool:
    """Return whether an enrollment waits at an e-mail that the send gate holds."""
    return row.state in OPEN_STATES and _held_line(session, row) is not None


def release_email(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """Send the held e-mail of the next step at once; quiet hours, caps and the step's window do not count.

    Raises Conflict if no e-mail is held, or the enrollment is paused or its sequence is switched off.
    """
    row = _get_open(session, who, row_id)
    line = _held_line(session, row)
    if line is None:
        raise Conflict("This email is no longer held.")
    if row.state == EnrollmentState.PAUSED:
        raise Conflict("This enrollment is paused. Resume it first.")
    enrollment_entry.get_enabled(session, who, row.sequence_id)
    line.gate = line.gate | {"released": sending.review_of(who, "released")}
    row.due_at, row.since = now(), None
    sequence_exits.publish_change(session, row)
    return row


def _held_line(session: Transaction, row: Enrollment) -> EnrollmentStep | None:
    """Return the next step if the send gate holds its e-mail and no member has decided on it, or None."""
    line = session.get(EnrollmentStep, row.last_id) if row.last_id else None
    is_held = line is not None and line.step_id == row.step_id and line.state == StepState.HELD
    return line if is_held and line is not None and not line.gate.get("released") else None


def _is_call_pending(session: Transaction, row: Enrollment) -> bool:
    line = session.get(EnrollmentStep, row.last_id) if row.last_id else None
    return line is not None and line.step_id == row.step_id and line.state in (StepState.OUTSIDE, StepState.RETRYING)


def retry(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """Retry a failed step at the next opening of its window. Raises Conflict if no step failed."""
    row = get(session, who, row_id, lock=True)
    if row.state != EnrollmentState.FAILED:
        raise Conflict("Only a failed step can be tried again.")
    enrollment_entry.get_enabled(session, who, row.sequence_id)
    ensure_no_other_enrollment(session, row)
    if row.last_id:
        effects.allow_retry(session, who.tenant_id, idempotency_key(row.last_id))
    row.due_at = _next_opening(session, row)
    row.state, row.ended_at, row.since = EnrollmentState.ACTIVE, None, None
    sequence_exits.publish_change(session, row)
    return row


def remove(session: Transaction, who: Identity, row_id: str) -> Enrollment:
    """End an enrollment. Raises Conflict if it has ended already."""
    row = get(session, who, row_id, lock=True)
    if row.state not in (*OPEN_STATES, EnrollmentState.FAILED):
        raise Conflict("This enrollment has ended already.")
    sequence_exits.end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.REMOVED)
    return row


def enabled_sequences(session: Transaction, who: Identity) -> list[Sequence]:
    """Return the sequences in which members can enroll."""
    query = owned(Sequence, who.tenant_id).where(col(Sequence.enabled).is_(True), col(Sequence.deleted_at).is_(None))
    return list(session.exec(query.order_by(Sequence.name)).all())

"""Overdue policy: postpones or skips steps that became due while no worker ran.

A slow drain does not make steps overdue: its start counts. Steps that only branch or wait are always taken; overdue are
the steps they lead to.
"""

from datetime import datetime, timedelta

from platform_app.automation.calendar import next_opening
from platform_app.automation.sequences import CompiledSequence, OverduePolicy
from platform_app.automation.step_base import Step
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine.enrollments import enrollment_progress
from platform_app.errors import Invalid
from platform_app.models.event import ActivityKind
from platform_app.models.sequence import Enrollment, Sequence, StepState
from platform_app.services.feed import activity

OVERDUE_AFTER = timedelta(minutes=15)  # a later step was delayed by a stop
_WINDOW_GRACE = timedelta(minutes=1)  # a step delayed up to this long is taken although its window has closed


def apply_policy(
    session: Transaction, row: Enrollment, compiled: CompiledSequence, step: Step, *, began: datetime | None = None
) -> bool:
    """Postpone or skip a step that became due while no worker ran; return whether that was so.

    `began` is when the worker started its present drain of due steps.
    """
    due, own = row.due_at or now(), compiled.definition
    if row.since is not None or step.off or not hasattr(step, "action"):
        return False
    if row.planned_at is not None or (began or now()) - due <= OVERDUE_AFTER:
        return _postpone_closed(session, row, step, due)
    query = owned(Sequence, row.tenant_id).where(Sequence.id == row.sequence_id).with_for_update(key_share=True)
    sequence: Sequence = session.exec(query.execution_options(populate_existing=True)).one()
    _record_overdue(session, sequence, own.late)
    if own.late == OverduePolicy.SKIP:
        enrollment_progress.record_step(session, row, StepState.LATE)
        enrollment_progress.advance(session, row, compiled)
        return True
    before = sequence.late.get(row.step_id)
    free = datetime.fromisoformat(before) + timedelta(seconds=60 / own.pace) if before else now()
    row.due_at = _next_opening(session, row, step, max(now(), free))
    sequence.late = sequence.late | {row.step_id: row.due_at.isoformat()}
    row.planned_at = due
    return True


def _postpone_closed(session: Transaction, row: Enrollment, step: Step, due: datetime) -> bool:
    """Postpone a step to the next opening if its window closed since it was due; return whether that was so."""
    if now() - due <= _WINDOW_GRACE or not (step.timing.periods or step.timing.not_on_holidays):
        return False
    at = _next_opening(session, row, step, now())
    if at <= now():
        return False
    row.planned_at, row.due_at = row.planned_at or due, at
    return True


def _next_opening(session: Transaction, row: Enrollment, step: Step, at: datetime) -> datetime:
    opening = next_opening(step.timing, at, enrollment_progress.calendar_for(session, row.tenant_id, row.contact_id))
    if opening is None:
        raise Invalid("The window of a step never opens.")
    return opening


def _record_overdue(session: Transaction, sequence: Sequence, late: OverduePolicy) -> None:
    if sequence.late_told_at is not None and now() - sequence.late_told_at < timedelta(hours=1):
        return
    sequence.late_told_at = now()
    sentence = (
        "Steps of “{name}” were due while nothing ran: they are left out"
        if late == OverduePolicy.SKIP
        else "Steps of “{name}” were due while nothing ran: they go out one after another"
    )
    link = f"/sequences/{sequence.id}"
    activity.record(
        session,
        sequence.tenant_id,
        ActivityKind.SEQUENCE,
        sentence,
        actor=sequence.name,
        agent_id=sequence.agent_id,
        link=link,
        name=sequence.name,
    )

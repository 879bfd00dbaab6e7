"""Lateness: what becomes of steps that were due while nothing ran: put off one after another, or left out."""

from datetime import datetime, timedelta

from platform_app.automation.calendar import opening
from platform_app.automation.sequences import Compiled, Late
from platform_app.automation.steps import Step
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.engine import journey
from platform_app.errors import Invalid
from platform_app.models.event import ActivityKind
from platform_app.models.sequence import Enrollment, Sequence, StepState
from platform_app.services import activity

LATE = timedelta(minutes=15)  # a step that is later than this was kept by a stop


def put_off(session: Transaction, row: Enrollment, made: Compiled, step: Step) -> bool:
    """Put a step off, or leave it out, that was due while nothing ran; tell whether that was so."""
    due, own = row.due_at or now(), made.definition
    if row.planned_at is not None or row.since is not None or now() - due <= LATE:
        return False
    sequence = session.exec(
        owned(Sequence, row.tenant_id).where(Sequence.id == row.sequence_id).with_for_update()
    ).one()
    _tell_late(session, sequence, own.late)
    if own.late == Late.SKIP:
        journey.step_row(session, row, StepState.LATE)
        journey.pass_on(session, row, made)
        return True
    before = sequence.late.get(row.step_id)
    free = datetime.fromisoformat(before) + timedelta(seconds=60 / own.pace) if before else now()
    at = opening(step.timing, max(now(), free), journey.calendar(session, row.tenant_id, row.contact_id))
    if at is None:
        raise Invalid("The window of a step never opens.")
    sequence.late = sequence.late | {row.step_id: at.isoformat()}
    row.planned_at, row.due_at = due, at
    return True


def _tell_late(session: Transaction, sequence: Sequence, late: Late) -> None:
    if sequence.late_told_at is not None and now() - sequence.late_told_at < timedelta(hours=1):
        return
    sequence.late_told_at = now()
    sentence = (
        "Steps of “{name}” were due while nothing ran: they are left out"
        if late == Late.SKIP
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

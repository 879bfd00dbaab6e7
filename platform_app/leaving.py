"""Leaving: who is taken out of a sequence by an event, in the very transaction in which it happens."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_
from sqlmodel import col

from platform_app import bell
from platform_app.db import Transaction, owned
from platform_app.models.event import Activity, ActivityKind, Event, EventKind
from platform_app.models.sequence import INSIDE, Enrollment, EnrollmentState, EnrollmentStep, Leaving, Sequence

AFTER = timedelta(days=7)  # for so long a reply counts for the step taken last
_KNOWN = "tenants with enrollments"
_SENTENCES = {
    EnrollmentState.FINISHED: "Sequence “{name}” has ended",
    EnrollmentState.GOAL: "Sequence “{name}” has reached its goal",
    EnrollmentState.LEFT: "Sequence “{name}” was left",
    EnrollmentState.FAILED: "A step of sequence “{name}” failed: {reason}",
}


def take_out(session: Transaction, event: Event) -> bool:
    """Let those leave whom an event takes out; tell whether the worker has to weigh it for others who stay."""
    if not _has_any(session, event.tenant_id):
        return False
    to_weigh = False
    for row in _of_event(session, event):
        _count(session, row, event)
        if row.state not in INSIDE:
            continue
        if event.kind == EventKind.MESSAGE_RECEIVED and row.leaves_on_reply:
            end(session, row, EnrollmentState.LEFT, event.at, leaving=Leaving.REPLIED)
        elif event.kind == EventKind.STAGE_CHANGED and row.leaves_on_stage:
            end(session, row, EnrollmentState.LEFT, event.at, leaving=Leaving.STAGE)
        else:
            to_weigh = to_weigh or row.weighs_events
    return to_weigh


def _has_any(session: Transaction, tenant_id: str) -> bool:
    if _KNOWN not in session.info:
        query = owned(Enrollment, tenant_id).with_only_columns(Enrollment.id).limit(1)
        session.info[_KNOWN] = session.exec(query).first() is not None
    return bool(session.info[_KNOWN])


def _of_event(session: Transaction, event: Event) -> list[Enrollment]:
    """Return the ways of whoever an event is about: those that go on, and those that ended of late."""
    same = [
        column == value
        for column, value in (
            (col(Enrollment.lead_id), event.lead_id),
            (col(Enrollment.contact_id), event.contact_id),
            (col(Enrollment.conversation_id), event.conversation_id),
        )
        if value
    ]
    if not same:
        return []
    counts = or_(col(Enrollment.state).in_(INSIDE), col(Enrollment.ended_at) > event.at - AFTER)
    query = owned(Enrollment, event.tenant_id).where(or_(*same), counts)
    return list(session.exec(query.order_by(Enrollment.id).with_for_update()).all())


def _count(session: Transaction, row: Enrollment, event: Event) -> None:
    """Note a reply or a change of stage at the step taken last."""
    if event.kind not in (EventKind.MESSAGE_RECEIVED, EventKind.STAGE_CHANGED) or not row.last_id:
        return
    step = session.get(EnrollmentStep, row.last_id)
    if step is None or event.at < step.taken_at:
        return
    if event.kind == EventKind.MESSAGE_RECEIVED:
        step.replied_at = step.replied_at or event.at
    else:
        step.stage_at = step.stage_at or event.at


def end(
    session: Transaction,
    row: Enrollment,
    state: EnrollmentState,
    at: datetime,
    *,
    leaving: Leaving | None = None,
    proof: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Write that a way has ended, and tell people."""
    row.state, row.leaving, row.ended_at, row.due_at = state, leaving, at, None
    row.proof = proof or row.proof
    sequence = session.get(Sequence, row.sequence_id)
    assert sequence is not None
    kind = ActivityKind.FAILURE if state == EnrollmentState.FAILED else ActivityKind.SEQUENCE
    values = {"name": sequence.name, "reason": reason}
    told = Activity(tenant_id=row.tenant_id, kind=kind, sentence=_SENTENCES[state], values=values, actor=sequence.name)
    told.agent_id, told.link = sequence.agent_id, f"/sequences/enrollments/{row.id}"
    session.add(told)
    tenant_id, told_id = row.tenant_id, told.id
    session.after_commit.append(lambda: bell.announce(tenant_id, "activity", told_id))
    announce(session, row)


def announce(session: Transaction, row: Enrollment) -> None:
    """Let open pages know after the commit that a way has changed."""
    tenant_id, row_id = row.tenant_id, row.id
    session.after_commit.append(lambda: bell.announce(tenant_id, "enrollment", row_id))


def began(session: Transaction) -> None:
    """Note in a transaction that the tenant has somebody on the way."""
    session.info[_KNOWN] = True

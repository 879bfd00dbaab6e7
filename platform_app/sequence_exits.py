"""Sequence exits: ends enrollments by an event, in the transaction in which it happens."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.models.crm import Lead
from platform_app.models.event import Activity, ActivityKind, Event, EventKind
from platform_app.models.person import Tenant
from platform_app.models.sequence import OPEN_STATES, Enrollment, EnrollmentState, EnrollmentStep, ExitReason, Sequence

REPLY_COUNTS_FOR = timedelta(days=7)  # how long a reply counts for the last step
_HAS_ENROLLMENTS = "tenants with enrollments"
_PUBLISHED = "ways that are announced"
_COUNTED_KINDS = (EventKind.MESSAGE_RECEIVED, EventKind.STAGE_CHANGED)
_SENTENCES = {
    EnrollmentState.FINISHED: "Sequence “{name}” has ended",
    EnrollmentState.GOAL: "Sequence “{name}” has reached its goal",
    EnrollmentState.LEFT: "Sequence “{name}” was left",
    EnrollmentState.FAILED: "A step of sequence “{name}” failed: {reason}",
}


def apply_exits(session: Transaction, event: Event) -> bool:
    """End the enrollments whose exits an event meets; return whether the worker has to evaluate it for others."""
    if not _has_enrollments(session, event.tenant_id):
        return False
    to_weigh, rows = False, _event_enrollments(session, event)
    _order_after_steps(session, event, rows)
    for row in rows:
        _count_response(session, row, event)
        if row.state not in OPEN_STATES or not happened_after_entry(row, event):
            continue
        if event.kind == EventKind.MESSAGE_RECEIVED and row.leaves_on_reply:
            end_enrollment(session, row, EnrollmentState.LEFT, event.at, leaving=ExitReason.REPLIED)
        elif event.kind == EventKind.STAGE_CHANGED and row.leaves_on_stage:
            end_enrollment(session, row, EnrollmentState.LEFT, event.at, leaving=ExitReason.STAGE)
        elif event.kind == EventKind.MEMBER_REPLIED and _stops_on_member(session, event.tenant_id):
            end_enrollment(session, row, EnrollmentState.LEFT, event.at, leaving=ExitReason.MEMBER)
        else:
            to_weigh = to_weigh or row.weighs_events
    return to_weigh


def _stops_on_member(session: Transaction, tenant_id: str) -> bool:
    """Return whether a member's message to a contact ends the contact's sequences."""
    tenant = session.get(Tenant, tenant_id)
    return tenant is not None and tenant.stop_on_member_reply


def happened_after_entry(row: Enrollment, event: Event) -> bool:
    """Return whether an event may end an enrollment: it is later than the entry and of another act.

    Events of the act that enrolled the subject (its message, what rules did because of it) and those of the
    enrollment's own steps do not end it.
    """
    is_same_act = event.origin_id is not None and event.origin_id in (row.origin_id, row.id)
    return row.entered_at <= event.at and not is_same_act


def _has_enrollments(session: Transaction, tenant_id: str) -> bool:
    if _HAS_ENROLLMENTS not in session.info:
        (session.info[_HAS_ENROLLMENTS],) = session.exists_each(any_enrollment(tenant_id))
    return bool(session.info[_HAS_ENROLLMENTS])


def any_enrollment(tenant_id: str) -> Any:
    """Return the query that finds a row if a tenant has enrollments; pass the result to `set_has_enrollments`."""
    return owned(Enrollment, tenant_id).with_only_columns(Enrollment.tenant_id)  # answered by the index alone


def set_has_enrollments(session: Transaction, *, has_any: bool) -> None:
    """Store whether the transaction's tenant has enrollments, so that it is not queried again."""
    session.info[_HAS_ENROLLMENTS] = has_any


def _order_after_steps(session: Transaction, event: Event, rows: list[Enrollment]) -> None:
    """Date an event after the steps whose transaction its own waited for."""
    if event.kind not in _COUNTED_KINDS or event.at < session.started_at:
        return  # an event recorded afterwards keeps its time
    lines = [session.get(EnrollmentStep, row.last_id) for row in rows if row.last_id]
    if any(line is not None and line.taken_at >= event.at for line in lines):
        event.at = now()


def _event_enrollments(session: Transaction, event: Event) -> list[Enrollment]:
    """Return the open and recently ended enrollments of an event's subjects, locked."""
    key = ("ways", event.lead_id, event.contact_id, event.conversation_id)
    with session.no_autoflush:  # ways that are new are written at once: see journey.begin
        return session.cached(key, lambda: _read_enrollments(session, event))


def _read_enrollments(session: Transaction, event: Event) -> list[Enrollment]:
    lead = session.get(Lead, event.lead_id) if event.lead_id and not event.contact_id else None
    same = [
        column == value
        for column, value in (
            (col(Enrollment.lead_id), event.lead_id),
            (col(Enrollment.contact_id), event.contact_id or (lead.contact_id if lead else None)),
            (col(Enrollment.conversation_id), event.conversation_id),
        )
        if value
    ]
    if not same:
        return []
    counts = or_(col(Enrollment.state).in_(OPEN_STATES), col(Enrollment.ended_at) > event.at - REPLY_COUNTS_FOR)
    queries = [owned(Enrollment, event.tenant_id).where(one, counts) for one in same]
    if len(queries) > 1:  # each query uses its own index; then all rows are locked in one order
        ids = {found for query in queries for found in session.exec(query.with_only_columns(Enrollment.id)).all()}
        queries = [owned(Enrollment, event.tenant_id).where(col(Enrollment.id).in_(ids))] if ids else []
    return [row for query in queries for row in session.exec(query.order_by(Enrollment.id).with_for_update()).all()]


def lock_enrollments(session: Transaction, tenant_id: str, events: Collection[Event]) -> None:
    """Lock the enrollments of all subjects of some events in one order, before each event locks its own.

    Transactions about the same subjects then cannot deadlock.
    """
    if not events or not _has_enrollments(session, tenant_id):
        return
    contacts, leads = {event.contact_id for event in events}, {event.lead_id for event in events}
    about = or_(col(Enrollment.contact_id).in_(contacts - {None}), col(Enrollment.lead_id).in_(leads - {None}))
    counts = or_(
        col(Enrollment.state).in_(OPEN_STATES), col(Enrollment.ended_at) > session.started_at - REPLY_COUNTS_FOR
    )
    query = owned(Enrollment, tenant_id).where(about, counts).order_by(Enrollment.id)
    session.exec(query.with_only_columns(Enrollment.id).with_for_update()).all()


def _count_response(session: Transaction, row: Enrollment, event: Event) -> None:
    """Store a reply or a change of stage with the last step."""
    if event.kind not in _COUNTED_KINDS or not row.last_id:
        return
    step = session.get(EnrollmentStep, row.last_id)
    if step is None or event.at < step.taken_at:
        return
    if event.kind == EventKind.MESSAGE_RECEIVED:
        step.replied_at = step.replied_at or event.at
    else:
        step.stage_at = step.stage_at or event.at


def end_enrollment(
    session: Transaction,
    row: Enrollment,
    state: EnrollmentState,
    at: datetime,
    *,
    leaving: ExitReason | None = None,
    proof: dict[str, Any] | None = None,
    reason: str = "",
) -> Activity:
    """End an enrollment at `at` with a state, and record and return an activity.

    `leaving` is the exit's reason, `proof` its proof, `reason` the sentence of a failure.
    """
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
    session.after_commit.append(lambda: notifier.publish(tenant_id, "activity", told_id))
    publish_change(session, row)
    return told


def merge_enrollments(session: Transaction, tenant_id: str, kept_id: str, other_id: str) -> None:
    """Move the enrollments of contact `other_id` to contact `kept_id`.

    If both are enrolled in a sequence, the enrollment of the one that is kept goes on.
    """
    query = owned(Enrollment, tenant_id).where(col(Enrollment.subject_id).in_((kept_id, other_id)))
    inside = query.where(col(Enrollment.state).in_(OPEN_STATES)).order_by(Enrollment.id).with_for_update()
    rows = session.exec(inside).all()
    staying = {row.sequence_id for row in rows if row.subject_id == kept_id}
    for row in rows:
        if row.subject_id == other_id and row.sequence_id in staying:
            end_enrollment(session, row, EnrollmentState.LEFT, now(), leaving=ExitReason.DELETED)
    session.flush()
    for column in (col(Enrollment.contact_id), col(Enrollment.subject_id)):
        moved = owned_update(Enrollment, tenant_id).where(column == other_id)
        session.execute(moved.values({column: kept_id}))


def publish_change(session: Transaction, row: Enrollment) -> None:
    """Notify open pages of a change to an enrollment after the transaction commits, once."""
    tenant_id, row_id = row.tenant_id, row.id
    told: frozenset[str] = session.info.get(_PUBLISHED, frozenset())
    if row_id in told:
        return
    session.info[_PUBLISHED] = told | {row_id}  # a new set, so that a rolled back savepoint restores the former one
    session.after_commit.append(lambda: notifier.publish(tenant_id, "enrollment", row_id))


def enrollment_added(session: Transaction) -> None:
    """Record that the transaction's tenant has enrollments, and drop cached ones."""
    session.info[_HAS_ENROLLMENTS] = True
    for key in [one for one in session.cache or () if isinstance(one, tuple) and one[0] == "ways"]:
        del (session.cache or {})[key]

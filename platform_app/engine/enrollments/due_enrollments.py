"""Due enrollments: reads what the due steps of one transaction need in a few queries."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, or_
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Event, EventKind
from platform_app.models.sequence import Enrollment, EnrollmentState, EnrollmentStep

_HAS_STEP_ROW = "steps that are written"
_HAS_EXIT_EVENT = "ways that something happened to"


def lock_due(session: Transaction, tenant_id: str, at: datetime, limit: int) -> list[Enrollment]:
    """Lock and return the enrollments whose steps are due longest, and read what their steps need.

    Joins are used instead of lists of ids, for which SQLite would choose a full scan.
    """
    query = owned(Enrollment, tenant_id).where(Enrollment.state == EnrollmentState.ACTIVE, col(Enrollment.due_at) <= at)
    for model, row_id in ((Contact, Enrollment.contact_id), (Lead, Enrollment.lead_id)):
        # comparisons of model fields are annotated as bool
        query = query.outerjoin(model, and_(model.id == row_id, model.tenant_id == tenant_id)).add_columns(model)  # type: ignore[arg-type]
    query = query.add_columns(_has_step_row(tenant_id).label("written"), _has_exit_event(tenant_id).label("touched"))
    query = query.order_by(Enrollment.due_at, Enrollment.id).limit(limit)
    lines = session.execute(query.with_for_update(skip_locked=True, of=Enrollment)).all()
    session.info[_HAS_STEP_ROW] = {(line.Enrollment.id, line.Enrollment.step_id): line.written for line in lines}
    session.info[_HAS_EXIT_EVENT] = {line.Enrollment.id: line.touched for line in lines}
    return [line.Enrollment for line in lines]


def _has_step_row(tenant_id: str) -> Any:
    """Return the SQL condition that the next step has a row already."""
    return exists().where(
        col(EnrollmentStep.tenant_id) == tenant_id,
        col(EnrollmentStep.enrollment_id) == col(Enrollment.id),
        col(EnrollmentStep.step_id) == col(Enrollment.step_id),
    )


def _has_exit_event(tenant_id: str) -> Any:
    """Return the SQL condition that a reply or change of stage since the entry may end the enrollment."""
    pairs = (
        (col(Enrollment.leaves_on_reply), EventKind.MESSAGE_RECEIVED),
        (col(Enrollment.leaves_on_stage), EventKind.STAGE_CHANGED),
    )
    same = (
        (col(Event.contact_id), col(Enrollment.contact_id)),
        (col(Event.lead_id), col(Enrollment.lead_id)),
        (col(Event.conversation_id), col(Enrollment.conversation_id)),
    )
    conditions = []
    for flag, kind in pairs:
        for column, value in same:
            event = exists().where(
                col(Event.tenant_id) == tenant_id,
                column == value,
                col(Event.kind) == kind,
                col(Event.at) > col(Enrollment.entered_at),
                or_(
                    col(Enrollment.origin_id).is_(None),
                    col(Event.origin_id).is_distinct_from(col(Enrollment.origin_id)),
                ),
                col(Event.origin_id).is_distinct_from(col(Enrollment.id)),
            )
            conditions.append(and_(flag.is_(True), value.is_not(None), event))
    return or_(*conditions)


def may_have_step_row(session: Transaction, row: Enrollment) -> bool:
    """Return whether the next step may have a row already."""
    written: dict[tuple[str, str], bool] = session.info.get(_HAS_STEP_ROW, {})
    return written.pop((row.id, row.step_id), True)


def may_have_exit_event(session: Transaction, row: Enrollment) -> bool:
    """Return whether a reply or change of stage may have happened since the entry."""
    return bool(session.info.get(_HAS_EXIT_EVENT, {}).get(row.id, True))

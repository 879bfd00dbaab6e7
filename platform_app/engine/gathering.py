"""Gathering: what the steps of one transaction go by, read for all of them at once."""

from typing import Any

from sqlalchemy import and_, exists, or_, tuple_
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.crm import Contact, Lead
from platform_app.models.event import Event, EventKind
from platform_app.models.sequence import Enrollment, EnrollmentStep

_WRITTEN = "steps that are written"
_TOUCHED = "ways that something happened to"


def gather(session: Transaction, tenant_id: str, rows: list[Enrollment]) -> None:
    """Read leads, contacts, written steps and what happened to those whose steps are about to be taken."""
    leads = _hold(session, tenant_id, Lead, {row.lead_id for row in rows})
    contacts = {row.contact_id for row in rows} | {lead.contact_id for lead in leads}
    _hold(session, tenant_id, Contact, contacts)
    ids = [row.id for row in rows]
    at = tuple_(col(EnrollmentStep.enrollment_id), col(EnrollmentStep.step_id))
    written = owned(EnrollmentStep, tenant_id).where(at.in_([(row.id, row.step_id) for row in rows]))
    columns = (EnrollmentStep.enrollment_id, EnrollmentStep.step_id)
    found = set(map(tuple, session.execute(written.with_only_columns(*columns)).all()))
    session.info[_WRITTEN] = {(row.id, row.step_id): (row.id, row.step_id) in found for row in rows}
    touched = owned(Enrollment, tenant_id).where(col(Enrollment.id).in_(ids), _is_touched(tenant_id))
    happened = set(session.exec(touched.with_only_columns(Enrollment.id)).all())
    session.info[_TOUCHED] = {row.id: row.id in happened for row in rows}


def _hold(session: Transaction, tenant_id: str, model: Any, ids: set[str | None]) -> list[Any]:
    wanted = {one for one in ids if one}
    return list(session.exec(owned(model, tenant_id).where(model.id.in_(wanted))).all()) if wanted else []


def _is_touched(tenant_id: str) -> Any:
    """Return the condition that a reply or a change of stage came since a way began, where it counts."""
    pairs = (
        (col(Enrollment.leaves_on_reply), EventKind.MESSAGE_RECEIVED),
        (col(Enrollment.leaves_on_stage), EventKind.STAGE_CHANGED),
    )
    same = (
        (col(Event.contact_id), col(Enrollment.contact_id)),
        (col(Event.lead_id), col(Enrollment.lead_id)),
        (col(Event.conversation_id), col(Enrollment.conversation_id)),
    )
    found = []
    for flag, kind in pairs:
        for column, value in same:
            event = exists().where(
                col(Event.tenant_id) == tenant_id,
                column == value,
                col(Event.kind) == kind,
                col(Event.at) > col(Enrollment.entered_at),
            )
            found.append(and_(flag.is_(True), value.is_not(None), event))
    return or_(*found)


def may_be_written(session: Transaction, row: Enrollment) -> bool:
    """Tell whether the step that somebody has come to may have its row already."""
    written: dict[tuple[str, str], bool] = session.info.get(_WRITTEN, {})
    return written.pop((row.id, row.step_id), True)


def may_be_touched(session: Transaction, row: Enrollment) -> bool:
    """Tell whether a reply or a change of stage may have come since a way began."""
    return bool(session.info.get(_TOUCHED, {}).get(row.id, True))

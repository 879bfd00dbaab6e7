"""Sequencing: sequences, people on the way and a clock that is moved, as tests need them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import time_machine

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequence_scheduler
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.models.person import Identity
from platform_app.models.sequence import Enrollment, EnrollmentStep
from platform_app.services.crm import contacts, leads
from tests.talking import a_stage, call, run_jobs

MONDAY = datetime.fromisoformat("2026-11-23T15:00:00+00:00")  # 18:00 in Moscow


def note(text: str = "Noted") -> dict[str, Any]:
    """Return an action that leaves a trace inside."""
    return {"kind": "write_note", "text": text}


def do(step_id: str, action: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a step that does something, a note at first."""
    return {"id": step_id, "kind": "do", "action": action or note(step_id)} | more


def after(count: int, unit: str = "days", **more: Any) -> dict[str, Any]:
    """Return a timing with a delay."""
    return {"delay": {"kind": "span", "count": count, "unit": unit}} | more


def when(fact: str, operator: str, value: Any = "") -> dict[str, Any]:
    """Return a condition of one comparison."""
    leaf = {"kind": "condition", "fact": fact, "operator": operator, "value": value}
    return {"kind": "group", "match": "all", "of": [leaf]}


def a_sequence(who: Identity, *steps: dict[str, Any], name: str = "Follow-up", **draft: Any) -> str:
    """Write a sequence, publish it and switch it on; return its id."""
    row = call(who, DEFINITIONS.create, name=name, draft={"steps": list(steps)} | draft)
    call(who, DEFINITIONS.publish, row.id)
    call(who, DEFINITIONS.switch, row.id, enabled=True)
    return str(row.id)


def publish_anew(who: Identity, sequence_id: str, **draft: Any) -> None:
    """Change a sequence and publish it."""
    row = call(who, DEFINITIONS.get, sequence_id)
    call(who, DEFINITIONS.save, sequence_id, draft, revision=row.revision)
    call(who, DEFINITIONS.publish, sequence_id)


def a_lead(who: Identity, title: str = "Bike", **contact: Any) -> str:
    """Write a lead with a contact; return its id."""
    made = call(who, contacts.create, **({"name": "Anna"} | contact))
    return str(call(who, leads.create, title=title, stage_id=a_stage(who), contact_id=made.id).id)


def enrolled(who: Identity, sequence_id: str, *subject_ids: str) -> list[str]:
    """Let leads in by hand; return the ids of their ways."""
    return [row.id for row in call(who, enrollments.enroll, sequence_id, subject_ids)]


def way(who: Identity, row_id: str = "") -> Enrollment:
    """Return a way, the only one where none is named."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Enrollment, who.tenant_id)
        found: Enrollment = session.exec(query.where(Enrollment.id == row_id) if row_id else query).one()
        return found


def ways(who: Identity) -> list[Enrollment]:
    """Return all ways, oldest first."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Enrollment, who.tenant_id).order_by(Enrollment.id)).all())


def lines(who: Identity, row_id: str = "") -> list[EnrollmentStep]:
    """Return what became of each step of a way, in order."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(EnrollmentStep, who.tenant_id).order_by(EnrollmentStep.id)
        return list(session.exec(query.where(EnrollmentStep.enrollment_id == row_id) if row_id else query).all())


def taken(who: Identity, row_id: str = "") -> list[tuple[str, str]]:
    """Return the steps of a way with what became of them."""
    return [(line.step_id, line.state.value) for line in lines(who, row_id)]


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let it be another time."""
    with time_machine.travel(moment, tick=False):
        yield


def work(who: Identity) -> None:
    """Do what the worker does now: jobs, steps, and jobs that follow."""
    while True:
        run_jobs(who)
        if not sequence_scheduler.run_due_steps():
            return


def run_until(who: Identity, start: datetime, end: datetime, hours: float = 1) -> None:
    """Let time pass from one moment to another, the worker working all the while."""
    moment = start
    while moment <= end:
        with at(moment):
            work(who)
        moment += timedelta(hours=hours)


__all__ = ["now"]

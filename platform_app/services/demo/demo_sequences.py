"""Demo sequences: sequences of the demo, from the templates, with leads enrolled in one of them."""

from datetime import datetime

from sqlmodel import col

from platform_app import sequence_exits
from platform_app.automation import sequence_templates
from platform_app.automation.calendar import Calendar
from platform_app.automation.sequences import compile_sequence, parse_sequence
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.i18n import translate
from platform_app.models.crm import Lead
from platform_app.models.person import Identity
from platform_app.models.sequence import (
    Enrollment,
    EnrollmentState,
    EnrollmentStep,
    Sequence,
    SequenceVersion,
    StepState,
)
from platform_app.services.demo.demo_definitions import add_published

_CHOSEN = ("new_lead", "come_back")
_ENROLLED_LEADS = 4  # leads enrolled in the first of them


def write(session: Transaction, who: Identity, agent_id: str, at: datetime) -> None:
    """Add the demo's sequences to an agent, published at `at`, and enroll the newest leads."""
    made = [_sequence(session, who, name, agent_id=agent_id, place=place, at=at) for place, name in enumerate(_CHOSEN)]
    leads = owned(Lead, who.tenant_id).where(col(Lead.is_demo).is_(True)).order_by(col(Lead.created_at).desc())
    for lead in session.exec(leads.limit(_ENROLLED_LEADS)).all():
        _enroll(session, who, made[0], lead, at=max(at, lead.created_at))
    sequence_exits.enrollment_added(session)


def _sequence(session: Transaction, who: Identity, name: str, *, agent_id: str, place: int, at: datetime) -> Sequence:
    drawn = parse_sequence(sequence_templates.draft(name, who.language)).model_dump(mode="json")
    title = translate(who.language, sequence_templates.TEMPLATES[name].name)
    row = Sequence(tenant_id=who.tenant_id, agent_id=agent_id, name=title)
    version = SequenceVersion(tenant_id=who.tenant_id, sequence_id=row.id, number=1)
    return add_published(session, who, row, version, drawn=drawn, place=place, at=at)


def _enroll(session: Transaction, who: Identity, row: Sequence, lead: Lead, *, at: datetime) -> None:
    """Enroll a lead as of `at`: steps due meanwhile are passed, the next one waits."""
    made, calendar = compile_sequence(row.published), Calendar(who.time_zone)
    way = Enrollment(
        tenant_id=who.tenant_id,
        sequence_id=row.id,
        version=1,
        lead_id=lead.id,
        contact_id=lead.contact_id,
        subject_id=lead.id,
        entered_at=at,
        entered_by=who.name,
        leaves_on_stage=made.definition.leave_on_stage,
        is_demo=True,
    )
    session.add(way)
    step_id, arrived = made.first_step_id, at
    while step_id and (due := made.due_time(step_id, arrived, calendar).at) is not None and due <= now():
        session.flush()
        line = EnrollmentStep(
            tenant_id=who.tenant_id,
            enrollment_id=way.id,
            sequence_id=row.id,
            version=1,
            step_id=step_id,
            kind=str(getattr(made.steps[step_id], "action", {}).get("kind", "")),
            state=StepState.PASSED,
            due_at=due,
            taken_at=due,
        )
        session.add(line)
        way.last_id = line.id
        step_id, arrived = made.next_step_id(step_id), due
    way.step_id, way.arrived_at = step_id, arrived
    if step_id:
        way.due_at = made.due_time(step_id, arrived, calendar).at
    else:
        way.state, way.ended_at = EnrollmentState.FINISHED, arrived

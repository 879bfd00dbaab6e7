"""CRM: contacts, leads, and the pipelines they move through."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from sqlalchemy import func

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, NotFound
from platform_app.events import emit
from platform_app.models.base import Owned
from platform_app.models.crm import Contact, Lead, Pipeline, Stage, StageKind
from platform_app.models.event import EventKind
from platform_app.models.person import Identity

Found = TypeVar("Found", bound=Owned)
LARGEST_BUDGET = Decimal(10) ** 12


@dataclass
class StageCount:
    """How many leads stand in a stage."""

    pipeline: str
    stage: str
    kind: StageKind
    leads: int


def pipelines(session: Transaction, who: Identity) -> list[tuple[Pipeline, list[Stage]]]:
    """Return the tenant's pipelines with their stages, in order."""
    found = session.exec(owned(Pipeline, who.tenant_id).order_by(Pipeline.position, Pipeline.id)).all()
    stages = session.exec(owned(Stage, who.tenant_id).order_by(Stage.position, Stage.id)).all()
    return [(row, [stage for stage in stages if stage.pipeline_id == row.id]) for row in found]


def leads_by_stage(session: Transaction, who: Identity) -> list[StageCount]:
    """Return every stage with its number of leads, in the order of pipelines and stages."""
    query = owned(Lead, who.tenant_id).with_only_columns(Lead.stage_id, func.count()).group_by(Lead.stage_id)
    counts: dict[str, int] = {stage_id: count for stage_id, count in session.execute(query).all()}  # noqa: C416
    return [
        StageCount(pipeline.name, stage.name, stage.kind, counts.get(stage.id, 0))
        for pipeline, stages in pipelines(session, who)
        for stage in stages
    ]


def create_contact(
    session: Transaction,
    who: Identity,
    *,
    name: str,
    email: str = "",
    phone: str = "",
    language: str = "",
    at: datetime | None = None,
) -> Contact:
    """Write a contact; `at` is when it came into being, else now."""
    contact = Contact(
        tenant_id=who.tenant_id,
        name=_named(name, "name"),
        email=email.strip()[:254],
        phone=phone.strip()[:40],
        language=language[:2],
        created_at=at or now(),
    )
    session.add(contact)
    session.flush()
    happened = emit(
        session, who.tenant_id, EventKind.CONTACT_CREATED, after={"name": contact.name}, contact_id=contact.id
    )
    happened.at = contact.created_at
    return contact


def create_lead(
    session: Transaction,
    who: Identity,
    *,
    title: str,
    stage_id: str,
    contact_id: str | None = None,
    budget: Decimal | int | str = 0,
    at: datetime | None = None,
) -> Lead:
    """Write a lead into a stage; `at` is when it came into being, else now."""
    stage = _one(session, who, Stage, stage_id)
    if contact_id is not None:
        _one(session, who, Contact, contact_id)
    lead = Lead(
        tenant_id=who.tenant_id,
        title=_named(title, "title"),
        stage_id=stage.id,
        contact_id=contact_id,
        budget=_budget(budget),
        created_at=at or now(),
        updated_at=at or now(),
    )
    session.add(lead)
    session.flush()
    after = {"title": lead.title, "stage_id": stage.id, "stage": stage.name, "budget": str(lead.budget)}
    happened = emit(session, who.tenant_id, EventKind.LEAD_CREATED, after=after, lead_id=lead.id, contact_id=contact_id)
    happened.at = lead.created_at
    return lead


def move_lead(session: Transaction, who: Identity, lead_id: str, stage_id: str, *, at: datetime | None = None) -> Lead:
    """Put a lead into another stage; nothing happens when it stands there already."""
    lead, new = _one(session, who, Lead, lead_id), _one(session, who, Stage, stage_id)
    if lead.stage_id == new.id:
        return lead
    old = _one(session, who, Stage, lead.stage_id)
    lead.stage_id, lead.updated_at = new.id, at or now()
    happened = emit(
        session,
        who.tenant_id,
        EventKind.STAGE_CHANGED,
        before={"stage_id": old.id, "stage": old.name},
        after={"stage_id": new.id, "stage": new.name},
        lead_id=lead.id,
        contact_id=lead.contact_id,
    )
    happened.at = lead.updated_at
    return lead


def find_contacts(session: Transaction, who: Identity, *, search: str = "", limit: int = 20) -> list[Contact]:
    """Return contacts whose name, e-mail or phone holds what is searched, by name."""
    rows = session.exec(owned(Contact, who.tenant_id)).all()
    wanted = search.strip().casefold()
    fitting = [row for row in rows if wanted in f"{row.name}\n{row.email}\n{row.phone}".casefold()]
    return sorted(fitting, key=lambda row: (row.name.casefold(), row.id))[:limit]


def find_leads(session: Transaction, who: Identity, *, search: str = "", limit: int = 20) -> list[Lead]:
    """Return leads whose title holds what is searched, the one changed last first."""
    query = owned(Lead, who.tenant_id).order_by(Lead.updated_at.desc(), Lead.id.desc())  # type: ignore[attr-defined]
    rows = session.exec(query).all()
    wanted = search.strip().casefold()
    return [row for row in rows if wanted in row.title.casefold()][:limit]


def _one(session: Transaction, who: Identity, model: type[Found], row_id: str) -> Found:
    row: Found | None = session.exec(owned(model, who.tenant_id).where(model.id == row_id)).first()
    if row is None:
        raise NotFound(_MISSING[model.__name__])
    return row


_MISSING = {
    "Contact": "There is no such contact.",
    "Lead": "There is no such lead.",
    "Stage": "There is no such stage.",
}


def _named(text: str, field: str) -> str:
    if not text.strip() or "\x00" in text:
        raise Invalid("Enter a name.", field=field)
    return text.strip()[:200]


def _budget(value: Decimal | int | str) -> Decimal:
    try:
        budget = Decimal(value)
    except InvalidOperation as error:
        raise Invalid("The budget is a number.", field="budget") from error
    if not budget.is_finite() or not 0 <= budget < LARGEST_BUDGET:
        raise Invalid("The budget is from 0 to 999999999999.", field="budget")
    return budget.quantize(Decimal("0.01"))

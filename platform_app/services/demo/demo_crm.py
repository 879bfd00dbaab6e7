"""Demo CRM: the pipeline, contacts and leads of the demo, with custom fields, tasks and notes."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from platform_app import custom_fields
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.demo import Shop, ShopContact, ShopField, ShopLead, ShopTask
from platform_app.models.crm import Contact, CustomField, Holder, Lead, Note, Pipeline, Stage, Task
from platform_app.models.event import EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, custom_field_definitions, leads, pipelines, tasks


@dataclass
class DemoCrm:
    """The CRM rows that conversations and scripts of the demo refer to."""

    stages: dict[str, str]  # name by id, in order
    fields: dict[tuple[Holder, str], CustomField] = field(default_factory=dict)  # by holder and name in the file
    contacts: list[Contact] = field(default_factory=list)
    leads: list[Lead] = field(default_factory=list)


def days_ago(who: Identity, day: int, clock: str) -> datetime:
    """Return a time of day ("HH:MM") in the tenant's zone, `day` days ago."""
    zone = ZoneInfo(who.time_zone)
    date = now().astimezone(zone).date() - timedelta(days=day)
    return datetime.combine(date, time.fromisoformat(clock), zone)


def write(session: Transaction, who: Identity, told: Shop) -> DemoCrm:
    """Write the pipeline, the custom fields, the contacts and the leads with their moves between stages."""
    made = DemoCrm(_stages(session, who, told))
    made.fields = {
        (own_field.holder, own_field.name): _field(session, who, own_field, told.tenant) for own_field in told.fields
    }
    for person in told.contacts:
        made.contacts.append(_contact(session, who, made, person))
    for deal in told.leads:
        made.leads.append(_lead(session, who, made, deal))
    return made


def _stages(session: Transaction, who: Identity, told: Shop) -> dict[str, str]:
    first = min((row.position for row, _ in pipelines.list_pipelines(session, who)), default=1)
    position = first - 1  # before the tenant's pipelines, so that the board opens on the demo
    pipeline = Pipeline(tenant_id=who.tenant_id, name=told.pipeline.name, position=position, is_demo=True)
    session.add(pipeline)
    session.flush()
    stages = [
        Stage(tenant_id=who.tenant_id, pipeline_id=pipeline.id, name=name, position=position, kind=kind)
        for position, (name, kind) in enumerate(told.pipeline.stages)
    ]
    session.add_all(stages)
    session.flush()
    return {stage.id: stage.name for stage in stages}


def _field(session: Transaction, who: Identity, told: ShopField, shop: str) -> CustomField:
    """Return the tenant's own field if it is the same, else add one, with the shop's name if its name is taken."""
    held = {fold(row.name): row for row in custom_fields.list_custom_fields(session, who.tenant_id, told.holder)}
    mine = held.get(fold(told.name))
    if mine is not None and (mine.kind, mine.options) == (told.kind, told.options):
        return mine
    name = f"{told.name} ({shop})" if mine else told.name
    options = "\n".join(told.options)
    return custom_field_definitions.create(
        session, who, told.holder, name=name, kind=told.kind, options=options, is_demo=True
    )


def _contact(session: Transaction, who: Identity, made: DemoCrm, told: ShopContact) -> Contact:
    known: dict[str, Any] = {"emails": told.email, "phones": told.phone, "language": who.language, "tags": told.tags}
    known |= _custom_values(who, made, Holder.CONTACT, told.own)
    at = days_ago(who, told.day, "09:00")
    row = contacts.create(session, who, name=told.name, at=at, is_demo=True, **known)
    _note_and_task(session, who, told, contact_id=row.id)
    return row


def _lead(session: Transaction, who: Identity, made: DemoCrm, told: ShopLead) -> Lead:
    stages, contact = list(made.stages), made.contacts[told.contact]
    known: dict[str, Any] = {"contact_id": contact.id, "budget": told.budget, "source": told.source, "tags": told.tags}
    known |= _custom_values(who, made, Holder.LEAD, told.own) | ({"responsible_id": who.user_id} if told.mine else {})
    at = days_ago(who, told.day, "09:05")
    row = leads.create(session, who, title=told.title, stage_id=stages[0], at=at, is_demo=True, **known)
    if told.moved is not None:
        leads.move_to_stage(session, who, row.id, stages[told.stage], at=days_ago(who, told.moved, "18:30"))
    _note_and_task(session, who, told, contact_id=contact.id, lead_id=row.id)
    return row


def _custom_values(who: Identity, made: DemoCrm, holder: Holder, told: dict[str, str | int]) -> dict[str, str]:
    """Return values of custom fields as services accept them; an int is a date, that many days from today."""
    return {
        f"field.{made.fields[holder, name].key}": value if isinstance(value, str) else _day(who, value)
        for name, value in told.items()
    }


def _day(who: Identity, days: int) -> str:
    return days_ago(who, -days, "12:00").date().isoformat()


def _note_and_task(session: Transaction, who: Identity, told: ShopContact | ShopLead, **links: str) -> None:
    """Write the note and the task of a contact or lead."""
    at = days_ago(who, told.day, "09:20")
    if told.note:
        only = {"lead_id": links["lead_id"]} if "lead_id" in links else links
        session.add(Note(tenant_id=who.tenant_id, text=told.note, author_name=who.name, created_at=at, **only))
    if told.task:
        _task(session, who, told.task, days_ago(who, told.day, "09:25"), **links)


def _task(session: Transaction, who: Identity, told: ShopTask, at: datetime, **links: Any) -> None:
    row = Task(tenant_id=who.tenant_id, text=told.text, created_at=at, responsible_id=who.user_id, **links)
    row.due_at = days_ago(who, -told.due, "17:00")
    row.done_at = row.due_at - timedelta(hours=2) if told.done else None
    tasks.add(session, row, by=who.name).at = at
    if row.done_at is not None:
        tasks.emit_task(session, row, EventKind.TASK_COMPLETED).at = row.done_at


def resolve_fact(made: DemoCrm, fact: str) -> str:
    """Return the name of a fact, with the key of a custom field that the file names by its name."""
    holder, _, name = fact.partition(".field.")
    return f"{holder}.field.{made.fields[Holder(holder), name].key}" if name else fact

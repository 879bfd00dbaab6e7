"""CRM records: what the API gives as records, fields and stages of a CRM, with plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from platform_app.integrations.base import FIELD_PREFIX, CrmField, CrmRecord
from platform_app.integrations.kommo import custom_field_values
from platform_app.integrations.kommo.custom_field_values import coded_values, read_values, to_python
from platform_app.integrations.kommo.entities import (
    LOST_STATUS,
    WON_STATUS,
    Contact,
    CrmEntity,
    CustomField,
    Entity,
    Lead,
    Note,
    Task,
    read_list,
)
from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.integration import RecordKind

MULTITEXT_CODES = ("PHONE", "EMAIL")
COMPANY = "company"  # the id of a field that Kommo does not have as one: the name of the company
_SUBJECTS = {"leads": "lead", "contacts": "contact"}


@dataclass(frozen=True)
class ListSource:
    """A list of the API in which records of a kind stand."""

    path: str
    query: dict[str, Any] = field(default_factory=dict)


_NOTES = {"filter[note_type][]": ["common"]}
LISTS: Mapping[RecordKind, tuple[ListSource, ...]] = {
    RecordKind.CONTACT: (ListSource("contacts"),),
    RecordKind.LEAD: (ListSource("leads", {"with": "contacts"}),),
    RecordKind.TASK: (ListSource("tasks"),),
    RecordKind.NOTE: (ListSource("leads/notes", _NOTES), ListSource("contacts/notes", _NOTES)),
}


def stage_id(pipeline_id: int, status_id: int) -> str:
    """Return the id of a stage in the account: won and lost have one number in every pipeline."""
    return f"{pipeline_id}:{status_id}"


def stage_kind(status_id: int) -> StageKind:
    """Return what a stage means."""
    return {WON_STATUS: StageKind.WON, LOST_STATUS: StageKind.LOST}.get(status_id, StageKind.OPEN)


def is_exchanged(row: CustomField) -> bool:
    """Return whether values of a custom field can be exchanged: not those of phones, e-mail addresses and objects."""
    known = row.type in custom_field_values.KINDS - custom_field_values.OBJECT_KINDS
    return known and row.code not in MULTITEXT_CODES


def read_field(row: CustomField, holder: Holder) -> CrmField:
    """Return a custom field; of several choices it is a text."""
    kind = FieldKind.TEXT
    if row.type in custom_field_values.CHOICE_KINDS:
        kind = FieldKind.CHOICE
    elif row.type == "numeric":
        kind = FieldKind.NUMBER
    elif row.type in custom_field_values.NUMBER_KINDS:
        kind = FieldKind.MONEY
    elif row.type in custom_field_values.DATE_KINDS:
        kind = FieldKind.DATE
    elif row.type == "checkbox":
        kind = FieldKind.YES_NO
    options = tuple(option.value[:80] for option in row.options) if kind == FieldKind.CHOICE else ()
    return CrmField(str(row.id), holder, row.name, kind, options)


def read_records(
    kind: RecordKind, items: list[dict[str, Any]], path: str, companies: Mapping[int, str] = MappingProxyType({})
) -> list[CrmRecord]:
    """Return the items of a list as records; those that cannot be read or are deleted are left out.

    `companies` are the names of companies by id.
    """
    model, read = _READERS[kind]
    entities = [entity for entity in read_list(model, items) if not getattr(entity, "is_deleted", False)]
    return [_record(kind, entity, read(entity, path) | _company(entity, companies)) for entity in entities]


def company_ids(kind: RecordKind, items: list[dict[str, Any]]) -> list[int]:
    """Return the ids of the companies of leads or contacts, each once."""
    if kind not in (RecordKind.LEAD, RecordKind.CONTACT):
        return []
    entities = read_list(_READERS[kind][0], items)
    return list(dict.fromkeys(held for entity in entities for held in getattr(entity, "company_ids", [])))


def _company(entity: Entity, companies: Mapping[int, str]) -> dict[str, str]:
    """Return the name of the company of a lead or contact as a custom field."""
    if not isinstance(entity, (Lead, Contact)):
        return {}
    names = [companies[held] for held in entity.company_ids if held in companies]
    return {f"{FIELD_PREFIX}{COMPANY}": ", ".join(names)}


def _record(kind: RecordKind, entity: Entity, values: dict[str, Any]) -> CrmRecord:
    created, updated = (_instant(at) for at in (entity.created_at, entity.updated_at or entity.created_at))
    return CrmRecord(kind, str(entity.id), created, updated, values)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), 32_503_680_000), UTC)  # until the year 3000


def _read_lead(entity: Any, path: str) -> dict[str, Any]:
    row: Lead = entity
    contacts = row.contact_ids
    values: dict[str, Any] = {
        "title": row.name,
        "budget": str(row.price),
        "stage": stage_id(row.pipeline_id, row.status_id),
        "contact": str(contacts[0]) if contacts else "",
        "contacts": sorted(map(str, contacts[1:])),
    }
    return values | _shared_values(row)


def _read_contact(entity: Any, path: str) -> dict[str, Any]:
    row: Contact = entity
    name = row.name.strip() or f"{row.first_name} {row.last_name}".strip()
    values: dict[str, Any] = {"name": name}
    values["phones"] = coded_values(row.custom_fields_values, "PHONE")
    values["emails"] = coded_values(row.custom_fields_values, "EMAIL")
    return values | _shared_values(row)


def _shared_values(row: CrmEntity) -> dict[str, Any]:
    responsible = str(row.responsible_user_id) if row.responsible_user_id else ""
    return {"responsible": responsible, "tags": sorted(row.tags)} | _field_values(row)


def _field_values(row: CrmEntity) -> dict[str, str]:
    return {
        f"{FIELD_PREFIX}{value.field_id}": format_value(to_python(value))
        for value in read_values(row.custom_fields_values).values()
        if value.field_code not in MULTITEXT_CODES
    }


def format_value(value: Any) -> str:
    """Return the value of a custom field as a text, as fields of the platform store it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(str(item) for item in value if not isinstance(item, (dict, list)))
    return str(value)


def _read_task(entity: Any, path: str) -> dict[str, Any]:
    row: Task = entity
    values: dict[str, Any] = {"text": row.text, "is_done": row.is_completed}
    values["due_at"] = _instant(row.complete_till).isoformat() if row.complete_till else ""
    values["responsible"] = str(row.responsible_user_id) if row.responsible_user_id else ""
    return values | _subject(row.entity_type, row.entity_id)


def _read_note(entity: Any, path: str) -> dict[str, Any]:
    row: Note = entity
    return {"text": row.text} | _subject(path.partition("/")[0], row.entity_id)


def _subject(entity_type: str, entity_id: int) -> dict[str, str]:
    return {_SUBJECTS[entity_type]: str(entity_id)} if entity_type in _SUBJECTS and entity_id else {}


_READERS: Mapping[RecordKind, tuple[type[Entity], Callable[[Any, str], dict[str, Any]]]] = {
    RecordKind.CONTACT: (Contact, _read_contact),
    RecordKind.LEAD: (Lead, _read_lead),
    RecordKind.TASK: (Task, _read_task),
    RecordKind.NOTE: (Note, _read_note),
}

"""Record values: converts rows to the values of a CRM's records, and these to what the services of rows accept."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from platform_app import email_addresses
from platform_app.errors import Invalid
from platform_app.integrations.base import FIELD_PREFIX, CrmRecord, contacts_of
from platform_app.models.crm import UNNAMED, Contact, Lead, Note, Task
from platform_app.models.integration import RecordKind
from platform_app.services.crm import crm_values, phone_numbers
from platform_app.services.integrations.record_mapping import RecordMapping

Row = Contact | Lead | Task | Note
ORDER = (RecordKind.CONTACT, RecordKind.LEAD, RecordKind.TASK, RecordKind.NOTE)
MODELS: dict[RecordKind, type[Row]] = {
    RecordKind.CONTACT: Contact,
    RecordKind.LEAD: Lead,
    RecordKind.TASK: Task,
    RecordKind.NOTE: Note,
}


def own_values(mapping: RecordMapping, row: Row) -> dict[str, Any]:
    """Return the values of a row in the CRM's terms; what the CRM has no counterpart for is left out."""
    if isinstance(row, Lead):
        return _lead_values(mapping, row) | _field_values(mapping, RecordKind.LEAD, row.fields)
    if isinstance(row, Contact):
        shown = {"name": row.name, "phones": list(row.phones), "emails": list(row.emails), "tags": sorted(row.tags)}
        return shown | _field_values(mapping, RecordKind.CONTACT, row.fields)
    if isinstance(row, Note):
        return {"text": row.text}
    due = row.due_at.astimezone(UTC).replace(microsecond=0).isoformat() if row.due_at else ""
    values: dict[str, Any] = {"text": row.text, "due_at": due, "is_done": row.done_at is not None}
    return values | _reference(mapping, RecordKind.USER, "responsible", row.responsible_id)


def _lead_values(mapping: RecordMapping, row: Lead) -> dict[str, Any]:
    values: dict[str, Any] = {"title": row.title, "budget": format_budget(row.budget, mapping.places)}
    values |= {"tags": sorted(row.tags)} | _reference(mapping, RecordKind.CONTACT, "contact", row.contact_id)
    others = (mapping.there(RecordKind.CONTACT, row_id) for row_id in mapping.others(row.id))
    values["contacts"] = sorted(filter(None, others))
    values |= _reference(mapping, RecordKind.USER, "responsible", row.responsible_id)
    stage = mapping.there(RecordKind.STAGE, row.stage_id)
    return values | ({"stage": stage} if stage else {})


def _reference(mapping: RecordMapping, kind: RecordKind, name: str, row_id: str | None) -> dict[str, str]:
    external_id = mapping.there(kind, row_id)
    return {name: external_id or ""} if external_id or not row_id else {}


def _field_values(mapping: RecordMapping, kind: RecordKind, held: Mapping[str, Any]) -> dict[str, Any]:
    pairs = mapping.fields(kind)
    return {f"{FIELD_PREFIX}{link.external_id}": str(held.get(row.key) or "") for link, row in pairs}


def format_budget(budget: Decimal, places: int) -> str:
    """Return a budget as the CRM stores it, with so many decimals."""
    return f"{budget:.{places}f}"


def subject_values(mapping: RecordMapping, row: Task | Note) -> dict[str, Any]:
    """Return the lead or contact of a task or note in the CRM's terms; {} if the CRM has neither."""
    if lead := mapping.there(RecordKind.LEAD, row.lead_id):
        return {"lead": lead}
    contact = mapping.there(RecordKind.CONTACT, row.contact_id) if not row.lead_id else None
    return {"contact": contact} if contact else {}


def accepted_values(mapping: RecordMapping, kind: RecordKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a record as the services of rows take them; what refers to nothing here is left out."""
    read = {name: value for name, value in values.items() if not name.startswith(FIELD_PREFIX)}
    kept = {name: value for name, value in read.items() if name in _PLAIN[kind]}
    if kind == RecordKind.CONTACT:
        kept |= _contact_values(mapping, read)
    if "title" in kept:
        kept["title"] = _line(kept["title"]) or "—"
    if "tags" in kept:
        kept["tags"] = [tag for tag in map(_line, kept["tags"]) if len(tag) <= 60][: crm_values.MAX_TAGS]
    if kind in (RecordKind.LEAD, RecordKind.TASK) and "responsible" in read:
        member = mapping.here(RecordKind.USER, read["responsible"])
        kept |= {"responsible_id": member} if member or not read["responsible"] else {}
    if kind == RecordKind.LEAD and "contact" in read:
        main = mapping.present([mapping.here(RecordKind.CONTACT, read["contact"])])
        kept |= {"contact_id": next(iter(main), None)} if main or not read["contact"] else {}
    if kind == RecordKind.LEAD and "contacts" in read:
        kept["other_contact_ids"] = other_contacts(mapping, read)
    if kind == RecordKind.TASK and "due_at" in read:
        kept["due_at"] = datetime.fromisoformat(read["due_at"]) if read["due_at"] else None
    for link, row in mapping.fields(kind):
        if (name := f"{FIELD_PREFIX}{link.external_id}") in values:
            kept[f"field.{row.key}"] = str(values[name] or "").replace("\x00", "")[:500]
    return kept


_PLAIN: Mapping[RecordKind, tuple[str, ...]] = {
    RecordKind.CONTACT: ("tags",),
    RecordKind.LEAD: ("title", "budget", "tags"),
    RecordKind.TASK: ("text",),
    RecordKind.NOTE: ("text",),
}


def _line(text: Any) -> str:
    return " ".join(str(text).replace("\x00", "").split())[:200]


def _contact_values(mapping: RecordMapping, read: Mapping[str, Any]) -> dict[str, Any]:
    """Return name, numbers and addresses of a contact, without those that are none."""
    values: dict[str, Any] = {}
    if "phones" in read:
        values["phones"] = accepted_phones(mapping, read["phones"])
    if "emails" in read:
        values["emails"] = list(filter(None, map(_email, read["emails"])))[: crm_values.MAX_ADDRESSES]
    if "name" in read:
        others = [*values.get("emails", []), *values.get("phones", [])]
        values["name"] = _line(read["name"]) or next(iter(others), UNNAMED)
    return values


def accepted_phones(mapping: RecordMapping, phones: Iterable[str]) -> list[str]:
    """Return phone numbers in their normal form, without those that are none."""
    return list(filter(None, (_phone(phone, mapping.region) for phone in phones)))[: crm_values.MAX_ADDRESSES]


@lru_cache(maxsize=10_000)  # a number is read several times while its record is written
def _phone(text: str, region: str) -> str:
    try:
        return phone_numbers.normalize(text, region)
    except Invalid:
        return ""


def _email(text: str) -> str:
    try:
        return email_addresses.validate_email(text.strip())
    except Invalid:
        return ""


def other_contacts(mapping: RecordMapping, values: Mapping[str, Any]) -> list[str]:
    """Return the ids here of the further contacts that the values of a lead name."""
    return mapping.present(mapping.here(RecordKind.CONTACT, external_id) for external_id in values["contacts"])


def kept_contacts(mapping: RecordMapping, row: Lead, values: Mapping[str, Any], record: CrmRecord) -> list[str]:
    """Return the further contacts with which a lead is written, with those there that the platform does not know."""
    mapping.load(RecordKind.CONTACT, contacts_of(record.values))
    main = values.get("contact", record.values.get("contact"))
    held = {row.contact_id, *mapping.others(row.id)}
    known = {contact: mapping.here(RecordKind.CONTACT, contact) for contact in contacts_of(record.values)}
    kept = {contact for contact, row_id in known.items() if row_id is None or row_id in held}
    return sorted((kept | set(values.get("contacts", own_values(mapping, row)["contacts"]))) - {main})


def known_contacts(mapping: RecordMapping, values: Mapping[str, Any]) -> list[str]:
    """Return those further contacts of a lead's values that the platform knows, as `own_values` has them."""
    mapping.load(RecordKind.CONTACT, values["contacts"])
    rows = {mapping.here(RecordKind.CONTACT, contact) for contact in values["contacts"]}
    shown = {mapping.there(RecordKind.CONTACT, row_id) for row_id in rows}
    return sorted(filter(None, shown - {values.get("contact")}))


def spelled_phones(mapping: RecordMapping, own: list[str], external: list[str]) -> list[str]:
    """Return a row's phone numbers as the CRM spells them, and what it has that is no number."""
    region = mapping.region
    spelled = {phone_numbers.lookup_key(_phone(text, region)): text for text in external if _phone(text, region)}
    kept = [text for text in external if not _phone(text, region)]
    return [spelled.get(phone_numbers.lookup_key(phone), phone) for phone in own] + kept

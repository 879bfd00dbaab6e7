"""Record values: converts rows to the values of a CRM's records, and these to what the services of rows accept."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlmodel import col

from platform_app import custom_fields, email_addresses
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid
from platform_app.integrations.base import FIELD_PREFIX, CrmRecord, contacts_of
from platform_app.models.crm import UNNAMED, Contact, CustomField, Lead, Note, Task
from platform_app.models.integration import CrmConnection, CrmLink, RecordKind
from platform_app.services.crm import contact_links, crm_values, phone_numbers
from platform_app.services.integrations import connections, definitions

Row = Contact | Lead | Task | Note
ORDER = (RecordKind.CONTACT, RecordKind.LEAD, RecordKind.TASK, RecordKind.NOTE)
MODELS: dict[RecordKind, type[Row]] = {
    RecordKind.CONTACT: Contact,
    RecordKind.LEAD: Lead,
    RecordKind.TASK: Task,
    RecordKind.NOTE: Note,
}
FIELD_KINDS = {RecordKind.CONTACT: RecordKind.CONTACT_FIELD, RecordKind.LEAD: RecordKind.LEAD_FIELD}


class RecordMapping:
    """What the ids in a CRM's records are here, and the other way round; read once for many records."""

    def __init__(self, session: Transaction, connection: CrmConnection) -> None:
        self._session, self._connection = session, connection
        self.region = phone_numbers.tenant_region(session, connection.tenant_id)
        self.places = connections.type_of(connection.kind).budget_places
        links = definitions.list_links(session, connection)
        chosen = {link.external_id for link in links if link.kind == RecordKind.PIPELINE and link.is_chosen}
        self.pipelines = sorted(str(external_id) for external_id in chosen)
        stages = [link for link in links if link.kind == RecordKind.STAGE and link.definition.get("parent") in chosen]
        users = [link for link in links if link.kind == RecordKind.USER]
        self._here = {RecordKind.STAGE: _by_external(stages), RecordKind.USER: _by_external(users)}
        self._there = {kind: {row: there for there, row in pairs.items()} for kind, pairs in self._here.items()}
        fields = {row.id: row for row in custom_fields.list_custom_fields(session, connection.tenant_id)}
        self._deleted = set[str]()  # contacts here that are in the bin
        self._others: dict[str, list[str]] = {}  # further contacts by the lead's id here
        self._fields: dict[RecordKind, list[tuple[CrmLink, CustomField]]] = {
            kind: [(link, fields[link.row_id]) for link in links if link.kind == field_kind and link.row_id in fields]
            for kind, field_kind in FIELD_KINDS.items()
        }

    def load(self, kind: RecordKind, external_ids: Iterable[str] = (), row_ids: Iterable[str | None] = ()) -> None:
        """Read the links of some contacts or leads, by either id."""
        here, there = self._here.setdefault(kind, {}), self._there.setdefault(kind, {})
        query = owned(CrmLink, self._connection.tenant_id).where(
            CrmLink.connection_id == self._connection.id, CrmLink.kind == kind
        )
        lacking = sorted(set(filter(None, external_ids)) - here.keys())
        rows = sorted({row_id for row_id in row_ids if row_id} - there.keys())
        for column, ids in ((CrmLink.external_id, lacking), (CrmLink.row_id, rows)):
            if ids:
                for link in self._session.exec(query.where(col(column).in_(ids))).all():
                    self.add(link)
        if kind == RecordKind.CONTACT and lacking:
            self._check_contacts(lacking)

    def load_contacts(self, lead_ids: Iterable[str]) -> None:
        """Read the further contacts of some leads, and their links."""
        self._others |= contact_links.other_contact_ids(self._session, self._connection.tenant_id, lead_ids)
        self.load(RecordKind.CONTACT, row_ids=[row_id for lead_id in lead_ids for row_id in self._others[lead_id]])

    def set_others(self, lead_id: str, contact_ids: list[str]) -> None:
        """Note the further contacts of a lead that has just been stored."""
        self._others[lead_id] = contact_ids

    def others(self, lead_id: str) -> list[str]:
        """Return the ids here of the further contacts of a lead."""
        if lead_id not in self._others:
            self.load_contacts([lead_id])
        return self._others[lead_id]

    def _check_contacts(self, external_ids: list[str]) -> None:
        """Let records of contacts that were merged here lead to those they were merged into, others that are gone none.

        Contacts in the bin are noted.
        """
        here = self._here.get(RecordKind.CONTACT, {})
        ids = {here[external_id] for external_id in external_ids if external_id in here}
        held = owned(Contact, self._connection.tenant_id).where(col(Contact.id).in_(ids))
        columns = (Contact.id, Contact.merged_into, Contact.deleted_at)
        rows = {row_id: (into, gone) for row_id, into, gone in self._session.execute(held.with_only_columns(*columns))}
        self._deleted |= {row_id for row_id, (into, deleted_at) in rows.items() if deleted_at and not into}
        for external_id in external_ids:
            row_id = here.get(external_id)
            if row_id is not None and row_id not in rows:
                del here[external_id]
            elif row_id is not None:
                here[external_id] = rows[row_id][0] or row_id

    def present(self, contact_ids: Iterable[str | None]) -> list[str]:
        """Return those of some contacts, each once, that are not in the bin."""
        return [row_id for row_id in dict.fromkeys(contact_ids) if row_id and row_id not in self._deleted]

    def add(self, link: CrmLink) -> None:
        """Add the link of a contact or lead."""
        if link.external_id and link.row_id:
            self._here.setdefault(link.kind, {})[link.external_id] = link.row_id
            self._there.setdefault(link.kind, {})[link.row_id] = link.external_id

    def here(self, kind: RecordKind, external_id: Any) -> str | None:
        """Return the id here of what has an id in the CRM, or None."""
        return self._here.get(kind, {}).get(str(external_id)) if external_id else None

    def there(self, kind: RecordKind, row_id: str | None) -> str | None:
        """Return the id in the CRM of what has an id here, or None."""
        return self._there.get(kind, {}).get(row_id) if row_id else None

    def read_only(self, kind: RecordKind) -> set[str]:
        """Return the names of values that the CRM does not let others change."""
        links = [link for link, _ in self.fields(kind) if link.definition.get("read_only")]
        return {f"{FIELD_PREFIX}{link.external_id}" for link in links}

    def fields(self, kind: RecordKind) -> list[tuple[CrmLink, CustomField]]:
        """Return the custom fields of contacts or leads that are exchanged, with their links."""
        return self._fields.get(kind, [])


def _by_external(links: list[CrmLink]) -> dict[str, str]:
    return {link.external_id: link.row_id for link in links if link.external_id and link.row_id}


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

"""Record mapping: what the ids in a CRM's records are here, and the other way round."""

from collections.abc import Iterable
from typing import Any

from sqlmodel import col

from platform_app import custom_fields
from platform_app.db import Transaction, owned
from platform_app.integrations.base import FIELD_PREFIX
from platform_app.models.crm import Contact, CustomField
from platform_app.models.integration import CrmConnection, CrmLink, RecordKind
from platform_app.services.crm import contact_links, phone_numbers
from platform_app.services.integrations import connections, definitions

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

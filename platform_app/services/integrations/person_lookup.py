"""Person lookup: finds the contacts here who are the same persons as contacts of a CRM, by number or address."""

from collections.abc import Sequence

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.integrations.base import CrmRecord
from platform_app.models.crm import Contact
from platform_app.models.integration import CrmConnection, CrmLink, RecordKind
from platform_app.services.crm import contacts
from platform_app.services.crm.person_matching import MatchBy, PersonData, best_match
from platform_app.services.integrations import connections, record_values
from platform_app.services.integrations.record_mapping import RecordMapping


class PersonLookup:
    """The contacts that some records may be: they share a number or address and are linked to no record yet."""

    def __init__(
        self, session: Transaction, connection: CrmConnection, mapping: RecordMapping, records: Sequence[CrmRecord]
    ) -> None:
        self._people: dict[str, PersonData] = {}
        self._candidates: dict[str, list[str]] = {}  # ids of contacts by lookup key
        self._taken = set[str]()
        self._known: dict[str, Contact] = {}
        for record in records:
            if record.kind == RecordKind.CONTACT:
                self._people[record.external_id] = _person(mapping, record)
        if not self._people:
            return
        keys = sorted({key for person in self._people.values() for key in _keys(person)})
        held = contacts.contacts_by_address(session, connections.acting_identity(connection), keys)
        self._known = {row.id: row for rows in held.values() for row in rows}
        self._taken |= _linked(session, connection, self._known)
        self._candidates = {key: [row.id for row in rows] for key, rows in held.items()}

    def take(self, record: CrmRecord) -> str | None:
        """Return the id of the contact who is the person of a record, for this record alone, or None."""
        person = self._people[record.external_id]
        ids = dict.fromkeys(row_id for key in _keys(person) for row_id in self._candidates.get(key, ()))
        free = [(row_id, _data(self._known[row_id])) for row_id in ids if row_id not in self._taken]
        same = best_match(person, free, MatchBy.NAME)
        if same is not None:
            self._taken.add(same)
        return same


def _person(mapping: RecordMapping, record: CrmRecord) -> PersonData:
    values = record_values.accepted_values(mapping, record.kind, record.values)
    return PersonData(values.get("name", ""), values.get("emails", []), values.get("phones", []))


def _data(row: Contact) -> PersonData:
    return PersonData(row.name, row.emails, row.phones)


def _keys(person: PersonData) -> list[str]:
    return contacts.lookup_keys(person.emails, person.phones)


def _linked(session: Transaction, connection: CrmConnection, known: dict[str, Contact]) -> set[str]:
    """Return which contacts are linked to a record of the connection."""
    query = owned(CrmLink, connection.tenant_id).where(
        CrmLink.connection_id == connection.id, CrmLink.kind == RecordKind.CONTACT, col(CrmLink.row_id).in_(known)
    )
    return set(session.exec(query.with_only_columns(CrmLink.row_id)).all())

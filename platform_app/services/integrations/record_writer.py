"""Record writer: writes records of a CRM to rows, so that each change is the same event as if it were made by hand.

A record that is older than the connection is no news: its row is created without an event. What is the same on both
sides changes nothing, which is how an echo of what was written there is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlmodel import col

from platform_app import events
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, PlatformError
from platform_app.integrations.base import FIELD_PREFIX, CrmRecord, contacts_of
from platform_app.models.crm import Contact, Lead, Task
from platform_app.models.integration import CrmConnection, CrmLink, LinkState, RecordKind
from platform_app.services.crm import contact_links, contacts, crm_changes, leads, notes, tasks
from platform_app.services.integrations import connections, person_lookup, record_values, write_results
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_merge import Merged, Sides, merge
from platform_app.services.integrations.record_values import ORDER, Row
from platform_app.services.integrations.row_builder import RowBuilder

log = structlog.get_logger()


@dataclass
class Applied:
    """How many rows were created and changed, and how many records could not be taken over."""

    created: int = 0
    changed: int = 0
    refused: int = 0


class RecordWriter:
    """Writes records of a connection to rows in one transaction."""

    def __init__(self, session: Transaction, connection: CrmConnection) -> None:
        session.enable_cache()
        self.session, self.connection = session, connection
        self.who = connections.acting_identity(connection)
        self.mapping = RecordMapping(session, connection)
        self.builder = RowBuilder(session, self.who, self.mapping)
        self.applied = Applied()

    def apply(self, records: Sequence[CrmRecord]) -> Applied:
        """Write records, each by itself, contacts before leads before tasks and notes; return what was done."""
        with crm_changes.incoming(self.session):
            for kind in ORDER:
                of_kind = {record.external_id: record for record in records if record.kind == kind}
                self._apply_kind(kind, list(of_kind.values()))
        return self.applied

    def _apply_kind(self, kind: RecordKind, records: list[CrmRecord]) -> None:
        if not records:
            return
        self._load_references(kind, records)
        links, rows = self._lock(kind, [record.external_id for record in records])
        old = [record for record in records if record.external_id not in links and self._is_old(record)]
        self._add_existing(kind, old)
        for record in records:
            link = links.get(record.external_id)
            if link is not None:
                self._run(record, self._update, link, rows.get(link.row_id or ""))
            elif not self._is_old(record):
                self._run(record, self._create)

    def _is_old(self, record: CrmRecord) -> bool:
        return record.created_at < self.connection.connected_at.replace(microsecond=0)

    def _run(self, record: CrmRecord, work: Any, *given: Any) -> None:
        """Do the work for a record; one that is not accepted is counted and leaves everything as it was."""
        events.start_action(self.session)
        try:
            with self.session.savepoint():
                work(record, *given)
        except PlatformError as error:
            if error.status >= 500:
                raise
            self._refuse(record, error)

    def _refuse(self, record: CrmRecord, error: PlatformError) -> None:
        self.applied.refused += 1
        log.warning("a record of a CRM was not taken over", external_id=record.external_id, reason=error.sentence)

    def _load_references(self, kind: RecordKind, records: list[CrmRecord]) -> None:
        """Read the links of the contacts and leads that records refer to."""
        if kind != RecordKind.CONTACT:
            self.mapping.load(RecordKind.CONTACT, [held for record in records for held in contacts_of(record.values)])
        if kind != RecordKind.LEAD:
            self.mapping.load(RecordKind.LEAD, [str(record.values.get("lead") or "") for record in records])

    def _lock(self, kind: RecordKind, external_ids: Iterable[str]) -> tuple[dict[str, CrmLink], dict[str, Row]]:
        """Return the links of records by external id and their rows by id, locked as a change by hand locks them."""
        query = owned(CrmLink, self.connection.tenant_id).where(CrmLink.connection_id == self.connection.id)
        query = query.where(CrmLink.kind == kind, col(CrmLink.external_id).in_(external_ids)).order_by(CrmLink.id)
        row_ids = [row_id for row_id in self.session.exec(query.with_only_columns(CrmLink.row_id)).all() if row_id]
        rows = write_results.lock_rows(self.session, self.connection.tenant_id, kind, row_ids)
        if kind == RecordKind.LEAD:
            self.mapping.load_contacts(rows)
        links = self.session.exec(query.with_for_update()).all()
        return {str(link.external_id): link for link in links}, rows

    def _add_existing(self, kind: RecordKind, records: list[CrmRecord]) -> None:
        """Create the rows of records that are no news, all at once."""
        people = person_lookup.PersonLookup(self.session, self.connection, self.mapping, records)
        made: list[tuple[CrmRecord, Row]] = []
        for record in records:
            if kind == RecordKind.CONTACT and (same := people.take(record)) is not None:
                self._run(record, self._link_contact, same)
            elif (row := self._build(record)) is not None:
                made.append((record, row))
        if kind == RecordKind.CONTACT:
            contacts.add_existing(self.session, [row for _, row in made if isinstance(row, Contact)])
        else:
            self.session.add_all(row for _, row in made)
            self._link_others(made)
        self.session.add_all(self._new_link(record, row) for record, row in made)
        self.session.flush()
        self.applied.created += len(made)

    def _link_others(self, made: list[tuple[CrmRecord, Row]]) -> None:
        """Store the further contacts of leads that are no news."""
        for record, row in made:
            if isinstance(row, Lead):
                others = record_values.other_contacts(self.mapping, record.values)
                self.mapping.set_others(row.id, contact_links.without_main(others, row.contact_id))
                contact_links.add(self.session, row, others)

    def _build(self, record: CrmRecord) -> Row | None:
        """Return the row of a record that is no news, None if it has no place or cannot be taken over."""
        try:
            return self.builder.build(record)
        except Invalid as error:
            self._refuse(record, error)
            return None

    def _create(self, record: CrmRecord) -> None:
        """Create the row of a new record as if it were made by hand."""
        if record.kind == RecordKind.CONTACT:
            people = person_lookup.PersonLookup(self.session, self.connection, self.mapping, [record])
            if (same := people.take(record)) is not None:
                return self._link_contact(record, same)
        row = self.builder.create(record)
        if row is not None:
            self.session.add(self._new_link(record, row))
            self.session.flush()
            self.applied.created += 1
        return None

    def _link_contact(self, record: CrmRecord, contact_id: str) -> None:
        """Link a record to the contact that is the same person, and complete both."""
        row = contacts.get(self.session, self.who, contact_id, lock=True)
        link = self._new_link(record, row)
        link.own_values, link.external_values = {}, {}
        self.session.add(link)
        self._update(record, link, row)

    def _new_link(self, record: CrmRecord, row: Row) -> CrmLink:
        self._complete(record)
        link = CrmLink(
            tenant_id=self.connection.tenant_id,
            connection_id=self.connection.id,
            kind=record.kind,
            external_id=record.external_id,
            row_id=row.id,
            external_updated_at=record.updated_at,
            external_values=record.values,
        )
        self.mapping.add(link)
        link.own_values = record_values.own_values(self.mapping, row)
        return link

    def _update(self, record: CrmRecord, link: CrmLink, row: Row | None) -> None:
        if row is not None:
            self._restore(link, row)
        if self.reconcile(record, link, row).take:
            self.applied.changed += 1

    def reconcile(self, record: CrmRecord, link: CrmLink, row: Row | None) -> Merged:
        """Bring the changes of a record to its row; return them with those of the row that are to be sent.

        A record that is older than what is known of it is ignored, and so is a row that was deleted.
        """
        is_stale = link.external_updated_at is not None and record.updated_at < link.external_updated_at
        self._complete(record)
        if is_stale or row is None or getattr(row, "deleted_at", None) is not None:
            return Merged()
        if isinstance(row, Lead):
            self.mapping.load(RecordKind.CONTACT, contacts_of(record.values), [row.contact_id])
        sides = Sides(
            record_values.own_values(self.mapping, row),
            record.values,
            link.own_values,
            link.external_values,
            getattr(row, "updated_at", row.created_at),
            record.updated_at,
        )
        merged = merge(sides, self.connection.conflict_rules, self.mapping.read_only(record.kind))
        self._take(record, row, merged)
        own = record_values.own_values(self.mapping, row)
        link.own_values = {n: v for n, v in own.items() if n not in merged.send} | {
            name: link.own_values[name] for name in merged.send if name in link.own_values
        }
        link.external_values = record.values
        link.external_updated_at = record.updated_at
        if merged.send and link.state == LinkState.SAME:
            link.state = LinkState.WAITING
        return merged

    def _complete(self, record: CrmRecord) -> None:
        """Give a record an empty value for each custom field that it lacks."""
        for link, _ in self.mapping.fields(record.kind):
            record.values.setdefault(f"{FIELD_PREFIX}{link.external_id}", "")

    def _take(self, record: CrmRecord, row: Row, merged: Merged) -> None:
        """Change a row by the services that people use; a value that is not accepted is left out."""
        values = record_values.accepted_values(self.mapping, record.kind, merged.take)
        if isinstance(row, Lead):
            others = self.mapping.others(row.id)
            if leads.OTHERS in values:  # contacts that the CRM does not have yet stay
                values[leads.OTHERS] += [held for held in others if not self.mapping.there(RecordKind.CONTACT, held)]
            elif "contact_id" in values:
                values[leads.OTHERS] = self.mapping.present(others)
            self._change(lambda kept: leads.update_row(self.session, self.who, row, kept), values)
            if leads.OTHERS in values:
                self.mapping.load_contacts([row.id])
            stage_id = self.mapping.here(RecordKind.STAGE, merged.take.get("stage"))
            if stage_id:
                leads.move_to_stage(self.session, self.who, row.id, stage_id)
        elif isinstance(row, Contact):
            self._change(lambda kept: contacts.update_row(self.session, self.who, row, kept), values)
        elif isinstance(row, Task):
            self._change(lambda kept: tasks.save(self.session, self.who, row.id, kept), values)
            if "is_done" in merged.take:
                tasks.set_done(self.session, self.who, row.id, done=bool(merged.take["is_done"]))
        elif values:
            notes.change_text(self.session, row, values["text"])

    def _change(self, work: Any, values: dict[str, Any]) -> None:
        for _ in range(len(values) + 1):
            if not values:
                return
            try:
                with self.session.savepoint():
                    work(values)
                return
            except Invalid as error:
                if error.field not in values:
                    raise
                values = {name: value for name, value in values.items() if name != error.field}

    def remove(self, kind: RecordKind, external_ids: Iterable[str]) -> None:
        """Put the rows of records that were deleted in the CRM into the bin; they come back with their record."""
        links, rows = self._lock(kind, list(external_ids))
        with crm_changes.incoming(self.session):
            for link in links.values():
                row = rows.get(link.row_id or "")
                if row is not None and getattr(row, "deleted_at", None) is None:
                    _SERVICES[kind].delete(self.session, self.who, row.id)
                    link.external_values = link.external_values | {_DELETED: True}
                if kind == RecordKind.NOTE:
                    self.session.delete(link)

    def _restore(self, link: CrmLink, row: Row) -> None:
        """Bring back a row whose record was deleted in the CRM and is there again."""
        if link.external_values.get(_DELETED) and getattr(row, "deleted_at", None) is not None:
            _SERVICES[link.kind].restore(self.session, self.who, row.id)


_DELETED = "deleted"  # among the external values: the record was deleted
_SERVICES: dict[RecordKind, Any] = {
    RecordKind.CONTACT: contacts,
    RecordKind.LEAD: leads,
    RecordKind.TASK: tasks,
    RecordKind.NOTE: notes,
}

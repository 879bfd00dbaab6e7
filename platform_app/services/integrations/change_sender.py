"""Change sender: sends what changed here to the CRM, each change at most once by itself.

A record is read before it is written, so that a newer change there is not overwritten.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.integrations.base import WRITE_LIMIT, Crm, CrmRecord, CrmWrite
from platform_app.jobs import RunningJob
from platform_app.models.crm import Lead
from platform_app.models.integration import CrmConnection, CrmLink, LinkState, RecordKind
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import record_values, write_results
from platform_app.services.integrations.record_creation import Creations
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_values import ORDER, Row
from platform_app.services.integrations.record_writer import RecordWriter

GONE = "Deleted in the CRM."


@dataclass
class _Batch:
    """Links of one kind that are sent together: creations, else changes."""

    kind: RecordKind
    creations: Creations
    ids: list[str] = field(default_factory=list)  # of links, with their rows and their ids there
    row_ids: list[str] = field(default_factory=list)
    external_ids: list[str] = field(default_factory=list)


def send_next(job: RunningJob, crm: Crm, connection_id: str) -> bool:
    """Send the next changes of a connection; return whether there were any.

    Raises CrmError if the CRM cannot be asked, Postponed while it is not known whether something was created there.
    """
    for kind in ORDER:
        batch = _begin(job, connection_id, kind)
        if batch.creations.doubtful:
            batch.creations.look_for(job, crm)
        elif batch.creations.values:
            batch.creations.send(job, crm)
        elif batch.ids:
            _send_changes(job, crm, connection_id, batch)
        elif not batch.creations.wants_contacts:
            continue
        return True
    return False


def _begin(job: RunningJob, connection_id: str, kind: RecordKind) -> _Batch:
    """Mark the next links of a kind as being sent, creations before changes."""
    with job.transaction() as session:
        connection = session.get(CrmConnection, connection_id)
        assert connection is not None
        batch, mapping = _Batch(kind, Creations(connection_id, kind)), RecordMapping(session, connection)
        links = _waiting(session, connection, kind)
        interrupted = [link for link in links if link.external_id is None and link.state == LinkState.SENDING]
        rows = write_results.rows_of(session, links)
        for link in interrupted or links:
            row = rows.get(link.row_id or "")
            if row is None or getattr(row, "deleted_at", None) is not None:
                _drop(session, link)
            elif batch.creations.waits_for_contact(session, mapping, link, row):
                continue
            elif link.external_id is None:
                batch.creations.begin(session, mapping, link, row)
            elif not batch.creations.values:
                batch.ids.append(link.id)
                batch.row_ids.append(row.id)
                batch.external_ids.append(link.external_id)
                link.state = LinkState.SENDING
        return batch


def _waiting(session: Transaction, connection: CrmConnection, kind: RecordKind) -> list[CrmLink]:
    """Return links that wait or whose sending was interrupted, those without a record there first."""
    query = owned(CrmLink, connection.tenant_id).where(
        CrmLink.connection_id == connection.id,
        CrmLink.kind == kind,
        col(CrmLink.state).in_((LinkState.WAITING, LinkState.SENDING)),
    )
    order = query.order_by(col(CrmLink.external_id).is_not(None), CrmLink.id).limit(WRITE_LIMIT)
    return list(session.exec(order.with_for_update()).all())


def _drop(session: Transaction, link: CrmLink) -> None:
    """End the sending of a row that is deleted here: the record there stays."""
    if link.external_id is None:
        session.delete(link)
    else:
        link.state = LinkState.SAME


def _send_changes(job: RunningJob, crm: Crm, connection_id: str, batch: _Batch) -> None:
    """Read records, take over what changed there, and write what changed here alone or wins."""
    records = {record.external_id: record for record in crm.read(batch.kind, batch.external_ids)}
    with job.transaction() as session:
        connection = session.get(CrmConnection, connection_id)
        assert connection is not None
        writer = RecordWriter(session, connection)
        rows = write_results.lock_rows(session, job.tenant_id, batch.kind, batch.row_ids)
        links = write_results.locked_links(session, job.tenant_id, batch.ids)
        with crm_changes.incoming(session):
            writes = [
                CrmWrite(link.id, str(link.external_id), values, records[str(link.external_id)].values)
                for link in links.values()
                if (values := _changes(writer, link, rows.get(link.row_id or ""), records))
            ]
    if writes:
        write_results.record(job, connection_id, writes, crm.write(batch.kind, writes))


def _changes(writer: RecordWriter, link: CrmLink, row: Row | None, records: dict[str, CrmRecord]) -> dict[str, Any]:
    """Return what is to be written to a record, {} if both are the same by now."""
    record = records.get(str(link.external_id))
    if record is None:
        link.state, link.error = LinkState.FAILED, GONE
        return {}
    merged = writer.reconcile(record, link, row)
    values = dict(merged.send)
    if "phones" in values:
        values["phones"] = record_values.spelled_phones(writer.mapping, values["phones"], record.values["phones"])
    if isinstance(row, Lead) and not {"contact", "contacts"}.isdisjoint(values):
        values["contacts"] = record_values.kept_contacts(writer.mapping, row, values, record)
    link.state = LinkState.SENDING if values else LinkState.SAME
    return values

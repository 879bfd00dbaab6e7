"""Notices: records of a CRM of which it was said that they changed: stored, read, and written to rows."""

from datetime import timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.integrations.base import READ_LIMIT, Crm, CrmChange
from platform_app.jobs import RunningJob
from platform_app.models.integration import CrmConnection, CrmNotice, RecordKind
from platform_app.services.integrations import call_log, connections
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_values import ORDER
from platform_app.services.integrations.record_writer import RecordWriter

RECHECK = timedelta(minutes=2)  # for what the CRM changed and did not post
RECHECK_UNPOSTED = timedelta(seconds=10)  # if it posts nothing


def add_notices(session: Transaction, row: CrmConnection, changes: list[CrmChange]) -> None:
    """Store which records changed, each once."""
    for change in dict.fromkeys(changes):
        if change.kind in ORDER:
            notice = CrmNotice(tenant_id=row.tenant_id, connection_id=row.id, kind=change.kind, external_id="")
            notice.external_id, notice.is_deletion = change.external_id[:64], change.is_deletion
            session.add(notice)


def read_notices(job: RunningJob, crm: Crm, connection_id: str) -> bool:
    """Read records of which it was said that they changed, and write them; return whether there were any.

    Raises CrmError if the CRM cannot be asked.
    """
    with session_scope(job.tenant_id, read_only=True) as session:
        query = owned(CrmNotice, job.tenant_id).where(CrmNotice.connection_id == connection_id)
        notices: list[CrmNotice] = list(session.exec(query.order_by(CrmNotice.id).limit(READ_LIMIT * 4)).all())
    wanted = {kind: _ids(notices, kind) for kind in ORDER}
    if not notices:
        return False
    records = [record for kind, ids in wanted.items() if ids for record in crm.read(kind, ids)]
    lacking = _lacking_contacts(job, connection_id, [str(record.values.get("contact") or "") for record in records])
    if lacking := [external_id for external_id in lacking if external_id not in wanted[RecordKind.CONTACT]]:
        records += crm.read(RecordKind.CONTACT, lacking[:READ_LIMIT])
    known = {(record.kind, record.external_id) for record in records}
    with job.transaction() as session:
        row = connections.row(session, job.tenant_id, connection_id)
        writer = RecordWriter(session, row)
        writer.apply(records)
        done = [notice for notice in notices if notice.external_id in wanted.get(notice.kind, [])]
        deleted = {(n.kind, n.external_id) for n in done if n.is_deletion} - known
        for kind in {kind for kind, _ in deleted}:
            writer.remove(kind, [external_id for of, external_id in deleted if of == kind])
        over = owned_delete(CrmNotice, job.tenant_id).where(col(CrmNotice.id).in_([notice.id for notice in done]))
        session.execute(over.execution_options(synchronize_session=False))
        call_log.store(session, row, crm)
        job.record_progress(session)
    return True


def _ids(notices: list[CrmNotice], kind: RecordKind) -> list[str]:
    ids = dict.fromkeys(notice.external_id for notice in notices if notice.kind == kind)
    return list(ids)[:READ_LIMIT]


def _lacking_contacts(job: RunningJob, connection_id: str, external_ids: list[str]) -> list[str]:
    """Return the contacts among some ids that have no row here."""
    ids = list(dict.fromkeys(filter(None, external_ids)))
    if not ids:
        return []
    with session_scope(job.tenant_id, read_only=True) as session:
        mapping = RecordMapping(session, connections.row(session, job.tenant_id, connection_id))
        mapping.load(RecordKind.CONTACT, ids)
        return [external_id for external_id in ids if mapping.here(RecordKind.CONTACT, external_id) is None]


def list_changes(job: RunningJob, crm: Crm, connection_id: str) -> bool:
    """Look for changes that were not posted, if that is due; return whether there were any.

    Raises CrmError if the CRM cannot be asked.
    """
    with session_scope(job.tenant_id, read_only=True) as session:
        row = connections.row(session, job.tenant_id, connection_id)
        due, since = row.changes_due_at, row.changes_since or row.connected_at
    if due is None or due > now():
        return False
    began = now()
    changes = crm.changes(since - connections.OVERLAP)
    with job.transaction() as session:
        row = connections.row(session, job.tenant_id, connection_id)
        add_notices(session, row, changes)
        row.changes_since = began
        row.changes_due_at = now() + (RECHECK if row.webhook else RECHECK_UNPOSTED)
        call_log.store(session, row, crm)
    return bool(changes)

"""Synchronization: reads everything that a CRM has, page by page, each stored with the place that was reached."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, PlatformError
from platform_app.integrations.base import Crm
from platform_app.jobs import RunningJob
from platform_app.models.event import ActivityKind
from platform_app.models.integration import ConnectionState, CrmConnection, CrmSync, RecordKind, SyncState
from platform_app.models.person import Identity
from platform_app.services.crm import crm_changes
from platform_app.services.feed import activity
from platform_app.services.integrations import call_log, connections, definitions
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_writer import RecordWriter

PHASES = (RecordKind.PIPELINE, RecordKind.CONTACT, RecordKind.LEAD, RecordKind.TASK, RecordKind.NOTE)


def start(session: Transaction, who: Identity, connection_id: str) -> CrmSync:
    """Begin a synchronization of everything.

    Raises NotFound if there is no such connection, Conflict if it is paused, refused or synchronized already.
    """
    row = connections.get(session, who, connection_id, lock=True)
    if row.state != ConnectionState.CONNECTED:
        raise Conflict("The CRM denies access. Enter a new token first.")
    if row.paused_at is not None:
        raise Conflict("The connection is paused. Resume it first.")
    if running(session, row) is not None:
        raise Conflict("Synchronization is already running.")
    sync = CrmSync(tenant_id=who.tenant_id, connection_id=row.id, author_name=who.name)
    session.add(sync)
    session.flush()
    crm_changes.request_exchange(session, who.tenant_id, row.id)
    connections.publish_change(session, row)
    return sync


def cancel(session: Transaction, who: Identity, connection_id: str) -> None:
    """End a synchronization where it is; what was read stays. Raises NotFound if there is no such connection."""
    row = connections.get(session, who, connection_id, lock=True)
    sync = running(session, row, lock=True)
    if sync is not None:
        sync.state, sync.finished_at = SyncState.CANCELLED, now()
        connections.publish_change(session, row)


def running(session: Transaction, row: CrmConnection, *, lock: bool = False) -> CrmSync | None:
    """Return the synchronization of a connection that is under way, or None."""
    query = owned(CrmSync, row.tenant_id).where(CrmSync.connection_id == row.id, CrmSync.state == SyncState.RUNNING)
    sync: CrmSync | None = session.exec(query.with_for_update() if lock else query).first()
    return sync


def newest(session: Transaction, row: CrmConnection) -> CrmSync | None:
    """Return the newest synchronization of a connection, or None."""
    query = owned(CrmSync, row.tenant_id).where(CrmSync.connection_id == row.id)
    sync: CrmSync | None = session.exec(query.order_by(col(CrmSync.id).desc()).limit(1)).first()
    return sync


def read_next(job: RunningJob, crm: Crm, connection_id: str) -> bool:
    """Read the next page of a running synchronization and store it; return whether there was one.

    Raises CrmError if the CRM cannot be asked.
    """
    with job.transaction() as session:
        row = session.get(CrmConnection, connection_id)
        assert row is not None
        sync = running(session, row)
        if sync is None:
            return False
        phase, cursor, sync_id = sync.phase, sync.cursor, sync.id
        pipelines = RecordMapping(session, row).pipelines if phase == RecordKind.LEAD else []
    if phase == RecordKind.PIPELINE:
        _store_definitions(job, crm, connection_id, sync_id)
        return True
    page = crm.page(phase, cursor, pipelines=pipelines)
    with job.transaction() as session:
        row, sync = _locked(session, job.tenant_id, connection_id, sync_id)
        if sync.state != SyncState.RUNNING or (sync.phase, sync.cursor) != (phase, cursor):
            return True
        applied = RecordWriter(session, row).apply(page.records)
        sync.created, sync.changed = sync.created + applied.created, sync.changed + applied.changed
        sync.refused += applied.refused
        sync.counts = sync.counts | {phase.value: sync.counts.get(phase.value, 0) + len(page.records)}
        sync.cursor = page.cursor
        if not page.cursor:
            _enter_next_phase(session, row, sync)
        call_log.store(session, row, crm)
        job.record_progress(session)
        connections.publish_change(session, row)
    return True


def _locked(session: Transaction, tenant_id: str, connection_id: str, sync_id: str) -> tuple[CrmConnection, CrmSync]:
    row: CrmConnection = session.exec(owned(CrmConnection, tenant_id).where(CrmConnection.id == connection_id)).one()
    query = owned(CrmSync, tenant_id).where(CrmSync.id == sync_id)
    return row, session.exec(query.with_for_update()).one()


def _store_definitions(job: RunningJob, crm: Crm, connection_id: str, sync_id: str) -> None:
    """Read pipelines, users and custom fields, and create here what is to be."""
    read = connections.read_definitions(crm)
    try:
        with job.transaction() as session:
            row, sync = _locked(session, job.tenant_id, connection_id, sync_id)
            who = connections.acting_identity(row)
            definitions.store(session, who, row, read)
            definitions.create_missing(session, who, row)
            _enter_next_phase(session, row, sync)
            job.record_progress(session)
    except PlatformError as error:
        if error.status >= 500:
            raise
        with job.transaction() as session:
            row, sync = _locked(session, job.tenant_id, connection_id, sync_id)
            fail(session, row, sync, error.sentence, values=error.values)


def _enter_next_phase(session: Transaction, row: CrmConnection, sync: CrmSync) -> None:
    """Go on with what comes next, or end the synchronization."""
    place = PHASES.index(sync.phase) + 1
    sync.cursor = ""
    if place < len(PHASES):
        sync.phase = PHASES[place]
        return
    sync.state, sync.finished_at = SyncState.DONE, now()
    row.synced_at = row.synced_at or now()
    row.changes_due_at = now()
    told: dict[str, Any] = {"created": sync.created, "changed": sync.changed, "refused": sync.refused}
    told |= {"crm": connections.type_of(row.kind).label, "link": f"/integrations/{row.id}"}
    sentence = "{crm} synchronized: {created} created, {changed} updated, {refused} rejected"
    activity.record(session, row.tenant_id, ActivityKind.INTEGRATION, sentence, actor=sync.author_name, **told)


def fail(
    session: Transaction, row: CrmConnection, sync: CrmSync, sentence: str, *, values: Mapping[str, object]
) -> None:
    """End a synchronization that cannot go on, with the reason, and record an activity."""
    sync.state, sync.finished_at = SyncState.FAILED, now()
    sync.error, sync.error_values = sentence[:500], connections.as_texts(values)
    told, link = "Synchronization with {crm} failed: {reason}", f"/integrations/{row.id}"
    names: dict[str, Any] = {"crm": connections.type_of(row.kind).label, "reason": sync.error}
    names["reason_values"] = sync.error_values
    activity.record(session, row.tenant_id, ActivityKind.FAILURE, told, link=link, **names)
    connections.publish_change(session, row)


def resume(session: Transaction, row: CrmConnection) -> None:
    """Let the newest synchronization go on where it failed."""
    sync = newest(session, row)
    if sync is not None and sync.state == SyncState.FAILED:
        sync.state, sync.finished_at, sync.error, sync.error_values = SyncState.RUNNING, None, "", {}
        connections.publish_change(session, row)

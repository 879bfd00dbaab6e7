"""Tenant exports: an owner asks for an archive with all data of the company, a job writes it, and it is kept a week."""

from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, NotFound, Unavailable
from platform_app.files import scratch, tenant_files
from platform_app.files.file_keys import MISSING
from platform_app.files.tenant_files import StoredFile
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import ExportTenant, RunningJob, enqueue
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.tenant_export import ExportState, TenantExport
from platform_app.services.audit import audit_trail
from platform_app.services.tenants import export_archive
from platform_app.services.tenants.export_archive import ExportManifest

RETENTION = timedelta(days=7)
_MAX_LISTED = 20


def start(session: Transaction, who: Identity) -> TenantExport:
    """Ask for an archive with all data of the company; a job writes it.

    Raises Forbidden unless `who` is an owner, and Conflict while another one is written.
    """
    _require_owner(who)
    session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id).with_for_update()).one()
    query = owned(TenantExport, who.tenant_id).where(TenantExport.state == ExportState.RUNNING)
    if session.exec(query).first() is not None:
        raise Conflict("An export is already running.")
    row = TenantExport(tenant_id=who.tenant_id, author_id=who.user_id, author_name=who.name)
    session.add(row)
    session.flush()
    enqueue(session, who.tenant_id, ExportTenant(export_id=row.id), dedupe_key=f"export:{row.id}")
    record(session, who.tenant_id, AuditAction.EXPORTED, who.tenant_name)
    _publish(session, row)
    return row


def record(session: Transaction, tenant_id: str, action: AuditAction, name: str) -> None:
    """Record in the audit log what was done with the data of a company."""
    audit_trail.record(session, tenant_id, action, AuditObject.COMPANY, object_id=tenant_id, name=name)


def list_exports(session: Transaction, who: Identity) -> list[TenantExport]:
    """Return the exports that are kept, newest first. Raises Forbidden unless `who` is an owner."""
    _require_owner(who)
    query = owned(TenantExport, who.tenant_id).order_by(col(TenantExport.id).desc()).limit(_MAX_LISTED)
    return list(session.exec(query).all())


def get_ready(who: Identity, export_id: str) -> TenantExport:
    """Return an export whose archive is ready. Raises Forbidden unless `who` is an owner, NotFound if there is none."""
    _require_owner(who)
    with session_scope(who.tenant_id, read_only=True) as session:
        row = _find(session, who.tenant_id, export_id)
    if row is None or not row.stored_as:
        raise NotFound(MISSING)
    return row


def record_download(who: Identity) -> None:
    """Record that the archive of an export is downloaded."""
    with session_scope(who.tenant_id) as session:
        record(session, who.tenant_id, AuditAction.DOWNLOADED, who.tenant_name)


def export_tenant(job: RunningJob) -> None:
    """Write the archive of an export. Raises Unavailable if the disk or the file storage does not take it."""
    try:
        with scratch.new_path() as path:
            manifest = export_archive.write(job.tenant_id, path)
            file = tenant_files.save_file(job.tenant_id, path)
    except OSError as error:
        raise Unavailable("The file couldn’t be written. Check the disk space.") from error
    is_used = False
    try:
        with job.finish() as session:
            row = _find(session, job.tenant_id, job.payload.export_id, lock=True)
            if row is not None:
                _set_ready(row, file, manifest)
                _publish(session, row)
                is_used = True
    except BaseException:
        is_used = False
        raise
    finally:
        if not is_used:
            tenant_files.discard(job.tenant_id, file.stored_as)


def _set_ready(row: TenantExport, file: StoredFile, manifest: ExportManifest) -> None:
    row.state, row.stored_as, row.sha256, row.size = ExportState.READY, file.stored_as, file.sha256, file.size
    row.rows, row.files, row.missing_files = manifest.row_count, len(manifest.files), len(manifest.missing_files)
    row.error, row.finished_at, row.expires_at = "", now(), now() + RETENTION


def delete_expired() -> bool:
    """Delete exports that were kept long enough, with their files. Returns False: nothing is left."""
    with session_scope(reason="exports that have expired") as session:
        query = unscoped(TenantExport).where(col(TenantExport.expires_at) <= now())
        for row in session.exec(query.with_for_update(skip_locked=True)).all():
            if row.stored_as:
                session.after_commit.append(partial(tenant_files.discard, row.tenant_id, row.stored_as))
            session.delete(row)
    return False


def on_failure(
    session: Transaction, tenant_id: str, payload: ExportTenant, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark an export as failed when its job has ended without it."""
    row = _find(session, tenant_id, payload.export_id, lock=True)
    if row is not None and row.state == ExportState.RUNNING:
        row.state, row.error, row.finished_at = ExportState.FAILED, sentence.format_map(values)[:500], now()
        row.expires_at = now() + RETENTION
        _publish(session, row)


def on_retry(session: Transaction, tenant_id: str, payload: ExportTenant) -> None:
    """Mark a failed export as running again with its job. Raises Conflict if it has not failed."""
    row = _find(session, tenant_id, payload.export_id, lock=True)
    if row is None or row.state != ExportState.FAILED:
        raise Conflict("Only a failed export can be retried.")
    row.state, row.error, row.finished_at, row.expires_at = ExportState.RUNNING, "", None, None
    _publish(session, row)


def payload_from_keys(session: Transaction, job: Job) -> ExportTenant | None:
    """Return the job's payload from its dedupe key, or None."""
    export_id = id_from_key(job.dedupe_key, "export:")
    return ExportTenant(export_id=export_id) if export_id else None


def _require_owner(who: Identity) -> None:
    if who.role != Role.OWNER:
        raise Forbidden("Only an owner can do this.")


def _find(session: Transaction, tenant_id: str, export_id: str, *, lock: bool = False) -> TenantExport | None:
    query = owned(TenantExport, tenant_id).where(TenantExport.id == export_id)
    row: TenantExport | None = session.exec(query.with_for_update() if lock else query).first()
    return row


def _publish(session: Transaction, row: TenantExport) -> None:
    tenant_id, export_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "export", export_id))

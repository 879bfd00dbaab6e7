"""Exchange: the job of a connected CRM: sends what changed here, reads what changed there, and synchronizes.

One runs at a time for each connection, so that nothing is written twice. It ends after SECONDS and goes on in another
job, so that a long synchronization keeps no thread from other work.
"""

import time
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict, NotFound
from platform_app.integrations.base import Crm, CrmBusy, CrmError, CrmRefused, CrmUnpaid, SubscribableCrm
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import ExchangeCrm, RunningJob
from platform_app.models.integration import ConnectionState, CrmConnection, CrmNotice
from platform_app.models.job import Job, JobState
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import (
    call_log,
    change_sender,
    connections,
    crm_tokens,
    notices,
    synchronization,
)
from platform_app.services.jobs.effects import Postponed

log = structlog.get_logger()
SECONDS = 20.0
RETRY_SECONDS = 15.0  # after a call without a response
UNPAID_SECONDS = 900.0
WEBHOOK_RETRY = timedelta(hours=1)  # after the CRM refused to post changes; they are asked for meanwhile


def exchange(job: RunningJob) -> None:
    """Exchange changes until there are none, or SECONDS are over.

    Raises Postponed if the CRM asks to wait or does not answer; nothing is lost by that.
    """
    connection_id, end = job.payload.connection_id, time.monotonic() + SECONDS
    crm = _open(job, connection_id)
    if crm is None:
        return
    try:
        is_more = _work_until(job, crm, connection_id, end)
        with job.finish() as session:
            row = connections.row(session, job.tenant_id, connection_id)
            connections.set_problem(session, row, "")
            row.exchanged_at = now()
            call_log.store(session, row, crm)
            connections.publish_change(session, row)
            if is_more:
                crm_changes.request_exchange(session, job.tenant_id, connection_id)
    except CrmError as error:
        _note_failure(job, crm, connection_id, error)


def _work_until(job: RunningJob, crm: Crm, connection_id: str, end: float) -> bool:
    """Do one piece of work after another; return whether some may be left."""
    _set_webhook(job, crm, connection_id)
    while _is_on(job, connection_id):
        has_sent = change_sender.send_next(job, crm, connection_id)
        has_read = notices.read_notices(job, crm, connection_id)
        has_synced = synchronization.read_next(job, crm, connection_id)
        has_listed = notices.list_changes(job, crm, connection_id)
        if not (has_sent or has_read or has_synced or has_listed):
            return False
        if time.monotonic() > end:
            return True
    return False


def _open(job: RunningJob, connection_id: str) -> Crm | None:
    """Return the account, None if nothing is to be exchanged now."""
    with job.transaction() as session:
        row = session.get(CrmConnection, connection_id)
        if row is None or not _is_active(row):
            return None
        try:
            return crm_tokens.open_crm(session, row)
        except (Conflict, NotFound) as error:
            connections.set_refused(session, row, error.sentence)
            return None


def _is_active(row: CrmConnection) -> bool:
    return row.state == ConnectionState.CONNECTED and row.paused_at is None


def _is_on(job: RunningJob, connection_id: str) -> bool:
    with session_scope(job.tenant_id, read_only=True) as session:
        return _is_active(connections.row(session, job.tenant_id, connection_id))


def _set_webhook(job: RunningJob, crm: Crm, connection_id: str) -> None:
    """Have the CRM post changes to the address of this platform, if it can reach one."""
    with session_scope(job.tenant_id, read_only=True) as session:
        row = connections.row(session, job.tenant_id, connection_id)
        held, wanted, tried = row.webhook, connections.wanted_webhook(row), row.webhook_tried_at
    if not isinstance(crm, SubscribableCrm):  # a person tells it the address
        if held not in ("", wanted):
            _forget_webhook(job, connection_id)
        return
    if held == wanted or (tried is not None and now() - tried < WEBHOOK_RETRY):
        return
    try:
        if held:
            crm.unsubscribe(held)
        if wanted:
            crm.subscribe(wanted)
    except (CrmRefused, CrmUnpaid, CrmBusy):
        raise
    except CrmError as error:
        if error.status == 503:
            raise
        log.warning("a CRM posts no changes", connection_id=connection_id, reason=str(error))
        wanted = ""
    with job.transaction() as session:
        row = connections.row(session, job.tenant_id, connection_id)
        row.webhook, row.webhook_tried_at = wanted, now()
        call_log.store(session, row, crm)


def _forget_webhook(job: RunningJob, connection_id: str) -> None:
    """Note that the CRM posts to an address which is no longer that of this platform."""
    with job.transaction() as session:
        row = connections.row(session, job.tenant_id, connection_id)
        row.webhook = ""
        connections.publish_change(session, row)


def _note_failure(job: RunningJob, crm: Crm, connection_id: str, error: CrmError) -> None:
    """Store why the CRM does not answer. Raises Postponed unless it does not let the platform in."""
    with session_scope(job.tenant_id) as session:
        row = connections.row(session, job.tenant_id, connection_id)
        call_log.store(session, row, crm)
        if isinstance(error, CrmRefused):
            connections.set_refused(session, row, error.sentence, error.values)
            return
        if not isinstance(error, CrmBusy):
            connections.set_problem(session, row, error.sentence, error.values)
    seconds = error.seconds if isinstance(error, CrmBusy) else RETRY_SECONDS
    seconds = UNPAID_SECONDS if isinstance(error, CrmUnpaid) else seconds
    raise Postponed(error.sentence, seconds=seconds, **error.values)


def queue_due() -> bool:
    """Queue an exchange for each connection that has something to do; return False: nothing is left."""
    with session_scope(reason="CRMs to look at", read_only=True) as session:
        query = unscoped(CrmConnection).where(
            CrmConnection.state == ConnectionState.CONNECTED,
            col(CrmConnection.paused_at).is_(None),
        )
        rows = list(session.exec(query).all())
    for row in rows:
        with session_scope(row.tenant_id, read_only=True) as session:
            has_work = _has_work(session, row)
        if has_work:
            with session_scope(row.tenant_id) as session:
                crm_changes.request_exchange(session, row.tenant_id, row.id)
    return False


def _has_work(session: Transaction, row: CrmConnection) -> bool:
    if row.changes_due_at is not None and row.changes_due_at <= now():
        return True
    waiting = owned(CrmNotice, row.tenant_id).where(CrmNotice.connection_id == row.id)
    return (
        crm_changes.waits(session, row)
        or synchronization.running(session, row) is not None
        or session.exec(waiting.with_only_columns(CrmNotice.id).limit(1)).first() is not None
    )


def on_failure(
    session: Transaction, tenant_id: str, payload: ExchangeCrm, *, state: JobState, sentence: str, values: Any
) -> None:
    """Store why the exchange has ended; a synchronization that is under way fails."""
    row: CrmConnection | None = session.exec(
        owned(CrmConnection, tenant_id).where(CrmConnection.id == payload.connection_id).with_for_update()
    ).first()
    if row is None or row.state == ConnectionState.DISCONNECTED:
        return
    sync = synchronization.running(session, row, lock=True)
    if sync is not None:
        synchronization.fail(session, row, sync, sentence, values=values)
    connections.set_problem(session, row, sentence, values)


def on_retry(session: Transaction, tenant_id: str, payload: ExchangeCrm) -> None:
    """Let a connection and its synchronization go on. Raises Conflict if the CRM does not let the platform in."""
    row: CrmConnection | None = session.exec(
        owned(CrmConnection, tenant_id).where(CrmConnection.id == payload.connection_id).with_for_update()
    ).first()
    if row is None or row.state != ConnectionState.CONNECTED:
        raise Conflict("The CRM denies access. Enter a new token first.")
    connections.set_problem(session, row, "")
    synchronization.resume(session, row)


def payload_from_keys(session: Transaction, job: Job) -> ExchangeCrm | None:
    """Return the payload of a job from its lock key, or None."""
    connection_id = id_from_key(job.lock_key, "crm:")
    return ExchangeCrm(connection_id=connection_id) if connection_id else None

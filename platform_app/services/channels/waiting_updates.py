"""Waiting updates: posts of channels that come in faster than they are read: stored together, then read by a job.

Reading one takes far longer than storing it, since it makes a message, its event and the agent's reply. A channel that
waits too long for its answer sends again, and in the end gives up.
"""

import json
from collections.abc import Sequence
from typing import Any

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, owned_update, session_scope
from platform_app.errors import Unavailable
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import ReadUpdates, RunningJob, enqueue
from platform_app.models.channel import ChannelAccount, WaitingUpdate
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.services.channels import updates
from platform_app.services.feed import activity

log = structlog.get_logger()
_KEY = "updates:"


class UpdatesNotRead(Unavailable):
    """Some of what a channel posted could not be read; it stays stored."""

    def __init__(self) -> None:
        super().__init__("Some messages of the channel couldn’t be read. They are kept. The log says why.")


def is_behind(session: Transaction, account: ChannelAccount) -> bool:
    """Return whether posts of an account wait to be read, so that those that follow have to wait behind them."""
    query = owned(WaitingUpdate, account.tenant_id).where(
        WaitingUpdate.account_id == account.id, col(WaitingUpdate.failed_at).is_(None)
    )
    return session.exec(query.limit(1)).first() is not None


def store_all(account: ChannelAccount, posts: Sequence[str]) -> None:
    """Store posts, given as JSON, in order, in one transaction, with a job that reads them after those before them."""
    with session_scope(account.tenant_id) as session:
        rows = [WaitingUpdate(tenant_id=account.tenant_id, account_id=account.id, data=post) for post in posts]
        session.add_all(rows)
        payload = ReadUpdates(account_id=account.id, first_id=rows[0].id, last_id=rows[-1].id)
        key, lock = f"{_KEY}{account.id}/{payload.first_id}/{payload.last_id}", f"{_KEY}{account.id}"
        enqueue(session, account.tenant_id, payload, dedupe_key=key, lock_key=lock)


def read_updates(job: RunningJob) -> None:
    """Read the posts of a job, each in transactions of its own. What was read before a stop is read to no effect.

    A post at which the platform fails does not hold up the others. Raises UpdatesNotRead if there were such.
    """
    account, rows = _waiting(job)
    failed = [row.id for row in rows if account is not None and not _is_read(account, row.data)]
    read = [row.id for row in rows if row.id not in failed]
    if not failed:
        with job.finish() as session:
            _delete(session, job, read)
        return
    with job.transaction() as session:
        _delete(session, job, read)
        marked = owned_update(WaitingUpdate, job.tenant_id).where(col(WaitingUpdate.id).in_(failed))
        session.execute(marked.values(failed_at=now()).execution_options(synchronize_session=False))
        if read:
            job.record_progress(session)
    raise UpdatesNotRead


def _delete(session: Transaction, job: RunningJob, ids: Sequence[str]) -> None:
    """Delete posts that were read: by their ids, as those of another process may have come between them since."""
    deleted = owned_delete(WaitingUpdate, job.tenant_id).where(col(WaitingUpdate.id).in_(ids))
    session.execute(deleted.execution_options(synchronize_session=False))


def _waiting(job: RunningJob) -> tuple[ChannelAccount | None, list[WaitingUpdate]]:
    """Return the posts of a job in order, and their account.

    None if it is switched off or deleted meanwhile: nothing comes in there any more.
    """
    with session_scope(job.tenant_id, read_only=True) as session:
        query = owned(ChannelAccount, job.tenant_id).where(ChannelAccount.id == job.payload.account_id)
        account: ChannelAccount | None = session.exec(query).first()
        within = owned(WaitingUpdate, job.tenant_id).where(
            WaitingUpdate.account_id == job.payload.account_id,
            col(WaitingUpdate.id).between(job.payload.first_id, job.payload.last_id),
        )
        rows = session.exec(within.order_by(WaitingUpdate.id)).all()
    is_on = account is not None and account.deleted_at is None and account.enabled and account.agent_id is not None
    return account if is_on else None, list(rows)


def _is_read(account: ChannelAccount, data: str) -> bool:
    """Read a post; return whether it was. Raises Unavailable if the database is busy."""
    try:
        updates.accept(account, json.loads(data))
    except Unavailable:
        raise
    except Exception:
        log.exception("a post of a channel was not read", account_id=account.id)
        return False
    return True


def on_failure(
    session: Transaction, tenant_id: str, payload: ReadUpdates, *, state: JobState, sentence: str, values: Any
) -> None:
    """Record an activity that messages of an account are not read."""
    account = session.get(ChannelAccount, payload.account_id)
    activity.record(
        session,
        tenant_id,
        ActivityKind.FAILURE,
        "Messages of {name} couldn’t be read: {reason}",
        link=f"/jobs?state={state.value}",
        name=account.name if account is not None else "",
        reason=sentence.format_map(values),
    )


def on_retry(session: Transaction, tenant_id: str, payload: ReadUpdates) -> None:
    """Do nothing: what was not read is still stored."""


def payload_from_keys(session: Transaction, job: Job) -> ReadUpdates | None:
    """Return the payload of a job from its key, or None."""
    account_id, _, ids = id_from_key(job.dedupe_key, _KEY).partition("/")
    first_id, _, last_id = ids.partition("/")
    return ReadUpdates(account_id=account_id, first_id=first_id, last_id=last_id) if last_id else None

"""Receivers: lets messages of accounts come in by webhook or by asking, by one worker for each account at a time."""

from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlmodel import col, or_

from platform_app.channels.push_channel import (
    AccountRefused,
    Batch,
    ChannelError,
    InstallationRefused,
    PushChannel,
    ReceivedElsewhere,
    TemporaryFailure,
)
from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import owned, owned_update, session_scope, unscoped
from platform_app.errors import PlatformError
from platform_app.models.channel import AccountState, ChannelAccount, ChannelReceiver
from platform_app.services.channels import channel_access, channel_accounts, public_addresses, updates

log = structlog.get_logger()
POLLING = "polling"
MAX_POLL_SECONDS = 20.0
RETRY_SECONDS = 10.0  # after a failure
RECHECK = timedelta(minutes=5)  # of an account whose channel posts its messages, or that is off
UNANSWERED = "The channel isn’t responding. Messages will arrive once it does."
POSTS_ALONE = "This channel only sends messages to a public https address. Set PLATFORM_PUBLIC_URL."
NO_PUBLIC_URL = "Channels post messages to a public https address only. Set PLATFORM_PUBLIC_URL, or choose polling."


@dataclass(frozen=True)
class Lease:
    """An account whose messages this worker lets come in."""

    tenant_id: str
    account_id: str
    worker: str


@dataclass(frozen=True)
class _Work:
    """What is to be done for an account."""

    account: ChannelAccount
    receiver: ChannelReceiver
    push: PushChannel
    token: str
    key: str
    mode: str  # that is wanted


def webhook_address(account: ChannelAccount) -> str:
    """Return the address to which a channel posts an account's messages, or "" if it cannot."""
    home = public_addresses.hooks_home()
    return f"{home}/hooks/channels/{account.token}" if home else ""


def wanted_mode(account: ChannelAccount) -> str:
    """Return how messages of an account are to come in: "polling", the address of a webhook, or "" if they are not."""
    is_on = account.enabled and account.deleted_at is None and account.agent_id is not None
    if not is_on or account.state == AccountState.REFUSED:
        return ""
    push = channel_accounts.kind_of(account).push
    if push is not None and (push.always_polls or not push.has_webhook):
        return POLLING
    if push is not None and not push.can_be_asked:
        return webhook_address(account)
    wish = str(account.settings.get("receives", "automatic"))
    return POLLING if wish == POLLING else webhook_address(account) or (POLLING if wish == "automatic" else "")


def claim_due(worker: str, limit: int) -> list[Lease]:
    """Lease accounts that are due to be looked at and that no other worker holds."""
    if limit <= 0:
        return []
    free = or_(col(ChannelReceiver.lease_until).is_(None), col(ChannelReceiver.lease_until) < now())
    due = unscoped(ChannelReceiver).where(col(ChannelReceiver.due_at) <= now(), free)
    with session_scope(reason="accounts whose messages come in", read_only=True) as session:
        if session.exec(due.limit(1)).first() is None:
            return []
    with session_scope(reason="accounts whose messages come in") as session:
        query = due.order_by(ChannelReceiver.due_at).limit(limit).with_for_update(skip_locked=True)
        rows: list[ChannelReceiver] = list(session.exec(query).all())
        for row in rows:
            row.worker, row.lease_until = worker, now() + _lease()
        return [Lease(row.tenant_id, row.account_id, worker) for row in rows]


def _lease() -> timedelta:
    return timedelta(seconds=settings().lease_seconds * 2)


def work_once(lease: Lease) -> bool:
    """Let messages of an account come in, and ask for them once; return whether to go on at once.

    Otherwise the lease is given back.
    """
    try:
        work = _read(lease)
        if work is None:
            return False
        if work.receiver.mode != work.mode:
            _set_mode(lease, work)
        elif work.mode != POLLING:
            _finish(lease, RECHECK, _problem(work))
            return False
        return work.mode == POLLING and _poll(lease, work)
    except ChannelError as error:
        _note_failure(lease, error)
    except PlatformError as error:
        _finish(lease, timedelta(seconds=RETRY_SECONDS), error.sentence)
    except Exception:
        log.exception("messages of a channel account do not come in", account_id=lease.account_id)
        _finish(lease, timedelta(seconds=RETRY_SECONDS), None)
    return False


def _read(lease: Lease) -> _Work | None:
    """Renew the lease and read what is to be done; None if another worker has it."""
    with session_scope(lease.tenant_id) as session:
        query = owned(ChannelReceiver, lease.tenant_id).where(ChannelReceiver.account_id == lease.account_id)
        receiver = session.exec(query.with_for_update()).first()
        if receiver is None or receiver.worker != lease.worker:
            return None
        receiver.lease_until = now() + _lease()
        account = session.get(ChannelAccount, lease.account_id)
        assert account is not None
        push = channel_accounts.kind_of(account).push
        assert push is not None
        token = channel_access.get_token(session, account)
        key = channel_access.get_webhook_key(session, account)
        mode = wanted_mode(account)
        session.flush()
        session.expunge(account)
        session.expunge(receiver)
        return _Work(account, receiver, push, token, key, mode)


def _set_mode(lease: Lease, work: _Work) -> None:
    """Set or remove the webhook at the channel, and store what is in force."""
    if work.account.state != AccountState.REFUSED:
        work.push.set_webhook(work.token, "" if work.mode == POLLING else work.mode, work.key)
        if work.mode:
            work.push.set_commands(work.token)
    pause = timedelta(0) if work.mode == POLLING else RECHECK
    _finish(lease, pause, _problem(work), mode=work.mode, keeps=work.mode == POLLING)


def _problem(work: _Work) -> str:
    """Return why the mode that is in force lets nothing come in although the account is on, or ""."""
    is_posted = not work.push.can_be_asked or work.account.settings.get("receives") == "webhook"
    is_unreachable = not work.mode and is_posted and work.account.enabled
    if is_unreachable and not work.push.can_be_asked:
        return POSTS_ALONE if not webhook_address(work.account) else ""
    return NO_PUBLIC_URL if is_unreachable and not webhook_address(work.account) else ""


def _poll(lease: Lease, work: _Work) -> bool:
    """Ask for messages, store them, then the cursor: what is stored twice is stored once."""
    seconds = max(1.0, min(MAX_POLL_SECONDS, settings().lease_seconds * 0.8))
    batch: Batch = work.push.fetch(work.token, work.receiver.cursor, seconds=seconds)
    current = _read(lease) if batch.updates else work  # its settings may have been changed while it waited
    if current is None:
        return False
    for data in batch.updates:
        updates.accept(current.account, data)
    return _finish(lease, timedelta(0), "", cursor=batch.cursor, keeps=True)


def _note_failure(lease: Lease, error: ChannelError) -> None:
    if isinstance(error, AccountRefused):
        with session_scope(lease.tenant_id) as session:
            channel_accounts.set_refused(session, lease.tenant_id, lease.account_id, error.sentence)
        _finish(lease, RECHECK, None)
        return
    waits = error.seconds if isinstance(error, TemporaryFailure) else 0
    own = {ReceivedElsewhere: error.sentence, InstallationRefused: error.sentence}
    told = ({TemporaryFailure: UNANSWERED} | own).get(type(error))
    _finish(lease, timedelta(seconds=max(waits, RETRY_SECONDS)), told)


def _finish(
    lease: Lease,
    pause: timedelta,
    problem: str | None,
    *,
    mode: str | None = None,
    cursor: str | None = None,
    keeps: bool = False,
) -> bool:
    """Store what was reached and when to look again; `problem` None leaves that as it is.

    The lease is given back unless `keeps`. Returns False if another worker has it.
    """
    with session_scope(lease.tenant_id) as session:
        values: dict[str, object] = {"due_at": now() + pause, "lease_until": now() + _lease() if keeps else None}
        values |= {"mode": mode} if mode is not None else {}
        values |= {"cursor": cursor} if cursor is not None else {}
        mine = owned_update(ChannelReceiver, lease.tenant_id).where(
            col(ChannelReceiver.account_id) == lease.account_id, col(ChannelReceiver.worker) == lease.worker
        )
        # execute() is typed as Result; an update returns a CursorResult
        is_mine: bool = session.execute(mine.values(**values)).rowcount == 1  # type: ignore[attr-defined]
        if is_mine and problem is not None:
            channel_accounts.set_problem(session, lease.tenant_id, lease.account_id, problem)
        return is_mine


def release(lease: Lease) -> None:
    """Give a lease back, since the worker stops."""
    _finish(lease, timedelta(0), None)

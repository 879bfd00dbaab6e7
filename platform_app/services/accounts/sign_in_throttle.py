"""Sign-in throttle: growing pauses after failed sign-ins and other repeated attempts; nobody is locked out for good.

The counts are rows, so they hold across web processes and restarts.
"""

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete
from platform_app.errors import LimitReached, Unavailable
from platform_app.models.person import SignInFailure

FAILURES_KEPT = timedelta(hours=1)
KNOWN_ADDRESS_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class AttemptLimit:
    """A counter: `free_attempts` are free, each further one is followed by a pause of 2, 4, 8 … seconds.

    `max_pause` is the longest pause.
    """

    key: str
    free_attempts: int
    max_pause: timedelta


def _key(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()


def network(address: str) -> str:
    """Return an IPv4 address as it is, and the /64 network of an IPv6 address; another text unchanged."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


def _limits(email: str, address: str) -> list[AttemptLimit]:
    """Return the counters of a sign-in attempt, always in this order, in which their rows are locked."""
    return [
        AttemptLimit(_key("pair", email, address), 5, timedelta(minutes=15)),
        AttemptLimit(_key("account", email), 30, timedelta(minutes=1)),
        AttemptLimit(_key("address", address), 50, timedelta(minutes=1)),
    ]


def count_attempt(email: str, address: str) -> None:
    """Count a sign-in attempt before its password is checked. Raises LimitReached during a pause.

    A user who has signed in from this address before is limited by failures of this pair of e-mail address and IP
    address alone, not by a flood of others. Raises Unavailable if the database stays busy.
    """
    address = network(address)
    counts = _limits(email, address)

    def work(session: Transaction) -> None:
        known = unscoped(SignInFailure).where(SignInFailure.key == _key("known", email, address))
        _count_attempts(session, counts, watched=counts[:1] if session.exec(known).first() else counts)

    _run_transaction(work)


def count_registration(address: str) -> None:
    """Count a registration from an IP address. Raises LimitReached during a pause."""
    count = AttemptLimit(_key("registration", network(address)), 10, timedelta(minutes=15))
    _run_transaction(lambda session: _count_attempts(session, [count], watched=[count]))


def count_test_message(tenant_id: str) -> None:
    """Count a test e-mail of a tenant. Raises LimitReached during a pause."""
    count = AttemptLimit(_key("test message", tenant_id), 10, timedelta(minutes=15))
    _run_transaction(lambda session: _count_attempts(session, [count], watched=[count]))


def count_provider_test(tenant_id: str) -> None:
    """Count a test of a tenant's model provider. Raises LimitReached during a pause."""
    count = AttemptLimit(_key("provider test", tenant_id), 30, timedelta(minutes=15))
    _run_transaction(lambda session: _count_attempts(session, [count], watched=[count]))


def count_invitation(tenant_id: str, subject: str) -> None:
    """Count an invitation of a tenant, and one of an address or an invitation; refuse it while a pause lasts."""
    counts = [
        AttemptLimit(_key("invitations", tenant_id), 30, timedelta(minutes=15)),
        AttemptLimit(_key("invited", subject), 5, timedelta(minutes=15)),
    ]
    _run_transaction(lambda session: _count_attempts(session, counts, watched=counts))


def count_password_reset(email: str, address: str) -> None:
    """Count a request for a password reset by e-mail address and by network address. Raises LimitReached in a pause."""
    counts = [
        AttemptLimit(_key("reset of", email), 3, timedelta(minutes=15)),
        AttemptLimit(_key("resets from", network(address)), 20, timedelta(minutes=15)),
    ]
    _run_transaction(lambda session: _count_attempts(session, counts, watched=counts))


def _code_limits(user_id: str, address: str) -> list[AttemptLimit]:
    return [
        AttemptLimit(_key("codes of", user_id), 5, timedelta(minutes=15)),
        AttemptLimit(_key("codes from", network(address)), 20, timedelta(minutes=15)),
    ]


def count_code(user_id: str, address: str) -> None:
    """Count an attempt at a code of a second factor, by user and by IP address. Raises LimitReached in a pause."""
    counts = _code_limits(user_id, address)
    _run_transaction(lambda session: _count_attempts(session, counts, watched=counts))


def record_right_code(user_id: str, address: str) -> None:
    """Delete the failures of a user whose code was right, and undo its count for the address."""
    own, shared = _code_limits(user_id, address)

    def work(session: Transaction) -> None:
        session.execute(unscoped_delete(SignInFailure).where(col(SignInFailure.key) == own.key))
        row = _row(session, shared.key)
        if row is not None:
            row.count = max(row.count - 1, 0)

    _run_transaction(work)


def record_success(email: str, address: str) -> None:
    """Undo the count of an attempt that succeeded, and remember the address as known for the account.

    The failures of the account from this address are deleted, and so are counts older than FAILURES_KEPT.
    """
    address = network(address)
    pair, *others = _limits(email, address)

    def work(session: Transaction) -> None:
        session.execute(unscoped_delete(SignInFailure).where(col(SignInFailure.key) == pair.key))
        for count in others:
            row = _row(session, count.key)
            if row is not None:
                row.count = max(row.count - 1, 0)
        key = _key("known", email, address)
        known = _row(session, key) or SignInFailure(key=key, last_at=now())
        known.last_at = now() + KNOWN_ADDRESS_KEPT
        session.add(known)

    _run_transaction(work)
    with session_scope(reason="sign-in throttle") as session:
        old = now() - FAILURES_KEPT
        session.execute(unscoped_delete(SignInFailure).where(col(SignInFailure.last_at) < old))


def _run_transaction(work: Callable[[Transaction], None]) -> None:
    """Run a short transaction, again if another process inserted the same row first.

    Raises Unavailable after five conflicts.
    """
    for _ in range(5):
        try:
            with session_scope(reason="sign-in throttle") as session:
                work(session)
            return
        except IntegrityError:
            continue
    raise Unavailable("The database is busy. Try again.")


def _row(session: Transaction, key: str) -> SignInFailure | None:
    query = unscoped(SignInFailure).where(SignInFailure.key == key).with_for_update()
    found: SignInFailure | None = session.exec(query).first()
    return found


def _count_attempts(session: Transaction, counts: list[AttemptLimit], *, watched: list[AttemptLimit]) -> None:
    """Increment the counters. Raises LimitReached if one of those in `watched` is in a pause."""
    at = now()
    for count in counts:
        row = _row(session, count.key)
        if row is None:
            row = SignInFailure(key=count.key, last_at=at)
        elif row.last_at < at - FAILURES_KEPT:
            row.count = 0
        if count in watched and row.count >= count.free_attempts:
            pause = min(timedelta(seconds=2 ** min(row.count - count.free_attempts + 1, 20)), count.max_pause)
            left = (row.last_at + pause - at).total_seconds()
            if left > 0:
                raise LimitReached("Too many failed attempts. Try again in {seconds} s.", seconds=max(1, round(left)))
        row.count += 1
        row.last_at = at
        session.add(row)

"""Throttle: slows the guessing of passwords down, never locks anybody out for good.

The counts are rows, so that they hold for several web processes and over a restart.
"""

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import IntegrityError

from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete
from platform_app.errors import LimitReached, Unavailable
from platform_app.models.person import SignInFailure

FAILURES_KEPT = timedelta(hours=1)
KNOWN_ADDRESS_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class AttemptLimit:
    """What is counted: this many attempts are free, then each is followed by a pause of 2, 4, 8 … seconds."""

    key: str
    free_attempts: int
    max_pause: timedelta


def _key(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode("utf-8", "replace")).hexdigest()


def network(address: str) -> str:
    """Return the address, or the network that one IPv6 customer has to himself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address


def _limits(email: str, address: str) -> list[AttemptLimit]:
    """Return the counts of an attempt, always in this order: rows are locked in it."""
    return [
        AttemptLimit(_key("pair", email, address), 5, timedelta(minutes=15)),
        AttemptLimit(_key("account", email), 30, timedelta(minutes=1)),
        AttemptLimit(_key("address", address), 50, timedelta(minutes=1)),
    ]


def count_attempt(email: str, address: str) -> None:
    """Count an attempt to sign in, or refuse it while a pause lasts.

    It is counted before the password is looked at, so that a hundred at once are not a hundred free ones. Who has
    signed in from this address before is held up by their own failures alone, not by a flood of others.
    """
    address = network(address)
    counts = _limits(email, address)

    def work(session: Transaction) -> None:
        known = unscoped(SignInFailure).where(SignInFailure.key == _key("known", email, address))
        _count_attempts(session, counts, watched=counts[:1] if session.exec(known).first() else counts)

    _run_transaction(work)


def count_registration(address: str) -> None:
    """Count a registration from an address, or refuse it while a pause lasts."""
    count = AttemptLimit(_key("registration", network(address)), 10, timedelta(minutes=15))
    _run_transaction(lambda session: _count_attempts(session, [count], watched=[count]))


def count_test_message(tenant_id: str) -> None:
    """Count a test message of a tenant, or refuse it while a pause lasts."""
    count = AttemptLimit(_key("test message", tenant_id), 10, timedelta(minutes=15))
    _run_transaction(lambda session: _count_attempts(session, [count], watched=[count]))


def record_success(email: str, address: str) -> None:
    """Take the attempt back, forget the account's failures from this address and remember it as known."""
    address = network(address)
    pair, *others = _limits(email, address)

    def work(session: Transaction) -> None:
        session.execute(unscoped_delete(SignInFailure).where(SignInFailure.key == pair.key))  # type: ignore[arg-type]
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
        session.execute(unscoped_delete(SignInFailure).where(SignInFailure.last_at < old))  # type: ignore[arg-type]


def _run_transaction(work: Callable[[Transaction], None]) -> None:
    """Run a short transaction; again when another process wrote the same first row meanwhile."""
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

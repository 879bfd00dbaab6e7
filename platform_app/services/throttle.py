"""Throttle: slows guessing of passwords down, never locks anybody out for good."""

import hashlib
from datetime import timedelta

from platform_app.clock import now
from platform_app.db import everywhere, session_scope
from platform_app.errors import LimitReached
from platform_app.models.person import SignInFailure

FREE_TRIES = 5
LONGEST = timedelta(minutes=15)
FREE_TRIES_OF_ADDRESS = 50
FORGOTTEN_AFTER = timedelta(hours=1)


def _keys(email: str, address: str) -> list[tuple[str, int]]:
    pairs = [(f"{email}\n{address}", FREE_TRIES), (address, FREE_TRIES_OF_ADDRESS)]
    return [(hashlib.sha256(text.encode()).hexdigest(), free) for text, free in pairs]


def check(email: str, address: str) -> None:
    """Refuse while the pause after too many failures lasts: 2, 4, 8 … seconds, 15 minutes at most."""
    with session_scope(reason="sign-in throttle", reading=True) as session:
        for key, free in _keys(email, address):
            row = session.exec(everywhere(SignInFailure).where(SignInFailure.key == key)).first()
            if row is None or row.count < free:
                continue
            until = row.last_at + min(timedelta(seconds=2 ** min(row.count - free + 1, 20)), LONGEST)
            if until > now():
                raise LimitReached(
                    "Too many failed attempts. Try again in {seconds} s.",
                    seconds=max(1, round((until - now()).total_seconds())),
                )


def failed(email: str, address: str) -> None:
    """Count a failure."""
    with session_scope(reason="sign-in throttle") as session:
        for key, _free in _keys(email, address):
            row = session.exec(everywhere(SignInFailure).where(SignInFailure.key == key)).first()
            if row is None:
                row = SignInFailure(key=key, last_at=now())
            elif row.last_at < now() - FORGOTTEN_AFTER:
                row.count = 0
            row.count += 1
            row.last_at = now()
            session.add(row)


def succeeded(email: str, address: str) -> None:
    """Forget the account's failures from this address."""
    with session_scope(reason="sign-in throttle") as session:
        key = _keys(email, address)[0][0]
        for row in session.exec(everywhere(SignInFailure).where(SignInFailure.key == key)).all():
            session.delete(row)

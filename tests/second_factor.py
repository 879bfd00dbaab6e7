"""Second factor: an authenticator app in the hands of a test."""

from datetime import timedelta

import pyotp
from pwdlib.hashers.argon2 import Argon2Hasher

from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.errors import Forbidden
from platform_app.models.person import Identity, User
from platform_app.services.accounts import two_factor
from tests.inviting import PASSWORD

_HASH = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # cheap to verify


class App:
    """An authenticator app that holds one secret."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        """Return the code that it shows now, or some steps of 30 seconds from now."""
        return self._totp.at(now() + timedelta(seconds=30 * steps))


def use_password(who: Identity) -> None:
    """Let PASSWORD be the password of a person."""
    with session_scope(reason="tests") as session:
        session.exec(unscoped(User).where(User.id == who.user_id)).one().password_hash = _HASH


def set_up(who: Identity) -> tuple[App, list[str]]:
    """Turn two-factor on for a person, whose password is PASSWORD then, with the code of a step ago.

    Return the app and the recovery codes.
    """
    use_password(who)
    app = App(two_factor.begin(who).text)
    try:
        return app, two_factor.confirm(who, app.code(steps=-1), password=PASSWORD)
    except Forbidden:  # the next step began meanwhile
        return app, two_factor.confirm(who, app.code(steps=-1), password=PASSWORD)

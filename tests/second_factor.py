"""Second factor: an authenticator app in the hands of a test."""

from datetime import timedelta

import pyotp

from platform_app.clock import now
from platform_app.models.person import Identity
from platform_app.services.accounts import two_factor


class App:
    """An authenticator app that holds one secret."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)

    def code(self, *, steps: int = 0) -> str:
        """Return the code that it shows now, or some steps of 30 seconds from now."""
        return self._totp.at(now() + timedelta(seconds=30 * steps))


def set_up(who: Identity) -> tuple[App, list[str]]:
    """Turn two-factor on for a person, with the code of a step ago; return the app and the recovery codes."""
    app = App(two_factor.begin(who).text)
    return app, two_factor.confirm(who, app.code(steps=-1))

"""Limits: how often Kommo may be called by all workers.

The vendor allows an integration 7 requests a second and an account 50, and blocks who goes on after 429. Requests are
spaced somewhat slower, and no more than that are under way or were answered within the last second.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from platform_app.integrations import call_pace
from platform_app.integrations.call_pace import MAX_WAIT_SECONDS, Schedule

INTEGRATION_PER_SECOND, ACCOUNT_PER_SECOND = 7, 50  # what the vendor allows
_SHARE = 6 / 7  # of what is allowed
PAUSE_SECONDS = 5.0  # after 429 that names no time
BLOCK_SECONDS = 60.0  # after 403 that follows 429
_RATES = (INTEGRATION_PER_SECOND, ACCOUNT_PER_SECOND)


@dataclass(frozen=True)
class Limited:
    """Whose requests are counted: an integration in an account."""

    host: str
    integration_id: str

    @property
    def schedules(self) -> list[Schedule]:
        """The schedules of the integration and of the account."""
        keys = [f"platform:kommo:{self.host}:{self.integration_id}", f"platform:kommo:{self.host}"]
        return [Schedule(key, 1 / (rate * _SHARE), rate) for key, rate in zip(keys, _RATES, strict=True)]


def turn(limited: Limited, *, max_wait: float = MAX_WAIT_SECONDS) -> AbstractContextManager[float]:
    """Wait for the turn to send a request within the block; yields what `call_pace.turn` does."""
    return call_pace.turn(limited.schedules, max_wait=max_wait)


def pause(limited: Limited, seconds: float) -> None:
    """Let no worker send a request for some seconds, since Kommo asked for it."""
    call_pace.pause(limited.schedules[0].key, seconds)


def was_paused(limited: Limited) -> bool:
    """Return whether Kommo asked to wait within the last minute."""
    return call_pace.was_paused(limited.schedules[0].key)

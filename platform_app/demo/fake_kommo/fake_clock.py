"""Fake clock: the time of the fake, which can be moved."""

from threading import Lock

from platform_app.clock import now


class FakeClock:
    """Unix seconds, ahead of the platform's clock by what it was moved."""

    def __init__(self) -> None:
        self._ahead, self._lock = 0.0, Lock()

    def advance(self, seconds: float) -> None:
        """Move the time forward."""
        with self._lock:
            self._ahead += seconds

    def now(self) -> int:
        """Return the time in whole Unix seconds, as the API tells times."""
        return int(self.exactly())

    def exactly(self) -> float:
        """Return the time in Unix seconds."""
        return now().timestamp() + self._ahead

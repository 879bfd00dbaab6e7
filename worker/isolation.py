"""Isolation: runs a job that may have crashed a worker while its worker runs nothing else.

If the worker crashes then, the culprit is known. The isolation ends after MAX_WAIT_SECONDS, since a job that runs
longer does not crash at once, and other jobs need not wait.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Timer

MAX_WAIT_SECONDS = 10.0  # limit of a suspect's wait for other jobs, and of theirs for it


class IsolationLock:
    """A lock that many jobs share, or one job holds exclusively for a limited time."""

    def __init__(self, seconds: float = MAX_WAIT_SECONDS) -> None:
        self.seconds = seconds
        self._change = Condition()
        self._inside = 0
        self._wanted = 0  # suspects that wait for the lock or hold it

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with others; waits while a job holds or wants it exclusively."""
        with self._change:
            self._change.wait_for(lambda: not self._wanted)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def exclusive(self, opened: Callable[[], None]) -> Iterator[bool]:
        """Wait for exclusive use, at most the seconds of the lock, and yield whether it was obtained.

        If the use lasts longer than as many seconds again, `opened` is called and others are admitted.
        """
        with self._change:
            self._wanted += 1
            keeps_out = [self._change.wait_for(lambda: self._inside == 0, self.seconds)]
            self._inside += 1
            if not keeps_out[0]:
                self._admit()
        timer = Timer(self.seconds, self._on_timeout, [opened, keeps_out])
        timer.daemon = True
        timer.start()
        try:
            yield keeps_out[0]
        finally:
            timer.cancel()
            self._stop_excluding(keeps_out)
            self._leave()

    def _on_timeout(self, opened: Callable[[], None], keeps_out: list[bool]) -> None:
        try:
            if keeps_out[0]:
                opened()
        finally:
            self._stop_excluding(keeps_out)

    def _stop_excluding(self, keeps_out: list[bool]) -> None:
        with self._change:
            if keeps_out[0]:
                keeps_out[0] = False
                self._admit()

    def _admit(self) -> None:
        self._wanted -= 1
        self._change.notify_all()

    def _leave(self) -> None:
        with self._change:
            self._inside -= 1
            self._change.notify_all()

"""Alone: lets a job that is suspected of killing workers run while its worker does nothing else.

When the worker dies then, it is known of which job. That is kept up for `ALONE_SECONDS`: a job that lives longer does
not kill at once, and the others wait no more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Timer

MAX_WAIT_SECONDS = 10.0  # that a suspect waits for the others to end, and that these wait for it


class IsolationLock:
    """Counts who is at work; one at a time may have the room to itself."""

    def __init__(self, seconds: float = MAX_WAIT_SECONDS) -> None:
        self.seconds = seconds
        self._change = Condition()
        self._inside = 0
        self._wanted = 0  # suspects that wait for the room or have it

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be in the room with others; waits while somebody has it alone or wants it."""
        with self._change:
            self._change.wait_for(lambda: not self._wanted)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def exclusive(self, opened: Callable[[], None]) -> Iterator[bool]:
        """Have the room alone if it is empty in time, which is yielded; `opened` is called when others are let in."""
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

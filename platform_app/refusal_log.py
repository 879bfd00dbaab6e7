"""Refusals: log lines about what was refused, one a minute from each source with a count of the others."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import structlog

log = structlog.get_logger()
EVERY = 60.0  # seconds between two lines about the same source
MOST_SOURCES = 1_000  # that are told apart; all others share one line


@dataclass
class _Noted:
    since: float
    more: int = 0


class RefusalLog:
    """Writes the first refusal of a source at once, counts what follows, and tells the count when the pause is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted: OrderedDict[tuple[str, str], _Noted] = OrderedDict()
        self._lock = Lock()

    def note(self, what: str, source: str, **fields: Any) -> None:
        """Take a refusal; `what` is the log line, `source` whom it is counted for: an address, or a person's id."""
        with self._lock:
            self._tell_counts()
            key = (what, source)
            if key not in self._noted and len(self._noted) >= MOST_SOURCES:
                key = (what, "others")
            noted = self._noted.get(key)
            if noted is None:
                self._noted[key] = _Noted(self._clock())
                log.warning(what, source=key[1], **fields)
            else:
                noted.more += 1

    def _tell_counts(self) -> None:
        """Write how many there were from each source whose pause is over, the oldest first."""
        while self._noted:
            (what, source), noted = next(iter(self._noted.items()))
            if self._clock() - noted.since < EVERY:
                return
            self._noted.popitem(last=False)
            if noted.more:
                log.warning(what, source=source, repeated=noted.more)


refusals = RefusalLog()

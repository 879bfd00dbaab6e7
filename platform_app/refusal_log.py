"""Refusal log: log lines about refused requests, at most one a minute per source, with counts."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

import structlog

log = structlog.get_logger()
INTERVAL_SECONDS = 60.0  # seconds between two lines about a source
MAX_SOURCES = 1_000  # further sources share one line


@dataclass
class _Count:
    since: float
    more: int = 0


class RefusalLog:
    """Logs the first refusal of a source at once, counts the next ones, and logs the count after a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._lock = Lock()

    def record(self, what: str, source: str, **fields: Any) -> None:
        """Log or count a refusal. `what` is the log line, `source` an address or a user's id."""
        with self._lock:
            self._write_counts()
            key = (what, source)
            if key not in self._counts and len(self._counts) >= MAX_SOURCES:
                key = (what, "others")
            noted = self._counts.get(key)
            if noted is None:
                self._counts[key] = _Count(self._clock())
                log.warning(what, source=key[1], **fields)
            else:
                noted.more += 1

    def _write_counts(self) -> None:
        """Log the counts of the sources whose minute is over, oldest first."""
        while self._counts:
            (what, source), noted = next(iter(self._counts.items()))
            if self._clock() - noted.since < INTERVAL_SECONDS:
                return
            self._counts.popitem(last=False)
            if noted.more:
                log.warning(what, source=source, repeated=noted.more)


refusals = RefusalLog()

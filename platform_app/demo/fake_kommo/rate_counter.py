"""Rate counter: counts requests as the vendor does: 7 a second for an integration, 50 for an account.

More are answered with 429; who goes on after that gets 403 for a while (developers.kommo.com/docs/limitations).
"""

import time
from collections import defaultdict, deque
from threading import Lock


class RateCounter:
    """The requests of the last second, and the most that came within one."""

    def __init__(self) -> None:
        self.integration_limit, self.account_limit = 7, 50
        self.is_on = True
        self.patience = 10  # requests that are refused with 429 before the block
        self.block_seconds = 2.0
        self.most = 0  # requests of one integration within a second
        self.refused = 0  # requests that were too many
        self._lock = Lock()
        self._times: dict[str, deque[float]] = defaultdict(deque)
        self._misses: dict[str, int] = defaultdict(int)
        self._blocked: dict[str, float] = {}

    def check(self, integration: str) -> int:
        """Count a request; return 0 if it is allowed, else 429 or 403."""
        with self._lock:
            now = time.monotonic()
            counts = [self._count(key, now) for key in (integration, "")]
            self.most = max(self.most, counts[0])
            if not self.is_on:
                return 0
            if self._blocked.get(integration, 0) > now:
                self.refused += 1
                return 403
            if counts[0] <= self.integration_limit and counts[1] <= self.account_limit:
                self._misses[integration] = 0
                return 0
            self.refused += 1
            self._misses[integration] += 1
            if self._misses[integration] > self.patience:
                self._blocked[integration] = now + self.block_seconds
                return 403
            return 429

    def _count(self, key: str, now: float) -> int:
        times = self._times[key]
        times.append(now)
        while times[0] <= now - 1:
            times.popleft()
        return len(times)

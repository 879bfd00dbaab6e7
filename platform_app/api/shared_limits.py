"""Shared limits: counts of requests that hold for all web processes, kept in Redis; in memory while that is silent."""

from collections.abc import Sequence
from math import ceil
from typing import cast

import redis
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from platform_app import notifier
from platform_app.clock import now

_PREFIX = "platform:limit:"


class SharedLimiter:
    """Counts what happens to a key in windows of time, once for all processes."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self._own = FixedWindowRateLimiter(self.storage)  # of this process

    def hit(self, limits: Sequence[RateLimitItem], *key: str) -> int:
        """Count once for each limit; return the seconds until the next try, or 0 if no limit is exceeded."""
        found = notifier.run(lambda client: self._hit_shared(client, limits, key))
        return self._hit_own(limits, key) if found is None else found

    def _hit_shared(self, client: "redis.Redis", limits: Sequence[RateLimitItem], key: tuple[str, ...]) -> int:
        pipe = client.pipeline(transaction=False)
        for limit in limits:
            name = _PREFIX + limit.key_for(*key)
            pipe.set(name, 0, ex=limit.get_expiry(), nx=True)
            pipe.incr(name)
            pipe.ttl(name)
        answers = pipe.execute()
        counted = zip(limits, answers[1::3], answers[2::3], strict=True)
        waits = [max(1, cast(int, ttl)) for limit, count, ttl in counted if count > limit.amount]
        return max(waits, default=0)

    def _hit_own(self, limits: Sequence[RateLimitItem], key: tuple[str, ...]) -> int:
        for limit in limits:
            if not self._own.hit(limit, *key):
                reset = self._own.get_window_stats(limit, *key).reset_time
                return max(1, ceil(reset - now().timestamp()))
        return 0

"""Shared limits: counts of requests that hold for all web processes, kept in Redis; in memory while that is silent.

Without Redis each process counts by itself, which its log says: a limit then holds for each process, and nobody is
refused because of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import cast

import redis
import structlog
from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from platform_app import notifier
from platform_app.clock import now

log = structlog.get_logger()
_PREFIX = "platform:limit:"


@dataclass(frozen=True)
class Window:
    """What is left of a limit for a key: how often it may still happen, and the seconds until the count begins anew."""

    limit: RateLimitItem
    left: int
    seconds: int
    is_exceeded: bool = False


class SharedLimiter:
    """Counts what happens to a key in windows of time, once for all processes."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self._own = FixedWindowRateLimiter(self.storage)  # of this process
        self._is_alone = False

    def hit(self, limits: Sequence[RateLimitItem], *key: str) -> int:
        """Count once for each limit; return the seconds until the next try, or 0 if no limit is exceeded."""
        return max((window.seconds for window in self.count(limits, *key) if window.is_exceeded), default=0)

    def count(self, limits: Sequence[RateLimitItem], *key: str) -> list[Window]:
        """Count once for each limit; return what is left of each."""
        windows = notifier.run(lambda client: _count_shared(client, limits, key))
        self._note(is_alone=windows is None)
        return [self._count_own(limit, key) for limit in limits] if windows is None else windows

    def seconds_until_free(self, limit: RateLimitItem, *key: str) -> int:
        """Return the seconds until the next try if a limit is used up, else 0; nothing is counted."""
        name = _PREFIX + limit.key_for(*key)
        answers = notifier.run(lambda client: _read_shared(client, name))
        self._note(is_alone=answers is None)
        if answers is None:
            return 0 if self._own.test(limit, *key) else self._own_seconds(limit, key)
        count, seconds = (int(answer or 0) for answer in answers)
        return max(1, seconds) if count >= limit.amount else 0

    def _count_own(self, limit: RateLimitItem, key: tuple[str, ...]) -> Window:
        is_exceeded = not self._own.hit(limit, *key)
        left = max(0, self._own.get_window_stats(limit, *key).remaining)
        return Window(limit, left, self._own_seconds(limit, key), is_exceeded)

    def _own_seconds(self, limit: RateLimitItem, key: tuple[str, ...]) -> int:
        return max(1, ceil(self._own.get_window_stats(limit, *key).reset_time - now().timestamp()))

    def _note(self, *, is_alone: bool) -> None:
        """Log when this process begins and ends to count by itself."""
        if is_alone and not self._is_alone:
            log.warning("limits are counted by each web process for itself: Redis does not answer")
        elif self._is_alone and not is_alone:
            log.info("limits are counted for all web processes again")
        self._is_alone = is_alone


def _read_shared(client: "redis.Redis", name: str) -> list[int | str | None]:
    pipe = client.pipeline(transaction=False)
    pipe.get(name)
    pipe.ttl(name)
    return pipe.execute()


def _count_shared(client: "redis.Redis", limits: Sequence[RateLimitItem], key: tuple[str, ...]) -> list[Window]:
    pipe = client.pipeline(transaction=True)  # a count cannot expire between its creation and its increment
    for limit in limits:
        name = _PREFIX + limit.key_for(*key)
        pipe.set(name, 0, ex=limit.get_expiry(), nx=True)
        pipe.incr(name)
        pipe.ttl(name)
    answers = pipe.execute()
    counted = zip(limits, answers[1::3], answers[2::3], strict=True)
    return [
        Window(limit, max(0, limit.amount - count), max(1, cast(int, ttl)), count > limit.amount)
        for limit, count, ttl in counted
    ]

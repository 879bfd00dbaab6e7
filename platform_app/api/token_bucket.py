"""Token bucket: paces websockets, whose events are delayed rather than refused, in the memory of one process."""

import time
from collections import OrderedDict
from collections.abc import Callable

Clock = Callable[[], float]  # monotonic seconds


class TokenBucket:
    """An allowance of tokens that refills: `rate` tokens a second, at most `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Clock = time.monotonic) -> None:
        self.rate, self.burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def reserve(self, cost: float = 1.0) -> float:
        """Take tokens, also in advance; return the seconds to wait for them."""
        at = self._clock()
        self._tokens = min(self.burst, self._tokens + (at - self._at) * self.rate) - cost
        self._at = at
        return max(0.0, -self._tokens / self.rate)

    def seconds_until_taken(self, cost: float = 1.0) -> float:
        """Take tokens if available and return 0.0, else return the seconds until they would be."""
        seconds = self.reserve(cost)
        if seconds:
            self._tokens += cost
        return seconds

    def take(self, cost: float = 1.0) -> bool:
        """Take tokens if available; return whether they were."""
        return self.seconds_until_taken(cost) == 0.0


class TokenBuckets:
    """The buckets of many keys; the least recently used are dropped, which refills them."""

    def __init__(self, clock: Clock = time.monotonic, *, most: int = 10_000) -> None:
        self._clock, self._most = clock, most
        self._held: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: str, rate: float, burst: float) -> TokenBucket:
        """Return the bucket of a key, full if it is new."""
        bucket = self._held.pop(key, None) or TokenBucket(rate, burst, self._clock)
        self._held[key] = bucket
        while len(self._held) > self._most:
            self._held.popitem(last=False)
        return bucket

"""Limits: how often Kommo may be called, kept in Redis for all workers, else in this process.

The vendor allows an integration 7 requests a second and an account 50, and blocks who goes on after 429. Requests are
spaced evenly and somewhat slower, since they may arrive closer together than they were sent.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from threading import Event, Lock

import redis

from platform_app.config import settings

INTEGRATION_PER_SECOND, ACCOUNT_PER_SECOND = 7, 50  # what the vendor allows
_SHARE = 6 / 7  # of what is allowed
MAX_WAIT_SECONDS = 15.0  # in the thread of a job
PAUSE_SECONDS = 5.0  # after 429 that names no time
BLOCK_SECONDS = 60.0  # after 403 that follows 429
_KEY_SECONDS = 3_600

# Two schedules, each with the moment from which the next request may be sent, by the clock of Redis in microseconds.
# Returns how long to wait, and takes the place in both; or -1 - that, without taking one, if it is longer than allowed.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local at = now
for i = 1, 2 do at = math.max(at, tonumber(redis.call('GET', KEYS[i]) or '0')) end
if at - now > tonumber(ARGV[3]) then return -1 - (at - now) end
for i = 1, 2 do redis.call('SET', KEYS[i], string.format('%.0f', at + ARGV[i]), 'EX', ARGV[4]) end
return at - now
"""
_PAUSE = """
local clock = redis.call('TIME')
local deadline = clock[1] * 1000000 + clock[2] + ARGV[1]
if deadline > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', deadline), 'EX', ARGV[2])
end
return redis.call('SET', KEYS[2], '1', 'EX', 60)
"""


@dataclass(frozen=True)
class Limited:
    """Whose requests are counted: an integration in an account."""

    host: str
    integration_id: str

    @property
    def keys(self) -> list[str]:
        """The names of the two schedules."""
        return [f"platform:kommo:{self.host}:{self.integration_id}", f"platform:kommo:{self.host}"]


_INTERVALS = [1 / (rate * _SHARE) for rate in (INTEGRATION_PER_SECOND, ACCOUNT_PER_SECOND)]  # seconds
_lock = Lock()
_local: dict[str, float] = {}  # seconds of the monotonic clock, while Redis does not answer


@lru_cache(maxsize=4)
def _client(address: str) -> "redis.Redis":
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1, retry=None)


def take_turn(limited: Limited, *, max_wait: float = MAX_WAIT_SECONDS) -> float:
    """Wait for the turn to send a request; return 0, or how many seconds are left if that is longer than `max_wait`."""
    seconds = _reserve(limited, max_wait)
    if seconds < 0:
        return -seconds
    if seconds:
        Event().wait(seconds)
    return 0.0


def pause(limited: Limited, seconds: float) -> None:
    """Let no worker send a request for some seconds, since Kommo asked for it."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            keys = [limited.keys[0], f"{limited.keys[0]}:told"]
            _client(address).eval(_PAUSE, 2, *keys, int(seconds * 1_000_000), _KEY_SECONDS)
            return
        except (redis.RedisError, OSError):
            pass
    with _lock:
        _local[limited.keys[0]] = max(_local.get(limited.keys[0], 0.0), time.monotonic() + seconds)
        _local[f"{limited.keys[0]}:told"] = time.monotonic() + 60


def was_paused(limited: Limited) -> bool:
    """Return whether Kommo asked to wait within the last minute."""
    key, address = f"{limited.keys[0]}:told", settings().redis_url.get_secret_value()
    if address:
        try:
            return bool(_client(address).exists(key))
        except (redis.RedisError, OSError):
            pass
    return _local.get(key, 0.0) > time.monotonic()


def _reserve(limited: Limited, max_wait: float) -> float:
    """Return the seconds until the turn, which is taken; or minus them if they are more than `max_wait`."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            intervals = [int(seconds * 1_000_000) for seconds in _INTERVALS]
            limits = (int(max_wait * 1_000_000), _KEY_SECONDS)
            answer = int(str(_client(address).eval(_TAKE, 2, *limited.keys, *intervals, *limits)))
            return (answer if answer >= 0 else answer + 1) / 1_000_000
        except (redis.RedisError, OSError):
            pass  # each process then keeps the limit by itself
    with _lock:
        now = time.monotonic()
        at = max(now, *(_local.get(key, 0.0) for key in limited.keys))
        if at - now > max_wait:
            return now - at
        for key, interval in zip(limited.keys, _INTERVALS, strict=True):
            _local[key] = at + interval
        return at - now

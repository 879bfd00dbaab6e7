"""Call pace: how often another system may be called, kept in Redis for all workers, else in this process.

Calls are spaced evenly: a schedule holds the moment from which the next call may be sent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Event, Lock

import redis

from platform_app.config import settings

MAX_WAIT_SECONDS = 15.0  # in the thread of a job
TOLD_SECONDS = 60
_KEY_SECONDS = 3_600

# Schedules, each with the moment from which the next call may be sent, by the clock of Redis in microseconds.
# Returns how long to wait, and takes the place in all; or -1 - that, without taking one, if it is longer than allowed.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local at = now
for i = 1, #KEYS do at = math.max(at, tonumber(redis.call('GET', KEYS[i]) or '0')) end
if at - now > tonumber(ARGV[#KEYS + 1]) then return -1 - (at - now) end
for i = 1, #KEYS do redis.call('SET', KEYS[i], string.format('%.0f', at + ARGV[i]), 'EX', ARGV[#KEYS + 2]) end
return at - now
"""
_PAUSE = """
local clock = redis.call('TIME')
local deadline = clock[1] * 1000000 + clock[2] + ARGV[1]
if deadline > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], string.format('%.0f', deadline), 'EX', ARGV[2])
end
return redis.call('SET', KEYS[2], '1', 'EX', ARGV[3])
"""


@dataclass(frozen=True)
class Schedule:
    """Calls that are counted together, and the seconds between two of them."""

    key: str
    interval: float


_lock = Lock()
_local: dict[str, float] = {}  # seconds of the monotonic clock, while Redis does not answer


@lru_cache(maxsize=4)
def _client(address: str) -> "redis.Redis":
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1, retry=None)


def take_turn(schedules: Sequence[Schedule], *, max_wait: float = MAX_WAIT_SECONDS) -> float:
    """Wait for the turn to send a call; return 0, or how many seconds are left if that is longer than `max_wait`."""
    seconds = reserve(schedules, max_wait)
    if seconds < 0:
        return -seconds
    if seconds:
        Event().wait(seconds)
    return 0.0


def pause(key: str, seconds: float) -> None:
    """Let no worker send a call of a schedule for some seconds, since the other side asked for it."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            limits = (int(seconds * 1_000_000), _KEY_SECONDS, TOLD_SECONDS)
            _client(address).eval(_PAUSE, 2, key, _told(key), *limits)
            return
        except (redis.RedisError, OSError):
            pass
    with _lock:
        _local[key] = max(_local.get(key, 0.0), time.monotonic() + seconds)
        _local[_told(key)] = time.monotonic() + TOLD_SECONDS


def was_paused(key: str) -> bool:
    """Return whether the other side asked to wait within the last TOLD_SECONDS."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            return bool(_client(address).exists(_told(key)))
        except (redis.RedisError, OSError):
            pass
    return _local.get(_told(key), 0.0) > time.monotonic()


def _told(key: str) -> str:
    return f"{key}:told"


def reserve(schedules: Sequence[Schedule], max_wait: float) -> float:
    """Return the seconds until the turn, which is taken; or minus them if they are more than `max_wait`."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            keys = [schedule.key for schedule in schedules]
            intervals = [int(schedule.interval * 1_000_000) for schedule in schedules]
            limits = (int(max_wait * 1_000_000), _KEY_SECONDS)
            answer = int(str(_client(address).eval(_TAKE, len(keys), *keys, *intervals, *limits)))
            return (answer if answer >= 0 else answer + 1) / 1_000_000
        except (redis.RedisError, OSError):
            pass  # each process then keeps the limit by itself
    with _lock:
        now = time.monotonic()
        at = max(now, *(_local.get(schedule.key, 0.0) for schedule in schedules))
        if at - now > max_wait:
            return now - at
        for schedule in schedules:
            _local[schedule.key] = at + schedule.interval
        return at - now

"""Call pace: how often another system may be called, kept in Redis for all workers, else in this process.

Calls are spaced evenly: a schedule holds the moment from which the next call may be sent. Threads may run late and
connections take their time, so that calls arrive closer together than they were sent. A limit is therefore kept by
counting calls from when they are sent until a second after their answers: whenever they arrive, no second has more.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import Event, Lock

import redis

from platform_app.config import settings

MAX_WAIT_SECONDS = 15.0  # in the thread of a job
MAX_CALL_SECONDS = 120.0  # after which a call is not counted any more whose worker has died
_POLL_SECONDS = 0.05
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
# Adds a call to those that are counted for each limit; returns 0, and adds none, if one of them has enough already.
_ENTER = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', string.format('%.0f', now))
  if redis.call('ZCARD', KEYS[i]) >= tonumber(ARGV[i]) then return 0 end
end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], string.format('%.0f', now + ARGV[#KEYS + 2]), ARGV[#KEYS + 1])
  redis.call('EXPIRE', KEYS[i], ARGV[#KEYS + 3])
end
return 1
"""
# Lets a call that was answered be counted for a second more.
_LEAVE = """
local clock = redis.call('TIME')
local till = string.format('%.0f', clock[1] * 1000000 + clock[2] + 1000000)
for i = 1, #KEYS do redis.call('ZADD', KEYS[i], 'XX', till, ARGV[1]) end
return 1
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
    """Calls that are counted together, the seconds between two of them, and how many may arrive within a second."""

    key: str
    interval: float
    limit: int = 0  # 0: their number is not limited otherwise


_lock = Lock()
_local: dict[str, float] = {}  # seconds of the monotonic clock, while Redis does not answer
_under_way: dict[str, dict[str, float]] = {}  # until when calls are counted, in such seconds, by schedule and call


@lru_cache(maxsize=4)
def _client(address: str) -> "redis.Redis":
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1, retry=None)


@contextmanager
def turn(schedules: Sequence[Schedule], *, max_wait: float = MAX_WAIT_SECONDS) -> Iterator[float]:
    """Wait for the turn to make a call within the block, which keeps the limits of the schedules.

    Yields 0, or how many seconds are left if that is longer than `max_wait`: then no call is to be made.
    """
    end = time.monotonic() + max_wait
    if seconds := take_turn(schedules, max_wait=max_wait):
        yield seconds
        return
    limited, call_id = [schedule for schedule in schedules if schedule.limit], secrets.token_hex(8)
    while limited and not _enter(limited, call_id):
        if time.monotonic() > end:
            yield 1.0
            return
        Event().wait(_POLL_SECONDS)
    try:
        yield 0.0
    finally:
        if limited:
            _leave(limited, call_id)


def _enter(schedules: Sequence[Schedule], call_id: str) -> bool:
    """Count a call from now on; return False if a limit is reached."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            limits = [schedule.limit for schedule in schedules]
            keys = [_counted(schedule) for schedule in schedules]
            more = (call_id, int(MAX_CALL_SECONDS * 1_000_000), _KEY_SECONDS)
            return bool(_client(address).eval(_ENTER, len(keys), *keys, *limits, *more))
        except (redis.RedisError, OSError):
            pass
    with _lock:
        now = time.monotonic()
        for schedule in schedules:
            counted = _under_way.setdefault(schedule.key, {})
            for over in [name for name, until in counted.items() if until <= now]:
                del counted[over]
            if len(counted) >= schedule.limit:
                return False
        for schedule in schedules:
            _under_way[schedule.key][call_id] = now + MAX_CALL_SECONDS
        return True


def _leave(schedules: Sequence[Schedule], call_id: str) -> None:
    """Count a call that was answered for a second more."""
    with _lock:
        until = time.monotonic() + 1
        for schedule in schedules:
            if call_id in (counted := _under_way.get(schedule.key, {})):
                counted[call_id] = until
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            keys = [_counted(schedule) for schedule in schedules]
            _client(address).eval(_LEAVE, len(keys), *keys, call_id)
        except (redis.RedisError, OSError):
            pass  # it is counted until MAX_CALL_SECONDS are over


def _counted(schedule: Schedule) -> str:
    return f"{schedule.key}:calls"


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

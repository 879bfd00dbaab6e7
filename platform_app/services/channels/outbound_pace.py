"""Outbound pace: how often an account may send, counted in Redis for all workers, else in this process."""

import time
from functools import lru_cache
from threading import Event

import redis
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from platform_app.channels.push_channel import PushChannel
from platform_app.config import settings

MAX_WAIT_SECONDS = 2.0  # in the thread of a job; after that the job is queued again
_PAUSE_SECONDS = 0.05
_local = MovingWindowRateLimiter(MemoryStorage())


@lru_cache(maxsize=4)
def _shared(address: str) -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(RedisStorage(address, socket_timeout=1, socket_connect_timeout=1))


def take_turn(push: PushChannel, account_id: str, chat_id: str) -> bool:
    """Wait until an account may send to a contact; return False if that takes longer than MAX_WAIT_SECONDS."""
    chat = RateLimitItemPerSecond(push.chat_messages_per_second, push.chat_seconds)
    account = RateLimitItemPerSecond(push.messages_per_second)
    end = time.monotonic() + MAX_WAIT_SECONDS
    while not _take(chat, account, account_id, chat_id):
        if time.monotonic() > end:
            return False
        Event().wait(_PAUSE_SECONDS)
    return True


def _take(chat: RateLimitItemPerSecond, account: RateLimitItemPerSecond, account_id: str, chat_id: str) -> bool:
    """Count a message in both limits if both allow it; who waits for one takes no place in the other."""
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            return _take_from(_shared(address), chat, account, ("outbound", account_id, chat_id))
        except (redis.RedisError, StorageError, OSError):  # the limits then hold for each worker by itself
            pass
    return _take_from(_local, chat, account, ("outbound", account_id, chat_id))


def _take_from(
    limiter: MovingWindowRateLimiter,
    chat: RateLimitItemPerSecond,
    account: RateLimitItemPerSecond,
    key: tuple[str, str, str],
) -> bool:
    return limiter.test(chat, *key) and limiter.hit(account, *key[:2], "") and limiter.hit(chat, *key)

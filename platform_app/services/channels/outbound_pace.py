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
    chat = RateLimitItemPerSecond(push.chat_messages_per_second)
    account = RateLimitItemPerSecond(push.messages_per_second)
    end = time.monotonic() + MAX_WAIT_SECONDS
    while not (_hit(chat, account_id, chat_id) and _hit(account, account_id, "")):
        if time.monotonic() > end:
            return False
        Event().wait(_PAUSE_SECONDS)
    return True


def _hit(limit: RateLimitItemPerSecond, account_id: str, chat_id: str) -> bool:
    """Count a message; return whether the limit allows it."""
    key = ("outbound", account_id, chat_id)
    address = settings().redis_url.get_secret_value()
    if address:
        try:
            return _shared(address).hit(limit, *key)
        except (redis.RedisError, StorageError, OSError):  # the limit then holds for each worker by itself
            pass
    return _local.hit(limit, *key)

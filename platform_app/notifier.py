"""Notifier: wakes workers and open pages through Redis. It may be down at any time; nothing depends on it."""

import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

import redis
import redis.asyncio
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

from platform_app.broker import send_wakeups
from platform_app.config import settings

T = TypeVar("T")
log = structlog.get_logger()
_RETRY_AFTER = 5.0  # seconds without a try after a failure
_lock = Lock()
_paused_until = 0.0


def _address() -> str:
    return settings().redis_url.get_secret_value() or "redis://127.0.0.1:6379/0"


@lru_cache
def connection() -> "redis.Redis":
    """Return the process's Redis client, with timeouts of one second and without retries."""
    return redis.Redis.from_url(
        _address(),
        socket_timeout=1,
        socket_connect_timeout=1,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )


def waiting_connection() -> "redis.Redis":
    """Return a Redis client for a worker that blocks on the queue; it answers within five seconds."""
    return redis.Redis.from_url(_address(), socket_timeout=5, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0))


def subscriber_connection() -> "redis.asyncio.Redis":
    """Return an asynchronous Redis client for one event loop that reads published changes."""
    return redis.asyncio.Redis.from_url(
        _address(),
        socket_timeout=10,
        socket_connect_timeout=1,
        decode_responses=True,
    )


def stream_name(tenant_id: str) -> str:
    """Return the name of the Redis stream of a tenant's changes."""
    return f"platform:updates:{tenant_id}"


def publish(tenant_id: str, topic: str, subject_id: str) -> None:
    """Notify the tenant's open pages of a change of `subject_id`; errors of Redis are logged, not raised."""
    change: dict[Any, Any] = {"topic": topic, "id": subject_id}
    run(lambda client: client.xadd(stream_name(tenant_id), change, maxlen=1000, approximate=True))


def delete_stream(tenant_id: str) -> None:
    """Delete the stream of a tenant that no longer exists; errors of Redis are logged, not raised."""
    run(lambda client: client.delete(stream_name(tenant_id)))


def wake_workers(count: int) -> bool:
    """Wake up to `count` threads of workers, for jobs that are due; return whether Redis accepted it."""

    def send(client: "redis.Redis") -> bool:
        send_wakeups(client, count)
        return True

    return run(send) or False


def run(command: "Callable[[redis.Redis], T]") -> T | None:
    """Run a command on the process's Redis client; return None if Redis does not answer, which is logged."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return None
    try:
        return command(connection())
    except (redis.RedisError, OSError) as error:
        with _lock:
            _paused_until = time.monotonic() + _RETRY_AFTER
        log.warning("bell is silent", error=type(error).__name__)
        return None

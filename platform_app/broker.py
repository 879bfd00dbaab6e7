"""Broker: Dramatiq over a plain Redis list. A message is a wake-up, the job is a row, so a lost message is no loss.

That is why there are no acknowledgements, retries, delays or dead letters here: the ledger has them all.
"""

from collections.abc import Iterable
from threading import Condition
from typing import Any

import redis
import structlog
from dramatiq import Actor, Broker, Message
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import Middleware

log = structlog.get_logger()
QUEUE = "agent-jobs"
FALLBACK_ACTOR = "other-kinds"  # the actor of kinds that no other actor has
_BLOCK_SECONDS = 1  # seconds that an idle consumer waits in Redis before it looks whether it is to stop


def list_name(queue: str) -> str:
    """Return the Redis list of a queue."""
    return f"platform:queue:{queue}"


def send_wakeups(client: "redis.Redis", jobs: list[tuple[str, str]]) -> None:
    """Push a wake-up for each job, given as kind and id: the kind names the actor."""
    messages: Iterable[Message[Any]] = (
        Message(queue_name=QUEUE, actor_name=kind, args=(job,), kwargs={}, options={}) for kind, job in jobs
    )
    client.rpush(list_name(QUEUE), *(message.encode() for message in messages))


class WakeupBroker(Broker):
    """Carries wake-ups to the worker's threads within a millisecond of the push."""

    def __init__(self, client: "redis.Redis", middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware=middleware or [])
        self.client = client

    def declare_queue(self, queue_name: str) -> None:
        """Take note of a queue."""
        if queue_name not in self.queues:
            self.queues[queue_name] = None

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Push a message; delays belong to the ledger.

        Raises ValueError if a delay is given: delays belong to the ledger.
        """
        if delay:
            raise ValueError("delays belong to the ledger")
        self.client.rpush(list_name(message.queue_name), message.encode())
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> "WakeupConsumer":
        """Return a consumer of a queue."""
        return WakeupConsumer(self, queue_name, prefetch)

    def get_actor(self, actor_name: str) -> Actor[Any, Any]:
        """Return the actor of a kind of job; of a kind that this release does not know, the one that ends its job."""
        return super().get_actor(actor_name if actor_name in self.actors else FALLBACK_ACTOR)

    def get_declared_queues(self) -> set[str]:
        """Return the names of the queues."""
        return set(self.queues)

    def flush(self, queue_name: str) -> None:
        """Drop the wake-ups of a queue; their jobs stay."""
        self.client.delete(list_name(queue_name))

    def flush_all(self) -> None:
        """Drop all wake-ups."""
        for queue_name in self.queues:
            self.flush(queue_name)


class WakeupConsumer(Consumer):
    """Waits in Redis for wake-ups while threads are free, and on the threads while none is."""

    def __init__(self, broker: WakeupBroker, queue_name: str, prefetch: int) -> None:
        self.client = broker.client
        self.name = list_name(queue_name)
        self.prefetch = prefetch
        self.fetched: list[bytes | str] = []
        self.in_progress = 0
        self.change = Condition()

    def __next__(self) -> MessageProxy | None:
        with self.change:
            if self.in_progress >= self.prefetch and not self.change.wait_for(
                lambda: self.in_progress < self.prefetch, _BLOCK_SECONDS
            ):
                return None
            room = self.prefetch - self.in_progress
        if not self.fetched:
            self.fetched = self._fetch(room)
        if not self.fetched:
            return None
        data = self.fetched.pop(0)
        try:
            message = Message.decode(data.encode() if isinstance(data, str) else data)
        except Exception as error:  # the ledger rings again for whatever it was
            log.warning("a wake-up cannot be read", error=type(error).__name__)
            return None
        with self.change:
            self.in_progress += 1
        return MessageProxy(message)

    def _fetch(self, room: int) -> list[bytes | str]:
        try:
            first: Any = self.client.blpop([self.name], timeout=_BLOCK_SECONDS)
            if first is None:
                return []
            more: Any = self.client.lpop(self.name, room - 1) if room > 1 else None
            return [first[1], *(more or [])]
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def _done(self) -> None:
        with self.change:
            self.in_progress -= 1
            self.change.notify_all()

    def ack(self, message: MessageProxy) -> None:
        """Make room for the next."""
        self._done()

    def nack(self, message: MessageProxy) -> None:
        """Make room for the next."""
        self._done()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give wake-ups back that were not begun. Raises ConnectionClosed if Redis does not answer."""
        data = [message.encode() for message in messages]
        try:
            if data:
                self.client.lpush(self.name, *data)
        except redis.RedisError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give back what was fetched and not begun; lost is nothing, the ledger rings again."""
        try:
            if self.fetched:
                self.client.lpush(self.name, *self.fetched)
        except redis.RedisError:
            pass
        self.fetched = []

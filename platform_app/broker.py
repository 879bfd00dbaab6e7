"""Broker: Dramatiq over a plain Redis list. A message only wakes a thread; which job is next, the ledger says.

A lost message loses nothing, so there are no acknowledgements, retries, delays or dead letters here: the ledger has
them.
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
WAKE_ACTOR = "next-job"  # the only actor: its thread asks the ledger what is next
MAX_WAKEUPS = 100  # that wait in Redis, however many jobs are due
_BLOCK_SECONDS = 1  # seconds between an idle consumer's checks whether to stop


def list_name(queue: str) -> str:
    """Return the name of the Redis list of a queue."""
    return f"platform:queue:{queue}"


def send_wakeups(client: "redis.Redis", count: int) -> None:
    """Push wake-ups for `count` threads; of those that wait, the newest MAX_WAKEUPS are kept.

    Workers of the previous release expect the id of a job: an empty one has no effect on them.
    """
    wakeup: Message[Any] = Message(queue_name=QUEUE, actor_name=WAKE_ACTOR, args=("",), kwargs={}, options={})
    pipe = client.pipeline(transaction=False)
    pipe.rpush(list_name(QUEUE), *([wakeup.encode()] * min(count, MAX_WAKEUPS)))
    pipe.ltrim(list_name(QUEUE), -MAX_WAKEUPS, -1)
    pipe.execute()


class WakeupBroker(Broker):
    """A Dramatiq broker that delivers wake-ups to the worker's threads."""

    def __init__(self, client: "redis.Redis", middleware: list[Middleware] | None = None) -> None:
        super().__init__(middleware=middleware or [])
        self.client = client

    def declare_queue(self, queue_name: str) -> None:
        """Declare a queue."""
        if queue_name not in self.queues:
            self.queues[queue_name] = None

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Push a message and return it. Raises ValueError if a delay is given; the ledger has delays."""
        if delay:
            raise ValueError("delays belong to the ledger")
        self.client.rpush(list_name(message.queue_name), message.encode())
        return message

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> "WakeupConsumer":
        """Return a consumer of a queue that prefetches `prefetch` wake-ups."""
        return WakeupConsumer(self, queue_name, prefetch)

    def get_actor(self, actor_name: str) -> Actor[Any, Any]:
        """Return the only actor; processes of the previous release name one for each kind of job."""
        return super().get_actor(WAKE_ACTOR)

    def get_declared_queues(self) -> set[str]:
        """Return the names of the queues."""
        return set(self.queues)

    def flush(self, queue_name: str) -> None:
        """Delete the wake-ups of a queue; their jobs stay."""
        self.client.delete(list_name(queue_name))

    def flush_all(self) -> None:
        """Delete all wake-ups."""
        for queue_name in self.queues:
            self.flush(queue_name)


class WakeupConsumer(Consumer):
    """Waits for wake-ups in Redis while threads are free, else for a free thread."""

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
        except Exception as error:  # the next tick sends others
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
            # Dramatiq leaves the exception without annotations
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def _done(self) -> None:
        with self.change:
            self.in_progress -= 1
            self.change.notify_all()

    def ack(self, message: MessageProxy) -> None:
        """Let a thread receive its next wake-up; what became of the job is in the ledger, not in Redis."""
        self._done()

    def nack(self, message: MessageProxy) -> None:
        """Do as `ack` does: a failed job is retried from the ledger."""
        self._done()

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Push unprocessed wake-ups back. Raises ConnectionClosed if Redis does not answer."""
        data = [message.encode() for message in messages]
        try:
            if data:
                self.client.lpush(self.name, *data)
        except redis.RedisError as error:
            # Dramatiq leaves the exception without annotations
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Push back fetched wake-ups. Errors are ignored: the next tick wakes workers for jobs that are due."""
        try:
            if self.fetched:
                self.client.lpush(self.name, *self.fetched)
        except redis.RedisError:
            pass
        self.fetched = []

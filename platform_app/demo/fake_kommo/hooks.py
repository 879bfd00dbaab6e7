"""Hooks: posts of the fake to those who subscribed: unsigned forms, repeated, out of order, switched off when ignored.

Reference: amocrm.ru/developers, webhooks: a hook that is not answered well within 2 seconds is sent again up to four
times, and after 100 bad answers the subscription is switched off.
"""

import random
import time
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Condition, Thread, local
from typing import Any

import httpx

from platform_app.demo.fake_kommo import hook_forms

ANSWER_SECONDS = 2.0
MAX_BAD_ANSWERS = 100
REPEATS = 4


@dataclass
class Subscription:
    """An address and what is posted to it, such as status_lead."""

    id: int
    destination: str
    settings: list[str]
    bad_answers: int = 0
    disabled: bool = False


@dataclass
class _Post:
    subscription: Subscription
    body: bytes
    repeat: int = 0
    due: float = 0.0


@dataclass
class Delivery:
    """A post that was made; status 0: no answer."""

    destination: str
    body: bytes
    status: int
    seconds: float


class HookSender:
    """Posts hooks in threads of its own; what goes wrong on the way can be set."""

    def __init__(self, threads: int = 4) -> None:
        self.subscriptions: list[Subscription] = []
        self.deliveries: list[Delivery] = []
        self.duplicates = 0.0  # share of hooks that are sent twice
        self.losses = 0.0  # share of hooks that are never sent
        self.is_shuffled = False  # hooks overtake each other
        self.pauses = [5.0, 15.0, 15.0, 60.0]  # seconds before repeats; minutes at the vendor
        self.routes: dict[str, str] = {}  # the start of a destination, and where it leads on this machine
        self.random = random.Random(1)  # noqa: S311  # a fake
        self._queue: Queue[_Post] = Queue()
        self._waiting, self._change = 0, Condition()
        self._later: list[_Post] = []
        self._is_closed = False
        self._clients = local()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop sending."""
        self._is_closed = True
        for thread in self._threads:
            thread.join(5)

    def send(self, setting: str, tree: dict[str, Any]) -> None:
        """Post a tree to everybody who subscribed to a setting, such as add_lead."""
        body = hook_forms.encode(tree)
        for subscription in list(self.subscriptions):
            if subscription.disabled or setting not in subscription.settings:
                continue
            if self.random.random() < self.losses:
                continue
            copies = 2 if self.random.random() < self.duplicates else 1
            for _ in range(copies):
                self._put(_Post(subscription, body))

    def post_raw(self, destination: str, body: bytes) -> int:
        """Post a body to an address and return the status, 0 if there is no answer within 2 seconds."""
        address, headers = destination, {"content-type": "application/x-www-form-urlencoded"}
        for start, there in self.routes.items():
            if destination.startswith(start):
                address, headers["host"] = there + destination[len(start) :], start.split("://")[-1]
        begun = time.monotonic()
        try:
            status = self._client().post(address, content=body, headers=headers, timeout=ANSWER_SECONDS).status_code
        except httpx.HTTPError:
            status = 0
        self.deliveries.append(Delivery(destination, body, status, time.monotonic() - begun))
        return status

    def wait(self, seconds: float = 30) -> bool:
        """Wait until every hook was sent, without repeats that are due later; return whether that came true."""
        with self._change:
            return self._change.wait_for(lambda: self._waiting == 0, seconds)

    def _client(self) -> httpx.Client:
        if not hasattr(self._clients, "client"):
            self._clients.client = httpx.Client(trust_env=False)
        client: httpx.Client = self._clients.client
        return client

    def _put(self, post: _Post) -> None:
        with self._change:
            self._waiting += 1
        self._queue.put(post)

    def _work(self) -> None:
        while not self._is_closed:
            self._take_due()
            try:
                post = self._queue.get(timeout=0.05)
            except Empty:
                continue
            if self.is_shuffled and not self._queue.empty() and self.random.random() < 0.5:
                self._queue.put(post)
                continue
            self._deliver(post)
            with self._change:
                self._waiting -= 1
                self._change.notify_all()

    def _take_due(self) -> None:
        with self._change:
            due = [post for post in self._later if post.due <= time.monotonic()]
            self._later = [post for post in self._later if post not in due]
        for post in due:
            self._put(post)

    def _deliver(self, post: _Post) -> None:
        subscription = post.subscription
        if subscription.disabled:
            return
        if 100 <= self.post_raw(subscription.destination, post.body) < 300:
            subscription.bad_answers = 0
            return
        subscription.bad_answers += 1
        subscription.disabled = subscription.bad_answers >= MAX_BAD_ANSWERS
        if post.repeat < REPEATS:
            due = time.monotonic() + self.pauses[post.repeat]
            with self._change:
                self._later.append(_Post(subscription, post.body, post.repeat + 1, due))

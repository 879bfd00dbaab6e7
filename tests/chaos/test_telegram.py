"""Telegram under fire: web and worker die while customers and members write; nothing is lost and nothing doubled.

What a worker was sending when it died may have arrived or not: such a part is uncertain, and is not sent again.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from platform_app.db import owned, session_scope
from platform_app.models.channel import ChannelIdentity, OutboundPart, OutboundState
from platform_app.models.conversation import Author, Message
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import member_messages
from tests import prefork
from tests.channels.bots import PUBLIC_URL, connected
from tests.channels.bots import telegram as telegram
from tests.chaos.conftest import NewWorker, OwnRedis, size
from tests.conftest import answers, forget_process_state, free_port, wait_for
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_updates import Customer
from tests.talking import add_agent, call

CHATS = int(size("CHATS", 12, 40))
MESSAGES = int(size("MESSAGES", 12, 50))  # of each chat, each way
EVERY = 4.0  # seconds between kills
PATIENCE = 240


class Routes:
    """A web process without its pages."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "routes.log"
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = os.environ | {"PLATFORM_PORT": str(self.port)}
        self.process = prefork.Popen("tests.chaos.routes_main", environment, self.log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def routes(own_redis: OwnRedis, telegram: FakeTelegram, env: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Routes]:
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC_URL)
    forget_process_state()
    made = Routes(tmp_path)
    telegram.routes[PUBLIC_URL] = made.address
    wait_for(lambda: answers(f"{made.address}/healthz"), 60)
    yield made
    made.kill()


def said(who: Identity) -> Counter[str]:
    """Return how often each text of a customer was stored."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Message, who.tenant_id).where(Message.author == Author.CONTACT)
        return Counter(session.exec(query.with_only_columns(Message.text)).all())


def states(who: Identity) -> dict[str, OutboundState]:
    """Return the state of each text that went out."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(OutboundPart, who.tenant_id).with_only_columns(OutboundPart.text, OutboundPart.state)
        return dict(session.execute(query).all())


class Killer:
    """Kills the worker and the web process again and again, and starts them anew."""

    def __init__(self, **processes: Any) -> None:
        self.processes, self.kills, self._ended = processes, 0, Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(EVERY):
            for process in self.processes.values():
                process.kill()
                process.start()
            self.kills += 1

    def end(self) -> None:
        """Stop killing; all that was killed is started again."""
        self._ended.set()
        self._thread.join()


def write_both_ways(who: Identity, telegram: FakeTelegram, people: list[Customer]) -> None:
    """Let customers and members write in turn."""
    with session_scope(who.tenant_id, read_only=True) as session:
        identities = session.exec(owned(ChannelIdentity, who.tenant_id)).all()
        talks = {int(row.outside_id): row.conversation_id for row in identities}
    for number in range(1, MESSAGES + 1):
        for person in people:
            person.write(f"in {person.chat_id} {number}")
            call(who, member_messages.send, talks[person.chat_id], f"out {person.chat_id} {number}")


def test_each_message_once_each_way(
    who: Identity, routes: Routes, telegram: FakeTelegram, new_worker: NewWorker
) -> None:
    connected(who, telegram, add_agent(who))
    worker = new_worker("worker", PLATFORM_LEASE_SECONDS="2", PLATFORM_TELEGRAM_API_URL=telegram.address)
    people = [telegram.customer(chat_id) for chat_id in range(1, CHATS + 1)]
    for person in people:
        person.write(f"in {person.chat_id} 0")
    wait_for(lambda: len(said(who)) == CHATS, PATIENCE, 0.2)
    killer, started = Killer(worker=worker, web=routes), time.monotonic()
    write_both_ways(who, telegram, people)
    wait_for(lambda: killer.kills >= 2, PATIENCE, 0.2)
    killer.end()
    waiting = {OutboundState.WAITING, OutboundState.SENDING}
    incoming = CHATS * (MESSAGES + 1)
    wait_for(lambda: len(said(who)) == incoming and not waiting & set(states(who).values()), PATIENCE, 0.3)
    arrived, ends = Counter(one["plain"] for one in telegram.sent), states(who)
    uncertain = [text for text, state in ends.items() if state == OutboundState.UNCERTAIN]
    took = round(time.monotonic() - started)
    print("each way", CHATS * MESSAGES, "kills of each", killer.kills, "uncertain", len(uncertain), "seconds", took)
    assert set(said(who).values()) == {1} and len(said(who)) == incoming
    assert len(ends) == CHATS * MESSAGES and set(ends.values()) <= {OutboundState.SENT, OutboundState.UNCERTAIN}
    assert set(arrived.values()) == {1}
    assert {text for text, state in ends.items() if state == OutboundState.SENT} <= set(arrived)
    assert len(uncertain) <= killer.kills * 5  # at most one for each thread of a worker that died
    for person in people:
        numbers = [int(text.split()[2]) for text in telegram.texts(person.chat_id)]
        assert numbers == sorted(numbers)
    assert call(who, channel_accounts.list_accounts)[0].problem == ""

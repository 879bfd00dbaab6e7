"""Take-over guarantee: whatever happens at the same time, nothing automatic is sent while a person is in charge.

Each case is a random interleaving of real services on one conversation: the model streams, a delayed reply, a rule and
a step are due, a worker dies and another takes up its reply, two workers write the same one, a member takes over and
hands back. Every transaction is one step of the interleaving; with `PLATFORM_TEST_FULL` there are ten thousand cases.
"""

import os
import random
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event

from platform_app import db
from platform_app.automation import send_gate
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.engine.sequences import sequence_scheduler
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import (
    agent_messages,
    conversations,
    hand_off,
    held_messages,
    member_messages,
    reply_context,
    reply_store,
    sending,
)
from tests import talking
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, do, enrolled
from tests.talking import call, published, real_talk, run_jobs
from worker.tasks import HANDLERS

FULL = bool(os.environ.get("PLATFORM_TEST_FULL"))
ON_POSTGRES = bool(os.environ.get("PLATFORM_TEST_POSTGRES"))
CASES = (1_000 if ON_POSTGRES else 10_000) if FULL else 10 if ON_POSTGRES else 30
Step = Callable[[], object]


class Case:
    """One conversation, what goes on in it, and what was sent while a person was in charge."""

    def __init__(self, who: Identity, agents: dict[str, str], sequence: str, chance: random.Random) -> None:
        self.who, self.chance = who, chance
        self.talk = real_talk(who, agents[chance.choice(["now", "delayed"])])
        self.sequence = sequence
        self.sent: set[str] = set()
        self.in_charge = False
        self.broken: list[str] = []
        self.log: list[str] = []

    def run(self) -> None:
        """Do steps of several actors in a random order."""
        actors = [self.contact(), self.automation(), self.member(), self.clock()]
        actors += [self.writer(f"writer {number}") for number in range(2)]
        while actors:
            actor = self.chance.choice(actors)
            try:
                name = next(actor)
            except StopIteration:
                actors.remove(actor)
                continue
            self.log.append(name)
            self.look(name)

    def look(self, name: str) -> None:
        """Note what was sent in a step in which a person was in charge from its beginning to its end."""
        with session_scope(self.who.tenant_id, read_only=True) as session:
            query = owned(Message, self.who.tenant_id).where(
                Message.conversation_id == self.talk,
                Message.author == Author.AGENT,
                Message.state == MessageState.COMPLETE,
            )
            found = set(session.exec(query.with_only_columns(Message.id)).all())
            talk = session.exec(owned(Conversation, self.who.tenant_id).where(Conversation.id == self.talk)).one()
            in_charge = talk.state == ConversationState.HANDED_OFF
        if self.in_charge and in_charge and found - self.sent:
            self.broken.append(name)
        self.sent, self.in_charge = found, in_charge

    def contact(self) -> Iterator[str]:
        """Write several times."""
        for number in range(3):
            call(self.who, conversations.receive, self.talk, f"Question {number}")
            yield "contact writes"

    def automation(self) -> Iterator[str]:
        """Let rules run, steps be taken, and automation send and ask."""
        contact = call(self.who, conversations.get, self.talk).contact_id
        for _ in range(2):
            call(self.who, agent_messages.send_message, self.talk, "Automatic")
            yield "automation sends"
            enrolled(self.who, self.sequence, contact)
            yield "step is due"
            sequence_scheduler.run_due_steps()
            yield "steps are taken"
            call(self.who, agent_messages.request_message, self.talk, "Write to them")
            yield "automation asks"

    def clock(self) -> Iterator[str]:
        """Do what the worker does by the clock."""
        for _ in range(3):
            held_messages.release_due()
            yield "held messages are tried again"
            run_jobs(self.who)  # of events: the writers write the replies
            yield "rules run"

    def member(self) -> Iterator[str]:
        """Take over by the button or by writing, hand back, and do it again."""
        for _ in range(2):
            yield "member looks"
            if self.chance.random() < 0.5:
                call(self.who, hand_off.take_over, self.talk)
            else:
                call(self.who, member_messages.send, self.talk, "I am here")
            yield "member takes over"
            for _ in range(self.chance.randrange(4)):
                yield "member thinks"
            if self.chance.random() < 0.7:
                call(self.who, hand_off.hand_back, self.talk)
                yield "member hands back"

    def writer(self, name: str) -> Iterator[str]:
        """Write whatever reply there is, as a worker does; it may die at any time, and another takes its reply up."""
        for _ in range(4):
            reply = self.to_write()
            work = reply_context.load_context(self.who.tenant_id, reply) if reply else None
            yield f"{name} loads"
            if work is None:
                continue
            for words in ("One. ", "One. Two. ", "One. Two. Three."):
                work.raw_text = work.visible_text = words
                if not reply_store.flush(work):
                    break
                yield f"{name} flushes"
                if self.chance.random() < 0.15:
                    work = None
                    break  # it dies
            if work is None:
                yield f"{name} dies"
                continue
            end = self.chance.choice([reply_store.complete, reply_store.complete, reply_store.store_if_stopped])
            end(work)
            yield f"{name} ends by {end.__name__}"

    def to_write(self) -> str:
        """Begin a reply that is delayed or abandoned, and return its id."""
        with session_scope(self.who.tenant_id) as session:
            query = owned(Message, self.who.tenant_id).where(
                Message.conversation_id == self.talk,
                Message.state.in_((MessageState.DELAYED, MessageState.STREAMING)),  # type: ignore[attr-defined]
            )
            rows = list(session.exec(query).all())
            if not rows:
                return ""
            row = self.chance.choice(rows)
            row.state, row.beat_at = MessageState.STREAMING, now() - timedelta(seconds=60)
            return str(row.id)


def broken_cases(who: Identity, monkeypatch: pytest.MonkeyPatch, count: int) -> list[tuple[int, list[str]]]:
    """Run cases with seeds of their own; return those in which something was sent, with their steps."""
    monkeypatch.setattr(talking, "HANDLERS", dict(HANDLERS) | {"reply": lambda job: None})
    if not ON_POSTGRES:
        event.listen(db.engine(), "connect", lambda connection, record: connection.execute("PRAGMA synchronous=OFF"))
        db.engine().dispose()
    agents = {"now": published(who), "delayed": published(who, reply_delay_seconds=3_600)}
    a_rule(who, "message_received", {"kind": "send_message", "text": "A rule"})
    sequence = a_sequence(who, do("one", {"kind": "send_message", "text": "A step"}), again="always")
    first = int(os.environ.get("PLATFORM_SEED", "0")) or random.randrange(10**9)
    print(f"seeds {first} to {first + count - 1}")
    found = []
    for seed in range(first, first + count):
        case = Case(who, agents, sequence, random.Random(seed))
        case.run()
        if case.broken:
            found.append((seed, case.log))
    return found


def test_nothing_automatic_is_sent_while_a_person_is_in_charge(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken_cases(who, monkeypatch, CASES) == []


def test_without_the_gate_the_same_cases_fail(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "decide", lambda context, message, moment: send_gate.Decision())
    assert broken_cases(who, monkeypatch, 6)

"""Reply writers: a reply is written by one, whoever dies."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Unavailable
from platform_app.models.agent import Agent
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import replies, reply_store, reply_streams
from platform_app.services.chat.reply_context import ReplyContext
from tests.chat.test_replies import running
from tests.fake_provider import FakeProvider, chunk, plays, says, serving
from tests.talking import (
    activities,
    answered,
    begin,
    events,
    real_talk,
    row,
    run_jobs,
    say,
    trace,
    written,
)


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=1)


def age(who: Identity, reply: Message, seconds: float, text: str = "") -> None:
    with session_scope(who.tenant_id) as session:
        found = session.exec(owned(Message, who.tenant_id).where(Message.id == reply.id)).one()
        found.beat_at, found.text = now() - timedelta(seconds=seconds), text


def test_replies_of_the_dead_are_marked(provider: FakeProvider, who: Identity, other: Identity) -> None:
    with_text, without, alive = (say(tenant, begin(tenant)) for tenant in (who, other, who))
    age(who, with_text, 21, "Half")
    age(other, without, 21)
    age(who, alive, 5, "Going")
    replies.mark_interrupted()
    assert (row(who, with_text).state, row(who, with_text).text) == (MessageState.PARTIAL, "Half")
    assert row(other, without).state == MessageState.FAILED
    assert row(who, with_text).error == row(other, without).error == "The reply was interrupted. Try again."
    assert row(who, alive).state == MessageState.STREAMING
    assert activities(who)[-1] == "“{agent}” couldn’t reply"


@pytest.mark.parametrize("marked", [False, True])
def test_a_worker_takes_up_what_a_dead_one_left(provider: FakeProvider, who: Identity, marked: bool) -> None:
    reply = say(who, begin(who))
    age(who, reply, 30, "Half")
    if marked:
        replies.mark_interrupted()
    replies.run_job(running(who, reply))
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.COMPLETE, "Hello there.")


def test_a_reply_that_a_contact_waits_for_is_written_again(provider: FakeProvider, who: Identity) -> None:
    reply = say(who, real_talk(who))
    age(who, reply, 30, "Half")
    replies.mark_interrupted()
    replies.mark_interrupted()
    assert row(who, reply).state == MessageState.PARTIAL
    run_jobs(who)
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.COMPLETE, "Hello there.")


async def test_a_reply_is_handed_over_when_its_process_ends(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", *["more "] * 50, pause=0.1), says("Hello there."))
    reply = say(who, begin(who))
    live = reply_streams.start(who.tenant_id, reply.id, reply.conversation_id)
    while not live.text:
        await live.grown.wait()
    await reply_streams.hand_over_all()
    left = row(who, reply)
    assert (left.state, left.text.startswith("One"), left.error) == (MessageState.STREAMING, True, "")
    assert live.done.is_set() and reply_streams.find(reply.id) is None
    await asyncio.to_thread(run_jobs, who)
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.COMPLETE, "Hello there.")


async def test_what_nobody_takes_up_is_marked_as_interrupted(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", *["more "] * 50, pause=0.1))
    reply = say(who, begin(who))
    live = reply_streams.start(who.tenant_id, reply.id, reply.conversation_id)
    while not live.text:
        await live.grown.wait()
    await reply_streams.hand_over_all()
    age(who, reply, 21, live.text)
    replies.mark_interrupted()
    assert row(who, reply).state == MessageState.PARTIAL


async def test_a_reply_that_is_stopped_is_not_handed_over(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", *["more "] * 50, pause=0.1))
    reply = say(who, begin(who))
    live = reply_streams.start(who.tenant_id, reply.id, reply.conversation_id)
    while not live.text:
        await live.grown.wait()
    await reply_streams.stop(reply.id)
    await reply_streams.hand_over_all()
    await asyncio.to_thread(run_jobs, who)
    assert row(who, reply).state == MessageState.STOPPED


async def test_a_worker_waits_for_who_writes_already(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", "two.", pause=0.5))
    reply = say(who, begin(who))
    job = asyncio.create_task(asyncio.to_thread(replies.run_job, running(who, reply)))
    assert (await written(who, reply)).text == "One two."
    await job
    assert len(provider.asked) == 1
    assert events(who).count("reply_sent") == 1


async def test_two_writers_send_once(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", "two.", pause=0.2))
    reply = say(who, begin(who))
    await asyncio.gather(written(who, reply), written(who, reply))
    assert row(who, reply).text == "One two."
    assert events(who).count("reply_sent") == 1


async def test_a_deleted_agent_answers_no_more(provider: FakeProvider, who: Identity) -> None:
    reply = say(who, begin(who))
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Agent, who.tenant_id)).one().deleted_at = now()
    assert (await written(who, reply)).error == "Agent not found. It may have been deleted."
    assert row(who, reply).state == MessageState.FAILED


async def test_numbers_and_letters_that_no_database_takes(provider: FakeProvider, who: Identity) -> None:
    usage = {"prompt_tokens": 10**30, "completion_tokens": -5, "total_tokens": 0}
    provider.will(plays(chunk("a\x00b\ud800c"), chunk(finish="stop") | {"usage": usage}, "[DONE]"))
    reply = await answered(who, begin(who))
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "ab\ufffdc")
    assert (trace(who, reply).prompt_tokens, trace(who, reply).completion_tokens) == (10**9, 0)


async def test_a_busy_database_does_not_end_a_reply(
    provider: FakeProvider, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.will(says(*["word "] * 30, pause=0.05))
    monkeypatch.setattr(replies, "FLUSH_SECONDS", 0.1)
    flush, times = reply_store.flush, []

    def busy(work: ReplyContext) -> bool:
        times.append(1)
        if len(times) < 5:
            raise Unavailable("The database is busy. Try again.")
        return flush(work)

    monkeypatch.setattr(reply_store, "flush", busy)
    assert (await answered(who, begin(who))).state == MessageState.COMPLETE
    assert len(times) > 5

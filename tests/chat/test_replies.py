"""Replies: every setting is obeyed, every fault is said in words, and what came is kept."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest

from platform_app import jobs
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Forbidden
from platform_app.llm import prompts
from platform_app.llm.client import FailureReason
from platform_app.models.agent import Agent, Channel
from platform_app.models.conversation import Conversation, Message, MessageState
from platform_app.models.crm import Contact, Lead, Pipeline, Stage, Task
from platform_app.models.knowledge import Category
from platform_app.models.person import Identity
from platform_app.services.chat import approvals, conversations, replies
from platform_app.services.knowledge import categories
from tests.fake_provider import KEY, FakeProvider, Step, chunk, hangs, plays, refuses, says, serving
from tests.talking import (
    ELSEWHERE,
    activities,
    add_source,
    answered,
    begin,
    call,
    conversation,
    events,
    row,
    say,
    trace,
    written,
)

TUNE_UP = "A full tune-up costs 40 euros and takes one day."


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=3)


async def test_from_message_to_stored_reply(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", TUNE_UP)
    add_source(who, "Else.md", *ELSEWHERE)
    opened = begin(who, knowledge="all", instructions="Be brief.", temperature=0.7, max_tokens=333, model="mine")
    provider.will(says("It costs ", "40 euros [1]. ", "Sure [9]."))
    reply = await answered(who, opened)
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "It costs 40 euros [1]. Sure.")
    assert [(s["number"], s["source_title"], s["text"]) for s in reply.sources] == [(1, "Prices.md", TUNE_UP)]
    body = provider.last.body
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("mine", 0.7, 333)
    assert provider.last.prompt.startswith("Be brief.\n\n<passages>\n[1] Prices.md\nA full")
    assert events(who) == ["conversation_started", "message_received", "reply_sent"]
    assert activities(who) == ["Conversation with “{agent}” started", "“{agent}” replied in “{title}”"]
    assert conversation(who, opened).last_line == "It costs 40 euros [1]. Sure."


async def test_the_trace_tells_why(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", TUNE_UP)
    add_source(who, "Else.md", *ELSEWHERE)
    why = trace(who, await answered(who, begin(who, knowledge="all")))
    assert (why.model, why.prompt_tokens, why.completion_tokens, why.cost) == ("fake-1", 120, 7, None)
    assert 0 < why.first_token_ms <= why.total_ms
    data = why.data
    assert (data["version"], data["finish_reason"], data["trigger"], data["tries"]) == (0, "stop", "message", 1)
    assert data["degraded"] is True  # no vector index runs here
    assert data["passages"][0]["used"] is True and data["passages"][0]["lexical_score"] > 0.15
    assert data["prompt"] == provider.last.body["messages"]
    assert set(data["milliseconds"]) == {"retrieval", "preparation", "first_token", "model"}
    assert KEY not in str(data)


async def test_a_known_price_is_counted(provider: FakeProvider, who: Identity) -> None:
    step = plays(chunk("Hi.") | {"model": "gpt-4o-mini"}, chunk(finish="stop") | {"model": "gpt-4o-mini"}, "[DONE]")
    provider.will(step)
    why = trace(who, await answered(who, begin(who)))
    assert why.cost is not None and 0 < why.cost < 0.01
    assert why.data["tokens_counted_by_provider"] is False


async def test_history_and_a_burst(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who)
    await answered(who, opened, "First?")
    early = say(who, opened, "Second,")
    late = say(who, opened, "and third?")
    assert (await written(who, early)).replaced
    assert (await written(who, late)).state == MessageState.COMPLETE
    assert len(provider.asked) == 2
    assert [(m["role"], m["content"]) for m in provider.last.body["messages"][1:]] == [
        ("user", "First?"),
        ("assistant", "Hello there."),
        ("user", "Second,\nand third?"),
    ]


async def test_what_is_known_of_lead_and_contact(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who)
    with session_scope(who.tenant_id) as session:
        contact = Contact(tenant_id=who.tenant_id, name="Ann Lee", phones=["+1 555"], tags=["vip"])
        pipeline = Pipeline(tenant_id=who.tenant_id, name="Sales")
        session.add_all([contact, pipeline])
        session.flush()
        stage = Stage(tenant_id=who.tenant_id, pipeline_id=pipeline.id, name="Talks")
        session.add(stage)
        session.flush()
        lead = Lead(tenant_id=who.tenant_id, title="Two bicycles", contact_id=contact.id, stage_id=stage.id)
        session.add(lead)
        session.flush()
        conversations.set_test_context(session, who, opened, lead_id=lead.id, contact_id=contact.id)
    await answered(who, opened)
    known = provider.last.prompt.split("<known>")[1].split("</known>")[0]
    assert known.strip().splitlines() == [
        "contact: Ann Lee",
        "phone: +1 555",
        "lead: Two bicycles",
        "stage: Talks",
        "Lead pipeline: Sales",
        "Contact tags: vip",
    ]


async def test_the_model_of_an_agent_that_names_none(provider: FakeProvider, who: Identity) -> None:
    await answered(who, begin(who))
    assert provider.last.body["model"] == "fake-1"


@pytest.mark.parametrize(("wished", "expected"), [("ru", "Russian"), ("en", "English"), ("customer", "Russian")])
async def test_setting_language(provider: FakeProvider, who: Identity, wished: str, expected: str) -> None:
    await answered(who, begin(who, reply_language=wished), "Сколько стоит ремонт?")
    assert f"Write in {expected}." in provider.last.prompt


async def test_setting_longest_reply(provider: FakeProvider, who: Identity) -> None:
    provider.will(says(*["A sentence of words. "] * 60))
    reply = await answered(who, begin(who, max_reply_chars=200))
    assert reply.state == MessageState.COMPLETE
    assert 150 < len(reply.text) <= 200
    assert reply.text.endswith("words.")
    assert "at most 200 characters" in provider.last.prompt


async def test_setting_markdown(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("# Prices\n", "**40** euros"))
    assert (await answered(who, begin(who, markdown=True))).text == "# Prices\n**40** euros"
    assert (await answered(who, begin(who, markdown=False))).text == "Prices\n40 euros"
    assert "plain text without any Markdown" in provider.last.prompt


async def test_setting_knowledge_and_categories(provider: FakeProvider, who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        open_shelf, closed = (Category(tenant_id=who.tenant_id, name=name) for name in ("Open", "Closed"))
        session.add_all([open_shelf, closed])
        session.flush()
        ids = open_shelf.id, closed.id
    add_source(who, "Prices.md", TUNE_UP, category_id=ids[0])
    add_source(who, "Else.md", *ELSEWHERE)
    add_source(who, "Secret.md", "A tune-up for friends is free.", category_id=ids[1])
    await answered(who, begin(who, knowledge="all"))
    assert "Prices.md" in provider.last.prompt and "Secret.md" in provider.last.prompt
    await answered(who, begin(who, knowledge="chosen", categories=[ids[0]]))
    assert "Prices.md" in provider.last.prompt and "Secret.md" not in provider.last.prompt
    with session_scope(who.tenant_id) as session:
        around = categories.add(session, who, "Around")
        session.exec(owned(Category, who.tenant_id).where(Category.id == ids[0])).one().parent_id = around.id
        outer = around.id
    await answered(who, begin(who, knowledge="chosen", categories=[outer]))  # brings what lies in it
    assert "Prices.md" in provider.last.prompt and "Secret.md" not in provider.last.prompt
    await answered(who, begin(who, knowledge="chosen", categories=[]))
    assert "<passages>" not in provider.last.prompt
    await answered(who, begin(who, knowledge="none"))
    assert "<passages>" not in provider.last.prompt


async def test_knowledge_of_another_tenant_is_never_read(
    provider: FakeProvider, who: Identity, other: Identity
) -> None:
    add_source(other, "Theirs.md", TUNE_UP)
    reply = await answered(who, begin(who, knowledge="all"))
    assert "Theirs" not in provider.last.prompt
    assert trace(who, reply).data["passages"] == []


async def test_setting_no_answer(provider: FakeProvider, who: Identity) -> None:
    await answered(who, begin(who, knowledge="all", no_answer_text="Call 555."), "What is a zebra?")
    assert "say exactly: Call 555." in provider.last.prompt
    await answered(who, begin(who, knowledge="all"), "Кто такая зебра?")
    assert f"say exactly: {prompts.NO_ANSWER['ru']}" in provider.last.prompt


def tasks(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [task.text for task in session.exec(owned(Task, who.tenant_id))]


async def test_setting_task_without_an_answer(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", TUNE_UP)
    add_source(who, "Else.md", *ELSEWHERE)
    opened = begin(who, knowledge="all", no_answer_task=True, no_answer_text="Call 555.")
    await answered(who, opened, "Hello!")
    await answered(who, opened, "How much is a tune-up?")
    assert tasks(who) == []
    provider.will(says("Call 555."))  # the model says itself that the passages hold nothing
    await answered(who, opened, "Where do zebras live?")
    assert tasks(who) == ["Where do zebras live?"]
    assert events(who).count("task_created") == 1
    assert "Task: answer “{question}”" in activities(who)
    await answered(who, opened, "Is a tune-up for a scooter 40 euros too?")
    assert len(tasks(who)) == 2
    await answered(who, begin(who, knowledge="all", no_answer_text="Call 555."), "Where do zebras live?")
    assert len(tasks(who)) == 2


async def test_setting_check_before_sending(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, check_before_sending=True)
    reply = await answered(who, opened)
    assert reply.state == MessageState.TO_APPROVE
    assert "reply_sent" not in events(who)
    with session_scope(who.tenant_id) as session:
        approvals.approve(session, who, reply.id, "Hello from a person.")
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.COMPLETE, "Hello from a person.")
    assert events(who).count("reply_sent") == 1
    with session_scope(who.tenant_id) as session, pytest.raises(Conflict):
        approvals.approve(session, who, reply.id, "Twice.")


def running(who: Identity, reply: Message) -> jobs.RunningJob:
    payload = jobs.Reply(conversation_id=reply.conversation_id, message_id=reply.id)
    return jobs.RunningJob("j", who.tenant_id, "reply", payload=payload, attempt=1, lease_token="t")


def test_setting_delay(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, reply_delay_seconds=60)
    early = say(who, opened, "One.")
    late = say(who, opened, "Two.")
    assert late.state == MessageState.DELAYED
    assert late.due_at and timedelta(seconds=55) < late.due_at - now() <= timedelta(seconds=60)
    for reply in (early, late, late):  # the jobs of a burst, and one that is delivered twice
        replies.run_job(running(who, reply))
    assert len(provider.asked) == 1
    assert provider.last.body["messages"][-1]["content"] == "One.\nTwo."
    assert row(who, late).state == MessageState.COMPLETE
    assert row(who, early).replaced
    assert trace(who, late).data["trigger"] == "delay"


def test_settings_channel_and_active(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, reply_delay_seconds=60)
    reply = say(who, opened)
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Conversation, who.tenant_id)).one().channel = Channel.WEB_CHAT
    said, none = call(who, conversations.receive, opened, "Hello?")
    assert (said.gate["reason"], none) == ("agent_off", None)  # the message is kept, and says why nobody answers
    replies.run_job(running(who, reply))  # switched off while the reply waited
    assert (row(who, reply).state, row(who, reply).error) == (MessageState.FAILED, "This agent is turned off.")
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Agent, who.tenant_id)).one().active = True
    said, none = call(who, conversations.receive, opened, "Hello?")
    assert (said.gate["reason"], none) == ("channel", None)
    with pytest.raises(Forbidden, match="doesn’t work on this channel"):
        call(who, conversations.retry, reply.id)
    assert provider.asked == []


FAULTS: list[tuple[str, Step, str, str]] = [
    ("429", refuses(429, retry_after="60"), "", FailureReason.BUSY),
    ("bad key", refuses(401), "", FailureReason.KEY),
    ("unknown model", refuses(404), "", FailureReason.MODEL),
    ("cut", plays(chunk("Half"), then="cut"), "Half", FailureReason.INTERRUPTED),
    ("no finish reason", says("Half", finish=None, done=False), "Half", FailureReason.INTERRUPTED),
    ("malformed", plays(chunk("Half"), b"data: {nope\n\n"), "Half", FailureReason.INTERRUPTED),
    ("hang", hangs, "", FailureReason.TIMEOUT),
    ("drip", plays(chunk("Half"), *[b": alive\n\n", 0.1] * 100), "Half", FailureReason.TIMEOUT),
    ("page", plays(b"<html>", kind="text/html"), "", FailureReason.INVALID_RESPONSE),
    ("flood", plays(*[chunk("word " * 200)] * 200), "word", FailureReason.TOO_MUCH_TEXT),
    ("silence", says(""), "", "The model returned an empty reply. Try again."),
]


@pytest.mark.parametrize(("step", "kept", "sentence"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_a_fault_is_said_and_what_came_is_kept(
    provider: FakeProvider, who: Identity, step: Step, kept: str, sentence: str
) -> None:
    provider.will(step)
    reply = await answered(who, begin(who, model="fake-1"))
    assert reply.state == (MessageState.PARTIAL if kept else MessageState.FAILED)
    assert reply.text.startswith(kept) and bool(reply.text) == bool(kept)
    assert len(reply.text) <= 4000
    assert reply.error == sentence
    assert reply.finished_at
    assert events(who)[-1] == "message_received"
    assert activities(who)[-1] == "“{agent}” couldn’t reply"
    assert trace(who, reply).data["settings"]["model"] == "fake-1"


async def test_retry_after_a_fault(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who)
    provider.will(refuses(401), says("Fine."))
    bad = await answered(who, opened)
    with session_scope(who.tenant_id) as session:
        again = conversations.retry(session, who, bad.id)
    good = await written(who, again)
    assert (good.state, good.text) == (MessageState.COMPLETE, "Fine.")
    assert provider.last.body["messages"][-1]["content"] == "How much is a tune-up?"
    assert row(who, bad).replaced


async def test_text_is_kept_while_it_is_written(provider: FakeProvider, who: Identity) -> None:
    provider.will(says(*["word "] * 60, pause=0.03))
    reply, kept, pieces = say(who, begin(who)), set(), 0
    async for _ in replies.stream(who.tenant_id, reply.id):
        pieces += 1
        kept.add(len(row(who, reply).text))
    assert any(0 < length < 300 for length in kept)  # a kill would have kept as much
    assert pieces < 60  # pieces that come close together are one
    assert row(who, reply).text == ("word " * 60).strip()


@pytest.mark.parametrize("silent", [False, True])
async def test_stopped_by_a_person(provider: FakeProvider, who: Identity, silent: bool) -> None:
    words = [chunk("One "), chunk("two ")] if silent else [part for _ in range(100) for part in (chunk("word "), 0.05)]
    provider.will(plays(*words, then="hang"))
    reply, got = say(who, begin(who)), ""
    async for piece in replies.stream(who.tenant_id, reply.id):
        if not got:
            with session_scope(who.tenant_id) as session:
                conversations.stop(session, who, reply.id)
        got += piece
    after = row(who, reply)
    assert (after.state, after.error) == (MessageState.STOPPED, "")
    assert after.text == got.strip() != ""
    assert trace(who, reply).data["finish_reason"] == ""
    assert "reply_sent" not in events(who)


async def test_cancelled(provider: FakeProvider, who: Identity) -> None:
    provider.will(plays(chunk("One two"), then="hang"))
    reply, began = say(who, begin(who)), asyncio.Event()

    async def write() -> None:
        async for _ in replies.stream(who.tenant_id, reply.id):
            began.set()

    task = asyncio.create_task(write())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (row(who, reply).state, row(who, reply).text) == (MessageState.STOPPED, "One two")


async def test_a_reply_that_was_edited_away_is_not_sent(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("One ", "two.", pause=0.4), says("Better."))
    opened = begin(who)
    reply, edited = say(who, opened), None
    async for _ in replies.stream(who.tenant_id, reply.id):
        if edited is None:
            with session_scope(who.tenant_id) as session:
                assert reply.answers_id
                _, edited = conversations.edit_and_resend(session, who, reply.answers_id, "Other?")
    assert row(who, reply).replaced
    assert "reply_sent" not in events(who)
    assert edited is not None
    assert (await written(who, edited)).text == "Better."
    assert [m["content"] for m in provider.last.body["messages"][1:]] == ["Other?"]

"""Traces: a message is one trace from the request over the job to the model, and holds no text of anybody."""

import asyncio
from typing import Any

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.conversation import Message, MessageState
from platform_app.models.job import Job, JobState
from platform_app.models.person import Identity
from platform_app.services.chat import reply_streams
from platform_app.services.jobs import ledger
from platform_app.tracing import spans
from tests.api.keys import a_key, an_account
from tests.api.keys import ask as ask_api
from tests.fake_provider import FakeProvider, calls, refuses, says
from tests.fakes.collector import CollectedSpan, Collector
from tests.jobs.test_unreadable_jobs import work
from tests.talking import add_source, answered, begin, published, trace
from tests.tools.test_http_tools import Shop, add
from tests.tools.test_http_tools import shop as shop
from tests.visiting import a_chat, ask, message, rows

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
SECRET_WORDS = "How much is the purple tandem?"
ANSWER = "Exactly 4711 ducats"


def reply_job(who: Identity, *, is_due: bool = True) -> Job:
    """Return the job of a delayed reply, which is due from now on."""
    with session_scope(who.tenant_id) as session:
        job: Job = session.exec(owned(Job, who.tenant_id).where(Job.kind == "reply")).one()
        job.run_at = now() if is_due else job.run_at
        return job


def delayed_agent(who: Identity, **settings: Any) -> str:
    return published(who, channels=["test", "api"], reply_delay_seconds=60, **settings)


async def visitor_writes(who: Identity, **settings: Any) -> None:
    chat = a_chat(who, delayed_agent(who, **settings))
    assert (await ask(chat, "messages", message(SECRET_WORDS))).status_code == 200


async def test_a_visitors_message_is_one_trace_up_to_the_model(
    collector: Collector, provider: FakeProvider, who: Identity
) -> None:
    provider.will(says(ANSWER))
    await visitor_writes(who)
    job = reply_job(who)
    await asyncio.to_thread(work, job.id)
    chat = collector.named("chat fake-1")
    path = ["invoke_agent", "process reply", "send reply", "POST /web-chat/{token}/messages"]
    for name in path:
        collector.named(name)
    assert collector.path_of(chat) == path
    inside = {span.name: span for span in collector.spans if span.trace_id == chat.trace_id}
    assert [inside[name].kind for name in ("chat fake-1", *path[1:])] == [CLIENT, CONSUMER, PRODUCER, SERVER]
    assert {inside[name].attributes["platform.tenant.id"] for name in ("chat fake-1", *path)} == {who.tenant_id}
    request, run = inside[path[-1]].attributes, inside["process reply"].attributes
    assert (request["http.request.method"], request["http.response.status_code"]) == ("POST", 200)
    assert (run["platform.job.attempt"], run["messaging.message.id"]) == (1, job.id)
    assert 0 <= run["platform.job.wait_seconds"] < 30
    reply = next(one for one in rows(who, Message) if one.state == MessageState.COMPLETE and one.text == ANSWER)
    assert trace(who, reply).data["trace_id"] == chat.trace_id
    assert chat.resource["service.name"] == "gpt-agents" and chat.resource["platform.process"] == "console"


async def test_a_model_call_has_the_attributes_of_the_conventions(
    collector: Collector, provider: FakeProvider, who: Identity
) -> None:
    provider.will(says(ANSWER))
    add_source(who, "Prices.md", "A purple tandem costs 4711 ducats.")
    await visitor_writes(who, knowledge="all")
    await asyncio.to_thread(work, reply_job(who).id)
    told = collector.named("chat fake-1").attributes
    (reply,) = (one for one in rows(who, Message) if one.text == ANSWER)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "fake-1",
        "gen_ai.response.model": "fake-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.request.stream": True,
        "gen_ai.conversation.id": reply.conversation_id,
        "server.address": "127.0.0.1",
        "server.port": provider.port,
    }
    assert {name: told[name] for name in expected} == expected
    assert told["gen_ai.response.time_to_first_chunk"] > 0 and told["gen_ai.request.max_tokens"] > 0
    agent = collector.named("invoke_agent").attributes
    assert agent["gen_ai.agent.id"] == agent["platform.agent.id"] == told["platform.agent.id"]
    retrieval = collector.named("retrieval")
    assert (
        retrieval.attributes["platform.retrieval.passages"] == 1 and collector.path_of(retrieval)[0] == "invoke_agent"
    )


async def test_no_text_of_anybody_is_sent(collector: Collector, provider: FakeProvider, who: Identity) -> None:
    provider.will(says(ANSWER))
    add_source(who, "Prices.md", "A purple tandem costs 4711 ducats.")
    key, account = (
        a_key(who),
        an_account(who, delayed_agent(who, knowledge="all", instructions="Never mention the basement.")),
    )
    body = {"account_id": account.id, "contact": {"reference": "c-1", "name": "Olga Petrova"}, "text": SECRET_WORDS}
    assert (await ask_api(key, "POST", "/conversations?secret=42", body)).status_code in (201, 422)
    assert (await ask_api(key, "POST", "/conversations", body)).status_code == 201
    chat = a_chat(who, account.agent_id)
    await ask(chat, "messages", message(SECRET_WORDS))
    for job in [one for one in rows(who, Job) if one.kind == "reply"]:
        with session_scope(who.tenant_id) as session:
            session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one().run_at = now()
        await asyncio.to_thread(work, job.id)
    collector.named("POST /web-chat/{token}/messages")
    assert any(span.name == "chat fake-1" for span in collector.spans)
    everything = b"".join(collector.raw)
    for text in ("tandem", "ducats", "basement", "Olga", "secret", chat.token, key, "sk-canary", who.email, "Prices"):
        assert text.encode() not in everything, text


async def test_a_reply_of_the_console_belongs_to_the_request_of_a_client(
    collector: Collector, provider: FakeProvider, who: Identity
) -> None:
    provider.will(says(ANSWER))
    account = an_account(who, published(who, channels=["test", "api"]))
    body = {"account_id": account.id, "contact": {"reference": "c-1"}, "text": SECRET_WORDS}
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = await ask_api(a_key(who), "POST", "/conversations", body, traceparent=theirs)
    live = reply_streams.find(response.json()["reply_id"])
    if live is not None:
        await live.done.wait()
    chat, request = collector.named("chat fake-1"), collector.named("POST /api/v1/conversations")
    assert chat.trace_id == request.trace_id == theirs.split("-")[1] and request.parent_id == "b7ad6b7169203331"
    collector.named("invoke_agent")
    assert collector.path_of(chat) == ["invoke_agent", request.name]


async def test_each_attempt_has_a_span_in_the_trace_of_the_job(
    collector: Collector, provider: FakeProvider, who: Identity, database: str
) -> None:
    provider.will(says(ANSWER))
    await visitor_writes(who)
    job = reply_job(who)
    killed = ledger.claim(job.id)  # by a worker that dies with it
    assert killed is not None
    ledger.release_jobs([killed])
    with session_scope(who.tenant_id) as session:
        session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one().attempts = 1
    await asyncio.to_thread(work, job.id)
    run = collector.named("process reply")
    assert run.attributes["platform.job.attempt"] == 2
    assert run.trace_id == collector.named("POST /web-chat/{token}/messages").trace_id


async def test_a_job_of_the_previous_release_begins_a_trace(
    collector: Collector, provider: FakeProvider, who: Identity
) -> None:
    await visitor_writes(who)
    job = reply_job(who)
    for stored in (None, "nonsense"):
        with session_scope(who.tenant_id) as session:
            queued = session.exec(owned(Job, who.tenant_id).where(Job.id == job.id)).one()
            queued.traceparent, queued.state = stored, JobState.QUEUED
        await asyncio.to_thread(work, job.id)
    runs = collector.all_named("process reply", 2)
    assert len({run.trace_id for run in (*runs, collector.named("send reply"))}) == 3
    assert not any(run.parent_id for run in runs)


async def test_tools_and_calls_to_other_systems(
    collector: Collector, provider: FakeProvider, who: Identity, shop: Shop
) -> None:
    add(who, shop)
    shop.answer = (200, '{"state": "sent"}')
    provider.will(calls(("http_order_status", {"order": "A 7"})), says("It is sent."))
    await answered(who, begin(who, tools={"http_order_status": "allowed"}))
    tool, request = collector.named("execute_tool http_order_status"), collector.named("GET")
    assert collector.path_of(request)[0] == tool.name and request.kind == CLIENT
    assert tool.attributes["gen_ai.tool.name"] == "http_order_status"
    assert tool.attributes["gen_ai.tool.call.id"] == "call_0"
    told = request.attributes
    assert (told["http.request.method"], told["server.port"], told["http.response.status_code"]) == (
        "GET",
        shop.port,
        200,
    )
    assert b"shop-secret" not in b"".join(collector.raw) and b"A%207" not in b"".join(collector.raw)


async def test_a_failed_model_is_a_failed_span(collector: Collector, provider: FakeProvider, who: Identity) -> None:
    provider.will(refuses(401))
    reply = await answered(who, begin(who, model="fake-1"))
    assert reply.state == MessageState.FAILED
    chat, agent = collector.named("chat fake-1"), collector.named("invoke_agent")
    assert (chat.attributes["error.type"], chat.is_failed, agent.is_failed) == ("key", True, True)
    assert b"canary" not in b"".join(collector.raw)


def test_hostile_values_lose_no_batch(collector: Collector) -> None:
    with spans.span("hostile", attributes={"text": "\ud800" * 1_000, "count": 10**30, "list": ["\udfff"], "no": ""}):
        pass
    told: CollectedSpan = collector.named("hostile")
    assert told.attributes["count"] == 2**63 - 1 and len(told.attributes["text"]) == spans.MAX_CHARS
    assert "no" not in told.attributes


def test_what_begins_within_a_span_knows_its_tenant(collector: Collector, who: Identity) -> None:
    with spans.span("outer"):
        with session_scope(who.tenant_id, read_only=True):
            pass
        with spans.span("inner"):
            pass
    assert collector.named("inner").attributes["platform.tenant.id"] == who.tenant_id
    assert collector.path_of(collector.named("inner")) == ["outer"]

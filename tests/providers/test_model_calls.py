"""Model calls: the fallback of a model, effort of reasoning, both APIs, and tokens and cost in the trace."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.llm.client import FailureReason
from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.services.providers import provider_check, providers
from tests.fake_provider import FakeProvider, Step, chunk, hangs, plays, refuses, responds, says, serving, started
from tests.providers.connected import connect
from tests.talking import answered, begin, call, trace


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env, reply_total_seconds=4, reply_idle_seconds=1, reply_first_token_seconds=1)


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        (hangs, FailureReason.TIMEOUT, 1),
        (refuses(429), FailureReason.BUSY, 3),
        (refuses(503), FailureReason.SERVER, 3),
        (refuses(403), FailureReason.KEY, 1),
        (refuses(404, {"error": {"message": "no such model", "code": "model_not_found"}}), FailureReason.MODEL, 1),
        (says("", finish="content_filter"), FailureReason.FILTERED, 1),
        (plays(chunk("Half of it"), then="hang"), FailureReason.TIMEOUT, 1),
    ],
)
async def test_a_fallback_answers_and_the_trace_says_why(
    provider: FakeProvider, own: FakeProvider, who: Identity, fault: Step, reason: FailureReason, requests: int
) -> None:
    provider.will(fault)
    own.will(says("From B."))
    opened = begin(who, model="a", fallback_provider=connect(who, own).id, fallback_model="b")
    reply = await answered(who, opened)
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "From B.")
    first, second = trace(who, reply).data["calls"]
    assert (first["model"], first["failure"], first["requests"]) == (
        "fake-1" if first["completion_tokens"] else "a", reason, requests,
    )  # fmt: skip
    assert (second["provider"], second["requests"], second["failure"]) == ("Own", 1, "")
    assert len(provider.asked) == requests and [asked.body["model"] for asked in own.asked] == ["b"]


async def test_both_fail(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    provider.will(plays(chunk("Half of it"), then="hang"))
    own.will(refuses(401))
    reply = await answered(who, begin(who, fallback_provider=connect(who, own).id, fallback_model="b"))
    assert (reply.state, reply.text, reply.error) == (MessageState.PARTIAL, "Half of it", FailureReason.KEY)


async def test_a_provider_that_was_taken_away_has_its_fallback(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    row = connect(who, own)
    call(who, providers.remove, row.id)
    reply = await answered(who, begin(who, provider=row.id, fallback_provider="installation"))
    assert reply.text == "Hello there." and trace(who, reply).data["calls"][0]["failure"] == FailureReason.REMOVED


async def test_effort_is_sent_and_silence_allowed(provider: FakeProvider, who: Identity) -> None:
    provider.will(plays(2.0, chunk("Thought."), chunk(finish="stop"), "[DONE]"))
    patient = await answered(who, begin(who, model="a", effort="high"))
    assert patient.text == "Thought." and provider.last.body["reasoning_effort"] == "high"
    assert trace(who, patient).data["sent"]["reasoning_effort"] == "high"
    provider.will(plays(2.0, chunk("Thought."), chunk(finish="stop"), "[DONE]"))
    assert (await answered(who, begin(who, model="a"))).state == MessageState.FAILED
    assert "reasoning_effort" not in provider.last.body


async def test_effort_that_is_refused_is_left_out_and_said(provider: FakeProvider, who: Identity) -> None:
    refusal = {"error": {"message": "Unsupported parameter: 'reasoning_effort'", "param": "reasoning_effort"}}
    provider.will(refuses(400, refusal), says("Yes."))
    why = trace(who, await answered(who, begin(who, model="a", effort="low")))
    assert "reasoning_effort" not in provider.last.body and "reasoning_effort" not in why.data["sent"]
    assert ["without {value}", "reasoning_effort"] in why.data["adapted"]
    assert why.data["calls"][0]["requests"] == 2 == len(provider.asked)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 800}},
        {"prompt_tokens": 1000, "completion_tokens": 10, "prompt_cache_hit_tokens": 800},
        {"prompt_tokens": 1000, "completion_tokens": 10, "cache_read_input_tokens": 800},
    ],
)
async def test_tokens_from_the_cache_cost_less(
    provider: FakeProvider, own: FakeProvider, who: Identity, usage: dict[str, Any]
) -> None:
    row = connect(who, own)
    own.models = [{"id": "m", "pricing": {"prompt": "1e-6", "completion": "2e-6", "input_cache_read": "1e-7"}}]
    own.will(plays(chunk("Yes."), chunk(finish="stop"), chunk() | {"choices": [], "usage": usage}, "[DONE]"))
    await provider_check.run(who, row.id)
    why = trace(who, await answered(who, begin(who, provider=row.id, model="m")))
    assert why.data["cached_tokens"] == why.cached_tokens == 800
    assert why.cost == pytest.approx(200e-6 + 800e-7 + 20e-6)


async def test_a_reply_by_the_responses_api(provider: FakeProvider, own: FakeProvider, who: Identity) -> None:
    row = connect(who, own, wire="responses", input_price="1", output_price="1")
    usage = {
        "input_tokens": 900, "input_tokens_details": {"cached_tokens": 500},
        "output_tokens": 70, "output_tokens_details": {"reasoning_tokens": 60},
    }  # fmt: skip
    own.will(responds("It is ", "ready.", usage=usage))
    reply = await answered(who, begin(who, provider=row.id, model="m", effort="low", instructions="Be brief."))
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "It is ready.")
    body = own.last.body
    assert own.last.path == "/v1/responses" and body["instructions"].startswith("Be brief.")
    assert body["input"] == [{"role": "user", "content": "How much is a tune-up?"}]
    assert (body["reasoning"], body["store"], body["max_output_tokens"]) == ({"effort": "low"}, False, 1024)
    (told,) = trace(who, reply).data["calls"]
    assert (told["wire"], told["prompt_tokens"], told["cached_tokens"]) == ("responses", 900, 500)
    assert (told["completion_tokens"], told["reasoning_tokens"]) == (70, 60)


@pytest.mark.parametrize(
    ("last", "state", "error"),
    [
        ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "x"}}}, "failed",
         FailureReason.SERVER),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}, "failed", FailureReason.BUSY),
        ({"type": "response.completed", "response": None}, "failed", FailureReason.SERVER),
        ({"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details":
         {"reason": "content_filter"}}}, "failed", FailureReason.FILTERED),
    ],
)  # fmt: skip
async def test_faults_of_the_responses_api_are_said(
    provider: FakeProvider, own: FakeProvider, who: Identity, last: dict[str, Any], state: str, error: FailureReason
) -> None:
    row = connect(who, own, wire="responses")
    own.will(plays({"type": "response.created", "response": {"model": "m"}}, last))
    reply = await answered(who, begin(who, provider=row.id, model="m"))
    assert (reply.state, reply.error) == (MessageState(state), error)


async def test_a_parameter_that_responses_refuses_is_left_out(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    row = connect(who, own, wire="responses")
    refused = [
        refuses(400, {"error": {"message": "no", "param": "temperature"}}),
        refuses(400, {"error": {"message": "no", "param": "reasoning.effort"}}),
    ]
    own.will(*refused, responds("Yes."))
    reply = await answered(who, begin(who, provider=row.id, model="m", effort="high"))
    assert reply.text == "Yes." and {"temperature", "reasoning"}.isdisjoint(own.last.body)
    json.dumps(trace(who, reply).data)

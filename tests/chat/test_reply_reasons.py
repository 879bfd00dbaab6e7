"""Reply reasons: what the panel says first is what was stored with the reply; steps are told while it is written."""

from collections.abc import Iterator

import pytest

from platform_app.models.conversation import Message, MessageState, Trace
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.chat import replies, reply_reasons
from platform_app.services.chat.reply_context import ReplyStep
from platform_app.services.chat.reply_reasons import list_reasons
from platform_app.services.knowledge import sources
from platform_app.state.chat.trace_view import reason_sentences, trace_durations, trace_passages
from tests.fake_provider import FakeProvider, refuses, says, serving
from tests.talking import ELSEWHERE, add_source, answered, begin, call, say

TUNE_UP = "A full tune-up costs 40 euros and takes one day."


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env, reply_total_seconds=6, reply_idle_seconds=2, reply_first_token_seconds=3)


async def told(who: Identity, opened: str, language: str = "en") -> list[str]:
    """Have a question answered; return the sentences that say why."""
    explanation = call(who, reply_reasons.explain, (await answered(who, opened)).id)
    assert explanation is not None
    return reason_sentences(explanation.reasons, language)


async def test_a_cited_source_is_the_reason(provider: FakeProvider, who: Identity, other: Identity) -> None:
    source = add_source(who, "Prices.md", TUNE_UP)
    add_source(who, "Else.md", *ELSEWHERE)
    opened = begin(who, knowledge="all")
    provider.will(says("It costs 40 euros [1]."))
    reply = await answered(who, opened)
    why = call(who, reply_reasons.explain, reply.id)
    assert reason_sentences(why.reasons, "en") == ["It is based on 1 source above the threshold: “Prices.md”."]
    assert reason_sentences(why.reasons, "ru") == ["Ответ опирается на 1 источник выше порога: «Prices.md»."]
    assert (source in why.source_ids, why.agent_id) == (True, why.trace.agent_id)
    first = trace_passages(why.trace, "en", why.source_ids)[0]
    words = first.scores[0]
    assert (first.source_id, first.cited, words.name, words.is_enough) == (source, True, "Keywords", True)
    assert 0 < float(words.threshold.rstrip("%")) <= float(words.width.rstrip("%"))
    assert call(other, reply_reasons.explain, reply.id) is None
    call(who, sources.delete, source)
    call(who, agents.delete, why.agent_id)
    later = call(who, reply_reasons.explain, reply.id)
    assert (source in later.source_ids, later.agent_id) == (False, "")


async def test_what_was_given_and_not_cited_and_what_was_not_there(provider: FakeProvider, who: Identity) -> None:
    opened = begin(who, knowledge="all")
    provider.will(says("I do not know."))
    assert (await told(who, opened))[0] == "Nothing was found in the knowledge base."
    add_source(who, "Prices.md", TUNE_UP)
    assert (await told(who, opened))[0].endswith("was given to the model, and the reply cites none.")
    assert await told(who, begin(who, knowledge="none")) == ["This agent uses no knowledge."]


async def test_a_failure_is_the_only_reason(provider: FakeProvider, who: Identity) -> None:
    provider.will(refuses(401, "wrong key"))
    (sentence,) = await told(who, begin(who))
    assert sentence.startswith("There is no reply: ")


async def test_approval_is_told(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("Fine."))
    sentences = await told(who, begin(who, check_before_sending=True))
    assert sentences[-1] == "It waits for approval: the agent’s settings have replies checked before sending."


def test_what_became_of_a_reply() -> None:
    asks = Message(text="{}", state=MessageState.TO_APPROVE, gate={"tool_call": "x", "tool": "Refund"})
    claims = Message(text="Done.", state=MessageState.TO_APPROVE, gate={"unfounded": True})
    stopped, broken = Message(text="A", state=MessageState.STOPPED), Message(text="A", state=MessageState.PARTIAL)
    broken.error = "The reply was interrupted. Try again."
    data = {"settings": {"knowledge": "none"}}
    last = [reason_sentences(list_reasons(data, row), "en")[-1] for row in (asks, claims, stopped)]
    assert last == [
        "It waits for a decision about the tool “Refund”.",
        "It waits for approval: it says that something was done, but the agent has done nothing.",
        "It was stopped before it was complete.",
    ]
    (first, *_) = reason_sentences(list_reasons(data, broken), "ru")
    assert first == "Ответ оборвался. Ответ прервался. Повторите."


def test_scripts_tools_budgets_and_lines() -> None:
    sent = Message(text="Hello", state=MessageState.COMPLETE)
    data = {
        "passages": [{"source_title": "A", "used": False}],
        "scripts": [{"title": "Greeting", "used": True}, {"title": "Test ride", "used": True}],
        "guided": {"title": "Test ride"},
        "tools": [{"name": "note", "state": "done"}, {"name": "other", "state": "failed"}],
        "no_answer": True,
    }
    assert reason_sentences(list_reasons(data, sent), "en") == [
        "No passage reached the threshold, so no source was given to the model.",
        "It follows the guided script “Test ride”.",
        "Scripts used: “Greeting”.",
        "Tools used: “note”.",
        "The agent said that it has no answer.",
    ]
    spent = reason_sentences(list_reasons({"spent_budget": "May"}, sent), "en")
    assert spent == ["The budget “May” is used up: the agent said so and handed over."]
    (line,) = reason_sentences(list_reasons({"conduct": "hand_over"}, sent), "en")
    assert line.startswith("A line of the must and never list was broken")


def test_times_begin_where_they_began() -> None:
    spent = {"retrieval": 20, "preparation": 100, "first_token": 100, "model": 300}
    bars = trace_durations(Trace(total_ms=400, data={"milliseconds": spent}), "en")
    assert [(bar.start, bar.width) for bar in bars] == [
        ("20.0%", "5.0%"),
        ("0.0%", "25.0%"),
        ("25.0%", "25.0%"),
        ("25.0%", "75.0%"),
        ("0.0%", "100.0%"),
    ]


@pytest.mark.parametrize(("knowledge", "steps"), [("all", ["searching", "writing"]), ("none", ["writing"])])
async def test_steps_are_those_that_happen(
    provider: FakeProvider, who: Identity, knowledge: str, steps: list[str]
) -> None:
    reply, noted = say(who, begin(who, knowledge=knowledge)), list[ReplyStep]()
    provider.will(says("Fine."))
    async for _ in replies.stream(who.tenant_id, reply.id, on_step=noted.append):
        pass
    assert [step.value for step in noted] == steps

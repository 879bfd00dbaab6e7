"""Must and never: a reply that breaks a line is written again, handed over or stopped, and each line is counted."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.db import session_scope
from platform_app.llm import conduct
from platform_app.models.conduct import ConductLine
from platform_app.models.conversation import ConversationState, MessageState
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.chat import reply_conduct
from platform_app.state.agents.agent import AgentState
from tests.fake_provider import FakeProvider, refuses, says, serving
from tests.headless.harness import Tab, sign_in
from tests.talking import (
    ELSEWHERE,
    add_agent,
    add_source,
    answered,
    begin,
    call,
    conversation,
    published,
    real_talk,
    trace,
)


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def line(check: str = "words", value: str = "", kind: str = "never", outcome: str = "rewrite") -> dict[str, Any]:
    return {"kind": kind, "check": check, "value": value, "outcome": outcome}


@pytest.mark.parametrize(
    ("given", "text", "is_broken"),
    [
        (line(value="discount, скидк"), "A Discount for you.", True),
        (line(value="скидка"), "Скидка 5 %", True),
        (line(value="cat"), "A catalogue.", False),
        (line(value="no  refund"), "There is no\nrefund.", True),
        (line(value="thank you, спасибо", kind="must"), "Hello.", True),
        (line(value="thank you, спасибо", kind="must"), "Спасибо!", False),
        (line("pattern", r"\bцен\w+"), "Цены ниже.", True),
        (line("pattern", "(a+)+$"), "a" * 5_000 + "!", False),
        (line("pattern", "("), "anything", False),
        (line("numbers"), "It costs 40 euros [1].", False),
        (line("numbers"), "It costs 45 euros [1].", True),
        (line("numbers"), "1 200 pieces, [S2].", False),
        (line("numbers"), "No number at all [12].", False),
    ],
)
def test_lines_that_need_no_model(given: dict[str, Any], text: str, is_broken: bool) -> None:
    known = "A tune-up costs 40 euros. We have 1,200 pieces."
    assert conduct.is_broken(ConductLine.model_validate(given), text, known) is is_broken


def counts(who: Identity, opened: str) -> dict[str, int]:
    return dict(call(who, reply_conduct.counts, conversation(who, opened).agent_id))


async def test_a_reply_is_written_again_and_the_line_counted(provider: FakeProvider, who: Identity) -> None:
    never = line(value="discount")
    opened = begin(who, conduct=[never])
    provider.will(says("A discount!"), says("The price is fixed."))
    reply = await answered(who, opened)
    assert (reply.state, reply.text) == (MessageState.COMPLETE, "The price is fixed.")
    assert "must not contain any of: discount" in provider.last.body["messages"][-1]["content"]
    key = ConductLine.model_validate(never).key
    assert trace(who, reply).data["fired"] == [key] and counts(who, opened) == {key: 1}
    provider.will(says("Fine."))
    await answered(who, opened)
    assert counts(who, opened) == {key: 1}


@pytest.mark.parametrize("outcome", ["rewrite", "hand_over"])
async def test_what_breaks_a_line_again_is_handed_over(provider: FakeProvider, who: Identity, outcome: str) -> None:
    opened = real_talk(who, conduct=[line(value="discount", outcome=outcome)])
    provider.will(says("A discount!"))
    reply = await answered(who, opened)
    assert (reply.state, reply.text) == (MessageState.COMPLETE, reply_conduct.SENTENCES["en"])
    assert conversation(who, opened).state == ConversationState.HANDED_OFF
    assert len(provider.asked) == (2 if outcome == "rewrite" else 1)


async def test_a_reply_is_stopped(provider: FakeProvider, who: Identity) -> None:
    provider.will(says("A discount!"))
    reply = await answered(who, begin(who, conduct=[line(value="discount", outcome="stop")]))
    assert (reply.state, reply.text, reply.error) == (MessageState.FAILED, "", reply_conduct.STOPPED)


async def test_numbers_come_from_the_passages(provider: FakeProvider, who: Identity) -> None:
    add_source(who, "Prices.md", "A full tune-up costs 40 euros and takes one day.")
    add_source(who, "Else.md", *ELSEWHERE)
    opened = begin(who, knowledge="all", conduct=[line("numbers")])
    provider.will(says("It costs 39 euros [1]."), says("It costs 40 euros [1]."))
    assert (await answered(who, opened)).text == "It costs 40 euros [1]."


@pytest.mark.parametrize(
    ("verdict", "text"),
    [(says("NO"), "Hello there."), (says("Yes."), ""), (says("perhaps"), ""), (refuses(401), "")],
)
async def test_a_judge_decides_and_is_in_the_trace(
    provider: FakeProvider, who: Identity, verdict: Any, text: str
) -> None:
    opened = begin(who, conduct=[line("judge", "It promises a date.", outcome="stop")])
    provider.will(says("Hello", " there."), verdict)
    reply = await answered(who, opened)
    assert reply.text == text and "It promises a date." in provider.last.prompt
    assert [one["purpose"] for one in trace(who, reply).data["calls"]] == ["judge", "reply"]


async def test_the_page_tries_adds_and_removes(provider: FakeProvider, who: Identity) -> None:
    agent_id = published(who, channels=["test", "api"])
    provider.will(says("A discount!"))
    await answered(who, real_talk(who, agent_id))
    provider.will(says("Fine."))
    await answered(who, real_talk(who, agent_id))
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent_id}?tab=conduct")
        await tab.send(AgentState.try_line(line("pattern", "(")))
        assert tab.get(AgentState, "conduct_problem") and not tab.get(AgentState, "is_line_tried")
        await tab.send(AgentState.add_line())
        assert tab.get(AgentState, "conduct_rows") == []
        await tab.send(AgentState.try_line(line(value="discount")))
        assert tab.get(AgentState, "conduct_trial") == "1 of 2 replies break it. “A discount!”"
        await tab.send(AgentState.add_line())
        (shown,) = tab.get(AgentState, "conduct_rows")
        assert (shown.rule, shown.value, shown.fired) == (
            "Must never contain one of these words",
            "discount",
            "0 times",
        )
        await tab.send(AgentState.save("conduct", [line(value="discount")]))  # what the browser sends then
        assert call(who, agents.get, agent_id).draft["conduct"] == [line(value="discount")]
        await tab.send(AgentState.save("conduct", [{"kind": "sometimes"}]))
        assert call(who, agents.get, agent_id).draft["conduct"] == [line(value="discount")]
        await tab.send(AgentState.remove_line(0))
        assert tab.get(AgentState, "conduct_rows") == [] and tab.errors == []


async def test_another_tenant_tries_nothing(provider: FakeProvider, who: Identity, other: Identity) -> None:
    agent_id = add_agent(who)
    with session_scope(other.tenant_id, read_only=True) as session:
        given = ConductLine.model_validate(line(value="a"))
        assert reply_conduct.try_line(session, other, agent_id, given) == (0, [])
        assert reply_conduct.counts(session, other, agent_id) == {}

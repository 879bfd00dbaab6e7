"""Reply figures: a reply with figures that stand in nothing it cites is marked, written again or held, as set."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.conversation import MessageState
from platform_app.models.person import Identity
from platform_app.services.channels import visitor_view
from platform_app.services.chat import approvals, reply_figures, reply_reasons
from platform_app.state.chat.chat_view import build_message_row
from platform_app.state.chat.trace_view import reason_sentences, trace_facts
from tests.fake_provider import FakeProvider, calls, refuses, says, serving
from tests.headless.harness import Tab, sign_in
from tests.talking import (
    ELSEWHERE,
    add_source,
    answered,
    begin,
    call,
    conversation,
    published,
    real_talk,
    row,
    say,
    trace,
)

TUNE_UP = "A full tune-up costs 40 euros and takes one day."
WRONG, RIGHT = "It costs 45 euros [1].", "It costs €40 [1]."


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def with_prices(who: Identity, **settings: Any) -> str:
    """Begin a conversation with an agent that reads a price list; return its id."""
    add_source(who, "Prices.md", TUNE_UP)
    add_source(who, "Else.md", *ELSEWHERE)
    return begin(who, knowledge="all", **settings)


async def test_a_figure_without_a_source_is_marked(provider: FakeProvider, who: Identity) -> None:
    opened = with_prices(who, figures="mark")
    provider.will(says(WRONG))
    reply = await answered(who, opened)
    assert (reply.state, reply.text, reply.figures) == (MessageState.COMPLETE, WRONG, ["45 euros"])
    assert len(provider.asked) == 1
    shown = build_message_row(reply, who, "ru")
    assert shown.figures == "Цифры без источника: 45 euros."
    why = call(who, reply_reasons.explain, reply.id)
    assert "Figures without a source: 45 euros." in reason_sentences(why.reasons, "en")
    assert ("Figures without a source", "45 euros") in [(one.name, one.value) for one in trace_facts(why.trace, "en")]
    provider.will(says(RIGHT))
    assert (await answered(who, opened)).figures == []


async def test_it_is_written_again_and_told_why(provider: FakeProvider, who: Identity) -> None:
    opened = with_prices(who, figures="rewrite")
    provider.will(says(WRONG), says(RIGHT))
    reply = await answered(who, opened)
    assert (reply.state, reply.text, reply.figures) == (MessageState.COMPLETE, RIGHT, [])
    told = provider.last.body["messages"]
    assert told[-1]["content"] == reply_figures.RETELL.format(figures="45 euros") and told[-2]["content"] == WRONG
    data = trace(who, reply).data
    assert (data["rewritten_figures"], data["figures"]) == (["45 euros"], [])
    assert [one["purpose"] for one in data["calls"]] == ["reply", "reply"] and len(provider.asked) == 2
    why = call(who, reply_reasons.explain, reply.id)
    sentence = "It was rewritten: its first text had figures without a source: 45 euros."
    assert sentence in reason_sentences(why.reasons, "en")


@pytest.mark.parametrize(("check", "requests"), [("rewrite", 2), ("hold", 1)])
async def test_it_is_held_for_approval(provider: FakeProvider, who: Identity, check: str, requests: int) -> None:
    opened = with_prices(who, figures=check)
    provider.will(says(WRONG))
    reply = await answered(who, opened)
    assert (reply.state, reply.gate) == (MessageState.TO_APPROVE, {"figures": ["45 euros"]})
    assert len(provider.asked) == requests
    shown = build_message_row(reply, who, "en")
    assert (shown.error, shown.figures) == ("Figures without a source: 45 euros.", "")
    why = call(who, reply_reasons.explain, reply.id)
    sentence = "It waits for approval because of its figures without a source."
    assert reason_sentences(why.reasons, "en")[-1] == sentence
    call(who, approvals.approve, reply.id, "It costs 40 euros.")
    sent = row(who, reply)
    assert (sent.state, sent.text, sent.figures) == (MessageState.COMPLETE, "It costs 40 euros.", [])


async def test_a_text_that_cannot_be_rewritten_is_held(provider: FakeProvider, who: Identity) -> None:
    opened = with_prices(who, figures="rewrite")
    provider.will(says(WRONG), refuses(401, "no"))
    reply = await answered(who, opened)
    assert (reply.state, reply.text, reply.gate) == (MessageState.TO_APPROVE, WRONG, {"figures": ["45 euros"]})
    calls_made = trace(who, reply).data["calls"]
    assert [bool(one["failure"]) for one in calls_made] == [True, False]
    assert sum(one["requests"] for one in calls_made) == len(provider.asked)


async def test_what_was_said_called_and_told_is_a_source(provider: FakeProvider, who: Identity) -> None:
    opened = with_prices(
        who, figures="mark", tools={"search_knowledge": "allowed"}, instructions="Delivery costs 5 euros."
    )
    provider.will(calls(("search_knowledge", {"query": "tune-up"})), says("40 euros, 1 day; 5 euros more, not 55."))
    assert (await answered(who, opened, "Is it 55 euros?")).figures == []
    provider.will(says("It is 40 euros, as I said, or 6."))  # earlier replies are no source, passages must be cited
    assert (await answered(who, opened, "So how much is the tune-up?")).figures == ["40 euros"]


async def test_without_the_setting_nothing_is_checked(provider: FakeProvider, who: Identity) -> None:
    opened = with_prices(who)
    provider.will(says(WRONG))
    reply = await answered(who, opened)
    assert (reply.state, reply.figures) == (MessageState.COMPLETE, [])


NEVER_DISCOUNTS = {"kind": "never", "check": "words", "value": "discount"}


@pytest.mark.parametrize(
    ("settings", "is_shown"),
    [
        ({"figures": "off"}, True),
        ({"figures": "mark"}, True),
        ({"tools": {"change_stage": "never"}}, True),
        ({"figures": "rewrite"}, False),
        ({"figures": "hold"}, False),
        ({"check_before_sending": True}, False),
        ({"conduct": [NEVER_DISCOUNTS]}, False),
        ({"tools": {"change_stage": "ask"}}, False),
    ],
)
def test_contacts_see_no_text_that_may_not_be_sent(
    provider: FakeProvider, who: Identity, settings: dict[str, Any], is_shown: bool
) -> None:
    opened = real_talk(who, published(who, **settings))
    reply = say(who, opened)
    assert (call(who, _live_text, opened, reply) is not None) is is_shown


def _live_text(session: Any, who: Identity, opened: str, reply: Any) -> Any:
    return visitor_view.live_text(session, conversation(who, opened), reply)


async def test_the_test_chat_shows_what_is_held(provider: FakeProvider, who: Identity) -> None:
    from platform_app.state.chat.test_chat import TestChatState

    opened = with_prices(who, figures="hold")
    provider.will(says(WRONG))
    await answered(who, opened)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/test-chat?c={opened}")
        last = tab.get(TestChatState, "messages")[-1]
        assert (last.state, last.error) == ("to_approve", "Figures without a source: 45 euros.")

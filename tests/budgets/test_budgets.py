"""Budgets: what a reply may cost is reserved before and settled after; lines are told once, nothing is overspent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from platform_app.clock import new_id, now
from platform_app.db import owned, session_scope
from platform_app.errors import Forbidden, Invalid, LimitReached, NotFound
from platform_app.llm.rewriting import Style
from platform_app.models.budget import Budget, BudgetReservation, BudgetUse
from platform_app.models.conversation import ConversationState, MessageState
from platform_app.models.notification import Notification, NotificationKind
from platform_app.models.person import Identity, Role
from platform_app.services.budgets import budgets, reservations
from platform_app.services.budgets.reservations import Demand
from platform_app.services.chat import conversations, reply_budget
from platform_app.services.inbox import rewriting, suggestions
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, refuses, says, serving, started
from tests.providers.connected import connect
from tests.talking import answered, begin, call, conversation, published, real_talk, trace, written

FORM = {
    "name": "Month", "scope": "tenant", "unit": "messages", "period": "month", "hard_limit": "2", "soft_percent": "50",
    "sentence": "", "agent_id": "",
}  # fmt: skip


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.0/8")
    yield from serving(env)


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


def set_budget(who: Identity, **form: Any) -> Budget:
    made: Budget = call(who, budgets.save, "", FORM | form)
    return made


def spent(who: Identity, budget: Budget) -> tuple[int, int]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return budgets.spent(session, budget, now())


def told(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Notification, who.tenant_id).where(Notification.kind == NotificationKind.BUDGET)
        return [found.sentence for found in session.exec(query.order_by(Notification.created_at)).all()]


async def test_soft_line_notifies_hard_line_says_a_sentence_and_hands_over(
    provider: FakeProvider, who: Identity
) -> None:
    budget = set_budget(who)
    opened = real_talk(who)
    assert (await answered(who, opened)).text == "Hello there." and told(who) == [reservations.SOFT_SENTENCE]
    await answered(who, opened)
    assert spent(who, budget) == (2, 0) and told(who) == [reservations.SOFT_SENTENCE]
    last = await answered(who, opened, "Сколько стоит ремонт?")
    assert (last.state, last.text) == (MessageState.COMPLETE, reply_budget.SENTENCES["ru"])
    assert conversation(who, opened).state == ConversationState.HANDED_OFF and len(provider.asked) == 2
    assert told(who) == [reservations.SOFT_SENTENCE, reservations.HARD_SENTENCE]
    assert trace(who, last).data["spent_budget"] == "Month" and trace(who, last).cost == 0
    again = await answered(who, real_talk(who))
    assert again.text == reply_budget.SENTENCES["en"] and len(told(who)) == 2 and spent(who, budget) == (2, 0)


async def test_money_is_reserved_at_its_highest_and_settled_as_it_was(
    provider: FakeProvider, own: FakeProvider, who: Identity
) -> None:
    paid = connect(who, own, input_price="10", output_price="100")
    budget = set_budget(who, unit="money", hard_limit="0.12", sentence="Come back next month.")
    opened = begin(who, provider=paid.id, model="m", max_tokens=1000)
    first = await answered(who, opened)
    cost = 120 * 10 + 7 * 100  # of a million
    assert trace(who, first).cost == pytest.approx(cost / 1e6) and spent(who, budget) == (cost, 0)
    while (reply := await answered(who, opened)).text == "Hello there.":
        assert len(own.asked) < 20
    amount, _ = spent(who, budget)
    assert reply.text == "Come back next month." and amount == cost * len(own.asked)
    assert amount <= 120_000 < amount + 100_000 + 20_000


async def test_an_unknown_price_is_counted_as_such(provider: FakeProvider, who: Identity) -> None:
    budget = set_budget(who, unit="money", hard_limit="1")
    await answered(who, begin(who))
    assert spent(who, budget) == (0, 1)


async def test_a_reply_that_failed_costs_no_message_and_gives_back_its_room(
    provider: FakeProvider, who: Identity
) -> None:
    budget = set_budget(who, hard_limit="1")
    provider.will(refuses(401))
    assert (await answered(who, begin(who))).state == MessageState.FAILED
    provider.will(says("Yes."))
    assert (await answered(who, begin(who))).text == "Yes." and spent(who, budget) == (1, 0)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(BudgetReservation, who.tenant_id)).all() == []


async def test_budgets_of_an_agent_and_of_each_contact(provider: FakeProvider, who: Identity) -> None:
    vera, boris = published(who, name="Vera"), published(who, name="Boris")
    set_budget(who, scope="agent", agent_id=vera, hard_limit="1")
    assert (await answered(who, real_talk(who, vera))).text == "Hello there."
    assert (await answered(who, real_talk(who, vera))).text != "Hello there."
    assert (await answered(who, real_talk(who, boris))).text == "Hello there."
    set_budget(who, scope="contact", hard_limit="1")
    opened = real_talk(who, boris)
    assert (await answered(who, opened)).text == "Hello there."
    assert (await answered(who, opened)).text != "Hello there."
    assert (await answered(who, real_talk(who, boris))).text == "Hello there."


async def test_a_new_period_begins_anew_in_the_tenants_zone(provider: FakeProvider, who: Identity) -> None:
    set_budget(who, period="day", hard_limit="1")
    await answered(who, begin(who))
    assert (await answered(who, begin(who))).text == reply_budget.SENTENCES["en"]
    with time_machine.travel(now() + timedelta(days=1)):
        assert (await answered(who, begin(who))).text == "Hello there."


async def test_suggestions_and_rewriting_stop_too(provider: FakeProvider, who: Identity) -> None:
    set_budget(who, unit="money", hard_limit="0.0001")
    row_of = connect(who, provider, input_price="100", output_price="100")
    opened = real_talk(who, provider=row_of.id, model="m")
    reply = await answered(who, opened)
    assert reply.text == reply_budget.SENTENCES["en"] and not provider.asked
    with session_scope(who.tenant_id) as session:
        conversations.receive(session, who, opened, "And now?")
    suggestion = await written(who, call(who, suggestions.start, opened))
    assert (suggestion.state, suggestion.error) == (MessageState.FAILED, reply_budget.SPENT)
    work = call(who, rewriting.prepare, opened, "It is ready.", style=Style.SHORTER)
    with pytest.raises(LimitReached, match="budget is used up"):
        await rewriting.run(work)
    assert not provider.asked


async def test_rewriting_is_paid_for(provider: FakeProvider, who: Identity) -> None:
    paid = connect(who, provider, input_price="10", output_price="100")
    budget = set_budget(who, unit="money", hard_limit="1")
    opened = real_talk(who, provider=paid.id, model="m")
    await rewriting.run(call(who, rewriting.prepare, opened, "It is ready.", style=Style.SHORTER))
    assert spent(who, budget) == (120 * 10 + 7 * 100, 0)


def demand(who: Identity, **given: Any) -> Demand:
    return Demand(who.tenant_id, new_id(), "a" * 32, **given)


def take(who: Identity, asked: Demand) -> bool:
    with session_scope(who.tenant_id) as session:
        return reservations.reserve(session, asked) is None


def test_many_at_once_reserve_no_more_than_there_is(who: Identity) -> None:
    budget = set_budget(who, hard_limit="5")
    asked = [demand(who) for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        taken = [one for one, well in zip(asked, pool.map(lambda one: take(who, one), asked), strict=True) if well]
    assert len(taken) == 5
    for one in taken * 2:  # the second time changes nothing
        call_settle(who, one)
    assert spent(who, budget) == (5, 0)


def call_settle(who: Identity, asked: Demand) -> None:
    with session_scope(who.tenant_id) as session:
        reservations.settle(session, who.tenant_id, asked.reply_id, dollars=0.0, is_message=True)


def test_a_writer_that_died_holds_its_room_for_a_while(who: Identity) -> None:
    set_budget(who, hard_limit="1")
    dead = demand(who)
    assert take(who, dead) and not take(who, demand(who))
    assert take(who, dead)  # the reply is written again by another process
    with time_machine.travel(now() + reservations.LIFETIME + timedelta(seconds=1)):
        assert take(who, demand(who))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("scope", "planet"),
        ("unit", "shells"),
        ("period", "century"),
        ("hard_limit", "0"),
        ("hard_limit", "-1"),
        ("hard_limit", "nan"),
        ("hard_limit", "1e9"),
        ("hard_limit", "1.5"),
        ("soft_percent", "0"),
        ("soft_percent", "101"),
        ("sentence", "x" * 501),
        ("agent_id", "b" * 32),
    ],
)
def test_wrong_values_are_said_at_their_field(who: Identity, field: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        call(who, budgets.save, "", FORM | ({"scope": "agent"} if field == "agent_id" else {}) | {field: value})
    assert refused.value.field == field and call(who, budgets.list_budgets) == []


def test_others_change_nothing(who: Identity, other: Identity) -> None:
    budget = set_budget(who)
    for member, error in ((make_member(who, Role.OPERATOR), Forbidden), (other, NotFound)):
        with pytest.raises(error):
            call(member, budgets.save, budget.id, FORM | {"hard_limit": "1000"})
        with pytest.raises(error):
            call(member, budgets.remove, budget.id)
    assert call(other, budgets.list_budgets) == []
    assert take(other, demand(other)) and take(other, demand(other)) and take(other, demand(other))


def test_a_budget_that_counts_something_else_begins_anew(who: Identity) -> None:
    budget = set_budget(who)
    asked = demand(who)
    assert take(who, asked)
    call_settle(who, asked)
    call(who, budgets.save, budget.id, FORM | {"hard_limit": "9"})
    assert spent(who, budget) == (1, 0)
    call(who, budgets.save, budget.id, FORM | {"period": "day"})
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(BudgetUse, who.tenant_id)).all() == []

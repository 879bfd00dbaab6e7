"""Budgets page: admins set what may be spent, everybody sees what was, and the fields say what is wrong."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.person import Identity, Role
from platform_app.services.budgets import budgets
from platform_app.state.budgets.budgets import BudgetsState
from tests.budgets.test_budgets import FORM, set_budget
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, serving
from tests.headless.harness import Tab, sign_in
from tests.talking import answered, begin, call

PAGE = "/manage/acme/settings/budgets"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    yield from serving(env)


def seen(tab: Tab, name: str) -> Any:
    return tab.get(BudgetsState, name)


async def test_add_see_what_is_spent_change_and_remove(provider: FakeProvider, who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(BudgetsState.edit(""))
        assert seen(tab, "is_open") and seen(tab, "initial")["soft_percent"] == "80"
        await tab.send(BudgetsState.save(FORM | {"hard_limit": "none"}))
        assert seen(tab, "problem_field") == "hard_limit" and seen(tab, "is_open")
        await tab.send(BudgetsState.save(FORM | {"hard_limit": "4"}))
        (line,) = seen(tab, "rows")
        assert (line.spent, line.width, line.is_spent) == ("0 of 4", "0%", False) and not seen(tab, "is_open")
        await answered(who, begin(who))
        await tab.goto(PAGE)
        (line,) = seen(tab, "rows")
        assert (line.spent, line.width, line.counts) == ("1 of 4", "25%", "Replies · A month · All agents together")
        await tab.send(BudgetsState.edit(line.id))
        assert seen(tab, "initial")["hard_limit"] == "4" and seen(tab, "initial")["unit"] == "messages"
        await tab.send(BudgetsState.save(FORM | {"hard_limit": "1"}))
        (line,) = seen(tab, "rows")
        assert (line.spent, line.is_spent) == ("1 of 1", True)
        await tab.send(BudgetsState.remove(line.id))
        assert seen(tab, "rows") == [] and call(who, budgets.list_budgets) == [] and tab.errors == []


async def test_others_see_and_change_nothing(provider: FakeProvider, who: Identity) -> None:
    budget = set_budget(who)
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await tab.goto(PAGE)
        assert len(seen(tab, "rows")) == 1
        for event in (BudgetsState.edit(budget.id), BudgetsState.save(FORM), BudgetsState.remove(budget.id)):
            await tab.send(event)
        assert not seen(tab, "is_open")
    assert [row.hard_limit for row in call(who, budgets.list_budgets)] == [2]

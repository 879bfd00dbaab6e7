"""Shadow mode in the console: admins turn it on and off, members compare and mark, and viewers look."""

from collections.abc import Iterator
from typing import Any

import pytest

from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.models.shadow import ShadowMark
from platform_app.services.channels import channel_accounts
from platform_app.services.crm import contacts, leads
from platform_app.services.shadow import shadow_accounts
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.shadow.shadow import NO_LEAD, ShadowState
from tests.channels.bots import connected
from tests.channels.bots import telegram as telegram
from tests.conftest import make_member
from tests.fake_provider import FakeProvider, serving
from tests.fakes.telegram import FakeTelegram
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.shadow.shadowing import answered, asked, compared, write_answer
from tests.talking import a_stage, call

PAGE = "/agents/shadow"


@pytest.fixture
def provider(env: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    """A provider that says what a test tells it to."""
    yield from serving(env)


@pytest.fixture
def account(who: Identity, telegram: FakeTelegram, provider: FakeProvider) -> ChannelAccount:
    """A connected bot."""
    return connected(who, telegram)


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ShadowState, name)


def values(tab: Tab) -> dict[str, str]:
    return {tile.label: tile.value for tile in seen(tab, "tiles")}


async def test_turned_on_compared_marked_and_turned_off(who: Identity, account: ChannelAccount) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, ShadowState, "loaded")
        assert (seen(tab, "account"), seen(tab, "accounts")) == ("", [])
        await opened(tab, f"/settings/channels/{account.id}", ChannelAccountState, "account_key")
        await tab.send(ChannelAccountState.set_shadow(True))
        assert tab.get(ChannelAccountState, "is_shadow") is True
        write_answer(who, asked(account))
        answered(account, "45 euros.")
        asked(account, text="And tomorrow?")
        await opened(tab, f"{PAGE}?account={account.id}", ShadowState, "rows")
        second, first = seen(tab, "rows")
        assert (first.question, first.answer, first.state) == ("How much is a tune-up?", "It costs 40 euros.", "ready")
        assert (first.person, first.name, second.state) == (["45 euros."], "Visitor", "writing")
        assert second.person_note == "Nobody has answered yet."
        await tab.send(ShadowState.mark(first.id, "agreed"))
        assert values(tab) | {"Answers of the agent": "1", "Agreed": "1", "Not marked": "0"} == values(tab)
        assert "100%" in seen(tab, "tiles")[1].note and who.name in seen(tab, "rows")[1].marked
        await tab.send(ShadowState.mark(first.id, "agreed"))
        assert values(tab)["Agreed"] == "0" and seen(tab, "rows")[1].marked == ""
        for given in ((first.id, "great"), (second.id, "worse"), ("0" * 32, "worse")):
            await tab.send(ShadowState.mark(*given))
        assert all(row.mark is None for row in compared(who))
        await tab.send(ShadowState.set_shadow(False))
        assert not call(who, channel_accounts.get, account.id).is_shadow and seen(tab, "is_shadow") is False
        assert len(seen(tab, "rows")) == 2


async def test_filters_are_in_the_address(who: Identity, account: ChannelAccount) -> None:
    call(who, shadow_accounts.set_shadow, account.id, is_shadow=True)
    stage = a_stage(who)
    write_answer(who, asked(account, "1"))
    contact = next(iter(call(who, contacts.list_contacts)[0]))
    call(who, leads.create, title="Bike", stage_id=stage, contact_id=contact.id)
    write_answer(who, asked(account, "1", "And tomorrow?"))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"{PAGE}?stage={stage}&show=unmarked&period=7", ShadowState, "rows")
        assert [row.question for row in seen(tab, "rows")] == ["And tomorrow?"]
        assert {row.name: row.answers for row in seen(tab, "stage_rows")} == {"No lead": "1", "Sales · New": "1"}
        await tab.send(ShadowState.set_stage(NO_LEAD))
        assert f"stage={NO_LEAD}" in tab.scripts() and "period=7" in tab.scripts()
        await opened(tab, f"{PAGE}?stage={NO_LEAD}", ShadowState, "rows")
        await tab.until(lambda: [row.question for row in seen(tab, "rows")] == ["How much is a tune-up?"])
        await opened(tab, f"{PAGE}?show=unsafe&page=99999999&period=never", ShadowState, "loaded")
        await tab.until(lambda: seen(tab, "rows") == [])
        await tab.send(ShadowState.set_live_stage(stage, True))
        assert [row.is_live for row in seen(tab, "stage_rows") if row.key == stage] == [True]
        await tab.send(ShadowState.set_live_stage("0" * 32, True))
        await tab.send(ShadowState.set_live_tag("nowhere", True))
        row = call(who, channel_accounts.get, account.id)
        assert (row.live_stages, row.live_tags) == ([stage], [])


async def test_roles(who: Identity, account: ChannelAccount) -> None:
    call(who, shadow_accounts.set_shadow, account.id, is_shadow=True)
    write_answer(who, asked(account))
    viewer, operator = make_member(who, Role.VIEWER), make_member(who, Role.OPERATOR)
    for member, mark in ((viewer, None), (operator, ShadowMark.UNSAFE)):
        async with Tab(sign_in(member)) as tab:
            await opened(tab, PAGE, ShadowState, "rows")
            await tab.send(ShadowState.mark(seen(tab, "rows")[0].id, "unsafe"))
            await tab.send(ShadowState.set_shadow(False))
            await tab.send(ShadowState.set_live_stage("", True))
        row = call(who, channel_accounts.get, account.id)
        assert compared(who)[0].mark == mark and row.is_shadow and row.live_stages == []


async def test_an_account_of_another_tenant_is_not_shown(
    who: Identity, other: Identity, account: ChannelAccount
) -> None:
    call(who, shadow_accounts.set_shadow, account.id, is_shadow=True)
    write_answer(who, asked(account))
    async with Tab(sign_in(other)) as tab:
        await tab.goto(f"/manage/globex{PAGE}?account={account.id}", settle=False)
        await tab.until(lambda: tab.seen.get(ShadowState.get_full_name()) and seen(tab, "loaded"))
        assert (seen(tab, "account"), seen(tab, "rows")) == ("", [])
        await tab.send(ShadowState.set_shadow(False))
    assert call(who, channel_accounts.get, account.id).is_shadow

"""Channels page: admins connect a web chat, change it field by field and switch it; others only look."""

from typing import Any

import pytest

from platform_app.models.agent import Channel
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.talking import add_agent, call, published
from tests.visiting import SITE, a_chat

PAGE = "/manage/acme/settings/channels"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ChannelAccountState, name)


async def test_connect_change_switch_delete_and_undo(who: Identity) -> None:
    agent_id = published(who, channels=["test"])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/settings/channels", ChannelAccountsState, "loaded")
        assert tab.get(ChannelAccountsState, "rows") == []
        await tab.send(ChannelAccountsState.set_dialog_open(True))
        for form, field in (
            ({"name": "", "agent_id": agent_id}, "name"),
            ({"name": "Shop", "agent_id": ""}, "agent_id"),
        ):
            await tab.send(ChannelAccountsState.create(form))
            assert tab.get(ChannelAccountsState, "problem_field") == field and tab.get(ChannelAccountsState, "problem")
        await tab.send(ChannelAccountsState.create({"name": "Shop", "agent_id": agent_id}))
        (row,) = call(who, channel_accounts.list_accounts)
        assert f"{PAGE}/{row.id}" in tab.scripts()
        await opened(tab, f"/settings/channels/{row.id}", ChannelAccountState, "account_key")
        assert seen(tab, "script").endswith(f'/web-chat/files/loader.js" data-token="{row.token}" async></script>')
        assert seen(tab, "has_origins") is False and seen(tab, "agent_is_silent") is False
        await tab.send(ChannelAccountState.save("allowed_origins", f"{SITE}/page"))
        assert "https://www.example.com" in seen(tab, "problems")["allowed_origins"]
        await tab.send(ChannelAccountState.save("allowed_origins", SITE))
        assert seen(tab, "problems") == {} and seen(tab, "has_origins") is True
        await tab.send(ChannelAccountState.save("asks_first", "name_and_email"))
        assert seen(tab, "choices")["asks_first"] == "name_and_email"
        await tab.send(ChannelAccountState.switch(False))
        assert call(who, channel_accounts.get, row.id).enabled is False
        tab.seen.clear()  # what the page showed before it is opened again
        await opened(tab, "/settings/channels", ChannelAccountsState, "loaded")
        await tab.send(ChannelAccountsState.delete(row.id), settle=False)  # the offer to undo stands for seconds
        await tab.until(lambda: tab.get(ChannelAccountsState, "undo_sentence"))
        assert tab.get(ChannelAccountsState, "rows") == []
        await tab.send(ChannelAccountsState.undo())
        assert [one.name for one in tab.get(ChannelAccountsState, "rows")] == ["Shop"]
        assert tab.errors == []


async def test_an_agent_that_is_off_is_said(who: Identity) -> None:
    chat = a_chat(who, add_agent(who))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/settings/channels/{chat.id}", ChannelAccountState, "account_key")
        assert seen(tab, "agent_is_silent") is True


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_look_and_change_nothing(who: Identity, role: Role) -> None:
    chat = a_chat(who)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, f"/settings/channels/{chat.id}", ChannelAccountState, "account_key")
        assert seen(tab, "name") == "Shop"
        for event in (
            ChannelAccountState.save("name", "Mine"),
            ChannelAccountState.switch(False),
            ChannelAccountsState.create({"name": "Mine", "agent_id": chat.agent_id}),
            ChannelAccountsState.delete(chat.id),
        ):
            await tab.send(event)
    (row,) = call(who, channel_accounts.list_accounts)
    assert (row.name, row.enabled, row.kind) == ("Shop", True, Channel.WEB_CHAT)

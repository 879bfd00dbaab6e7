"""Telegram page: admins connect a bot by its token, see whether it works, and members decide on what did not arrive."""

import asyncio
from typing import Any

import pytest

from platform_app.models.channel import AccountState, ChannelAccount, OutboundState
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import member_messages
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.inbox.conversation import InboxState
from platform_app.state.inbox.inbox_view import InboxMessage
from tests.channels.bots import connected, poll, post, states, work
from tests.channels.bots import telegram as telegram
from tests.conftest import make_member
from tests.fakes.telegram import FakeTelegram, silent_after
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.talking import call, published
from tests.visiting import the_talk

PAGE = "/settings/channels"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ChannelAccountState, name)


async def in_thread(work: Any, *given: Any) -> Any:
    """Run what a worker does beside the event loop."""
    return await asyncio.to_thread(work, *given)


async def test_connect_see_and_replace_the_token(who: Identity, telegram: FakeTelegram) -> None:
    agent_id = published(who, channels=["test"])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, ChannelAccountsState, "loaded")
        await tab.send(BotConnectionState.open_dialog("telegram"))
        form = {"token": "nonsense", "agent_id": agent_id, "name": ""}
        for changed, field in (({}, "token"), ({"token": telegram.token, "agent_id": ""}, "agent_id")):
            await tab.send(BotConnectionState.connect(form | changed))
            assert tab.get(BotConnectionState, "problem_field") == field
            assert tab.get(BotConnectionState, "problem")
        await tab.send(BotConnectionState.connect(form | {"token": telegram.token}))
        (row,) = call(who, channel_accounts.list_accounts)
        assert f"{PAGE}/{row.id}" in tab.scripts() and row.name == "@shop_bot"
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        assert (seen(tab, "channel"), seen(tab, "outside_name")) == ("telegram", "@shop_bot")
        assert seen(tab, "receives") == "Setting up" and telegram.token not in str(tab.seen)
        await in_thread(poll, who)
        await tab.send(ChannelAccountState.save("name", "Shop bot"))
        assert seen(tab, "receives") == "Polling"
        old, telegram.token = telegram.token, "700001:" + "B" * 35
        await in_thread(poll, who)
        await tab.send(ChannelAccountState.save("receives", "polling"))
        assert seen(tab, "is_refused") is True and "BotFather" in seen(tab, "problem")
        await tab.send(ChannelAccountState.replace_token({"token": old}))
        assert "doesn’t recognize this token" in seen(tab, "problems")["token"]
        await tab.send(ChannelAccountState.replace_token({"token": telegram.token}))
        assert seen(tab, "problems") == {} and seen(tab, "is_refused") is False and seen(tab, "problem") == ""
        assert tab.errors == []


async def test_members_see_how_far_a_message_came_and_decide(who: Identity, telegram: FakeTelegram) -> None:
    account = await in_thread(connected, who, telegram)
    update = telegram.customer().write()
    await post(account, update)
    await post(account, telegram.customer().edit(update, "How much is a new chain?"))
    talk = the_talk(who)
    message = call(who, member_messages.send, talk.id, "Thirty")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/inbox?c={talk.id}", InboxState, "loaded")

        def row() -> InboxMessage:
            return next(one for one in tab.get(InboxState, "messages") if one.id == message.id)

        assert (row().delivery, row().delivery_label) == ("waiting", "Sending")
        assert tab.get(InboxState, "messages")[0].is_edited is True
        telegram.faults["sendMessage"] = [silent_after]
        await in_thread(work, who)
        await tab.send(InboxState.load)
        assert row().delivery == "uncertain" and "don’t know" in row().delivery_reason
        await tab.send(InboxState.send_again(message.id))
        assert row().delivery == "waiting"
        await in_thread(work, who)
        assert states(who) == [OutboundState.SENT] and telegram.texts() == ["Thirty", "Thirty"]
        telegram.faults["sendMessage"] = [silent_after]
        await tab.send(InboxState.send({"text": "More"}))
        await in_thread(work, who)
        newest = tab.get(InboxState, "messages")[-1].id
        await tab.send(InboxState.mark_delivered(newest))
        assert states(who) == [OutboundState.SENT, OutboundState.DELIVERED]
        assert tab.errors == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_others_connect_nothing(who: Identity, telegram: FakeTelegram, role: Role) -> None:
    account: ChannelAccount = await in_thread(connected, who, telegram)
    async with Tab(sign_in(make_member(who, role))) as tab:
        await opened(tab, f"{PAGE}/{account.id}", ChannelAccountState, "account_key")
        calls = len(telegram.calls)
        await tab.send(ChannelAccountState.replace_token({"token": telegram.token}))
        form = {"token": telegram.token, "agent_id": account.agent_id, "name": ""}
        await tab.send(BotConnectionState.connect(form))
    assert len(telegram.calls) == calls
    (row,) = call(who, channel_accounts.list_accounts)
    assert row.state == AccountState.CONNECTED

"""Kommo account: admins connect a Salesbot by four fields, see the address that it asks, and replace its token."""

import asyncio
import json
from typing import Any

from platform_app.channels.kommo_bridge import KOMMO
from platform_app.models.agent import Channel
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.channels.kommo_chats import KommoChatsState
from tests.fakes.kommo import FakeKommo, kommo, unpaced
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.talking import call, published

__all__ = ["kommo", "unpaced"]


def form(fake: FakeKommo, **changes: Any) -> dict[str, Any]:
    given = {"account": fake.host, "bot": str(fake.bot.bot_id), "token": fake.token}
    return given | {"secret": fake.tokens.client_secret} | changes


async def test_a_salesbot_is_connected_and_its_token_replaced(who: Identity, unpaced: FakeKommo) -> None:
    agent_id = published(who, channels=["test"])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/settings/channels", ChannelAccountsState, "loaded")
        await tab.send(BotConnectionState.open_dialog("kommo"))
        for changes, field in (
            ({"account": "https://evil.example"}, "account"),
            ({"bot": "number"}, "bot"),
            ({"token": "unknown"}, "token"),
            ({"secret": ""}, "secret"),
            ({"agent_id": ""}, "agent_id"),
        ):
            await tab.send(BotConnectionState.connect(form(unpaced, agent_id=agent_id) | changes))
            assert tab.get(BotConnectionState, "problem_field") == field
            assert tab.get(BotConnectionState, "problem") and call(who, channel_accounts.list_accounts) == []
        await tab.send(BotConnectionState.connect(form(unpaced, agent_id=agent_id)))
        (row,) = call(who, channel_accounts.list_accounts)
        assert (row.kind, row.name, row.outside_id) == (Channel.KOMMO, unpaced.host, str(unpaced.data.account_id))
        await opened(tab, f"/settings/channels/{row.id}", ChannelAccountState, "account_key")
        assert tab.get(ChannelAccountState, "webhook").endswith(f"/hooks/channels/{row.token}")
        assert tab.get(ChannelAccountState, "bot_link") == f"https://{unpaced.host}"
        await tab.send(ChannelAccountState.replace_token(form(unpaced, token="unknown")))
        assert tab.get(ChannelAccountState, "problems")["token"]
        again = unpaced.tokens.long_lived()
        await tab.send(ChannelAccountState.replace_token(form(unpaced, token=again)))
        assert tab.get(ChannelAccountState, "problems") == {}
        assert json.loads(call(who, _token, row.id))["token"] == again
        assert tab.errors == []


def _token(session: Any, who: Identity, account_id: str) -> str:
    return channel_access.get_token(session, channel_accounts.get(session, who, account_id))


async def test_a_channel_of_our_own_is_connected_and_disconnected(who: Identity, unpaced: FakeKommo) -> None:
    agent_id = published(who, channels=["test"])
    assert KOMMO.push is not None
    secret = KOMMO.push.join_access(form(unpaced))
    access = await asyncio.to_thread(channel_access.verify, Channel.KOMMO, secret)
    row = call(who, channel_accounts.create, Channel.KOMMO, name="Shop", agent_id=agent_id, access=access)
    given = {"channel_id": unpaced.chats.channel_id, "bot_id": unpaced.chats.bot_id}
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"/settings/channels/{row.id}", ChannelAccountState, "account_key")
        await tab.until(lambda: "/hooks/kommo-chats/" in str(tab.seen))
        assert tab.get(KommoChatsState, "hook").endswith(f"/hooks/kommo-chats/{row.token}")
        await tab.send(KommoChatsState.connect(given | {"channel_secret": "wrong"}))
        assert tab.get(KommoChatsState, "problems")["channel_secret"]
        await tab.send(KommoChatsState.connect(given | {"channel_secret": unpaced.chats.secret}))
        assert tab.get(KommoChatsState, "connected") and unpaced.chats.scopes
        await tab.send(KommoChatsState.disconnect())
        assert not tab.get(KommoChatsState, "connected") and not unpaced.chats.scopes
        assert tab.errors == []

"""API keys page: admins make a key that is shown once and works, and revoke it; others only look."""

import re

from platform_app.models.person import Identity, Role
from platform_app.services.api_keys import api_keys
from platform_app.services.api_keys.scopes import Scope
from platform_app.state.api_keys.api_keys import ApiKeysState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from tests.api.keys import a_key
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.talking import call, published

FORM = {"name": "Website", "role": "operator", "days": "90", "contacts:read": "on", "leads:write": "on", "x:read": "on"}


async def test_make_and_revoke_a_key(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/settings/api-keys", ApiKeysState, "loaded")
        await tab.send(ApiKeysState.set_dialog_open(True))
        for wrong, field in (
            ({"name": ""}, "name"),
            ({"contacts:read": "", "leads:write": ""}, "scopes"),
            ({"days": "1"}, "days"),
            ({"days": "x"}, "days"),
            ({"role": "king"}, "role"),
        ):
            await tab.send(ApiKeysState.create(FORM | wrong))
            assert tab.get(ApiKeysState, "problem_field") == field and tab.get(ApiKeysState, "problem"), wrong
        assert call(who, api_keys.list_keys) == []
        await tab.send(ApiKeysState.create(FORM))
        (key,) = set(re.findall(r"gpta_[\w-]{43}", str(tab.scripts())))
        assert key not in str(tab.seen)  # no variable holds it
        holder = api_keys.find_holder(key)
        assert holder is not None and holder.scopes == {Scope.CONTACTS_READ, Scope.LEADS_WRITE}
        (row,) = tab.get(ApiKeysState, "rows")
        assert (row.name, row.role, row.may) == ("Website", "operator", "Contacts: read; Leads: write")
        await tab.send(ApiKeysState.ask(row.id))
        assert tab.get(ApiKeysState, "asked_name") == "Website"
        await tab.send(ApiKeysState.revoke())
        assert tab.get(ApiKeysState, "rows") == [] and api_keys.find_holder(key) is None
        assert tab.errors == []


async def test_others_only_look(who: Identity) -> None:
    a_key(who)
    async with Tab(sign_in(make_member(who, Role.OPERATOR))) as tab:
        await opened(tab, "/settings/api-keys", ApiKeysState, "loaded")
        (row,) = tab.get(ApiKeysState, "rows")
        await tab.send(ApiKeysState.create(FORM))
        await tab.send(ApiKeysState.ask(row.id))
        await tab.send(ApiKeysState.revoke())
        assert len(call(who, api_keys.list_keys)) == 1


async def test_an_account_of_the_api_channel_is_connected(who: Identity) -> None:
    agent_id = published(who, channels=["test"])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "/settings/channels", ChannelAccountsState, "loaded")
        await tab.send(ChannelAccountsState.connect("telegram"))
        assert tab.get(ChannelAccountsState, "dialog_open") is False
        await tab.send(ChannelAccountsState.connect("api"))
        await tab.send(ChannelAccountsState.create({"name": "Own shop", "agent_id": agent_id}))
        (shown,) = re.findall(r"/settings/channels/([0-9a-f]{32})", str(tab.scripts()))
        await opened(tab, f"/settings/channels/{shown}", ChannelAccountState, "account_key")
        assert tab.get(ChannelAccountState, "channel") == "api"
        assert tab.get(ChannelAccountState, "api_account_id") == shown

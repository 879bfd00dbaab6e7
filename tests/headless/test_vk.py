"""VK page: admins connect a community by its key, and a key that is not accepted is said at its field."""

from platform_app.channels import vk
from platform_app.models.person import Identity
from platform_app.services.channels import channel_accounts
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from tests.channels.test_vk import fake
from tests.fakes.vk import FakeVk
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.talking import call, published

__all__ = ["fake"]
PAGE = "/settings/channels"


async def test_a_community_is_connected_by_its_key(who: Identity, fake: FakeVk) -> None:
    agent_id = published(who, channels=["test"])
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, ChannelAccountsState, "loaded")
        await tab.send(BotConnectionState.open_dialog("vk"))
        form = {"token": "nonsense", "agent_id": agent_id, "name": ""}
        await tab.send(BotConnectionState.connect(form))
        assert tab.get(BotConnectionState, "problem_field") == "token"
        assert tab.get(BotConnectionState, "problem") == vk.NOT_ACCEPTED
        await tab.send(BotConnectionState.connect(form | {"token": fake.token}))
        (row,) = call(who, channel_accounts.list_accounts)
        assert f"{PAGE}/{row.id}" in tab.scripts() and row.name == "workshop"
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        shown = {name: tab.get(ChannelAccountState, name) for name in ("channel", "outside_name", "bot_link")}
        assert shown == {"channel": "vk", "outside_name": "workshop", "bot_link": "https://vk.me/workshop"}
        assert fake.token not in str(tab.seen) and tab.errors == []

"""E-mail page: admins connect a mailbox and replace its access; its password is shown to nobody."""

from typing import Any

from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.inbox.conversation import InboxState
from tests.channels.bots import poll
from tests.channels.mailboxes import catcher as catcher
from tests.channels.mailboxes import form, letter
from tests.channels.mailboxes import mailbox as mailbox
from tests.conftest import make_member
from tests.fakes.imap import FakeMailbox
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.mail_catcher import PASSWORD, USER, Catcher
from tests.talking import call, published
from tests.visiting import the_talk

PAGE = "/settings/channels"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(ChannelAccountState, name)


async def test_connect_see_a_message_and_replace_the_access(
    who: Identity, mailbox: FakeMailbox, catcher: Catcher
) -> None:
    given = form(mailbox, catcher.port, agent_id=published(who, channels=["test"]), name="")
    async with Tab(sign_in(who)) as tab:
        await opened(tab, PAGE, ChannelAccountsState, "loaded")
        await tab.send(BotConnectionState.open_dialog("email"))
        for field, value in {"password": "wrong", "imap_port": "0", "folder": "Nowhere", "agent_id": ""}.items():
            await tab.send(BotConnectionState.connect(given | {field: value}))
            assert tab.get(BotConnectionState, "problem_field") == field
        await tab.send(BotConnectionState.connect(given))
        (row,) = call(who, channel_accounts.list_accounts)
        assert row.name == USER
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        assert seen(tab, "bot_link") == f"mailto:{USER}"
        assert seen(tab, "shown_access")["imap_port"] == str(mailbox.port) and PASSWORD not in str(tab.seen)
        await tab.send(ChannelAccountState.replace_token(given | {"folder": "Nowhere"}))
        assert "no folder" in seen(tab, "problems")["folder"]
        await tab.send(ChannelAccountState.replace_token(given))
        assert seen(tab, "problems") == {}
        await tab.send(ChannelAccountState.save("checking_server", "mx.shop.test"))

        poll(who)
        checked = {"Authentication-Results": "mx.shop.test; spf=fail; dmarc=fail", "Auto-Submitted": "auto-replied"}
        mailbox.deliver(letter(**checked))
        poll(who, 1)
        await opened(tab, f"/inbox?c={the_talk(who).id}", InboxState, "loaded")
        (message,) = tab.get(InboxState, "messages")
        assert (message.subject, message.sender_check) == ("Tune-up", "SPF fail · DMARC fail")
        assert message.is_doubtful and message.notes == ["Automatic email: the agent doesn’t answer it."]
    viewer = make_member(who, Role.VIEWER)
    async with Tab(sign_in(viewer)) as tab:
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        assert seen(tab, "shown_access") == {}

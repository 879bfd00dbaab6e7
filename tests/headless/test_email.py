"""E-mail page: admins connect a mailbox and replace its access; its password is shown to nobody."""

import re
from typing import Any

from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.channels.bot_connection import BotConnectionState
from platform_app.state.channels.channel_account import ChannelAccountState
from platform_app.state.channels.channel_accounts import ChannelAccountsState
from platform_app.state.channels.mail_sign_in import MailSignInState
from platform_app.state.inbox.conversation import InboxState
from tests.channels.bots import poll
from tests.channels.mailboxes import catcher as catcher
from tests.channels.mailboxes import form, letter
from tests.channels.mailboxes import mailbox as mailbox
from tests.channels.test_mail_sign_in import come_back
from tests.channels.test_mail_sign_in import provider as provider
from tests.conftest import make_member
from tests.fakes.imap import FakeMailbox
from tests.fakes.mail_provider import FakeMailProvider
from tests.headless.harness import Tab, sign_in
from tests.headless.test_webhooks import opened
from tests.mail_catcher import PASSWORD, USER, Catcher
from tests.talking import call, published
from tests.visiting import the_talk

PAGE = "/settings/channels"


def led_to(tab: Tab) -> str:
    """Return the address of another site to which the browser was led last."""
    (*_, last) = re.findall(r'assign\(address\)\)\("([^"]+)"\)', tab.scripts())
    return str(last).replace("\\\\u0026", "&")  # signs of HTML are escaped


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


async def test_a_mailbox_of_a_provider_is_connected_by_a_sign_in_there(
    who: Identity, provider: FakeMailProvider
) -> None:
    browser = sign_in(who)
    given = {"address": USER, "agent_id": published(who, channels=["test"]), "name": ""}
    other = "microsoft" if provider.code == "google" else "google"
    async with Tab(browser) as tab:
        await opened(tab, PAGE, ChannelAccountsState, "loaded")
        await tab.send(MailSignInState.choose(other))
        assert f"PLATFORM_{other.upper()}_CLIENT_ID" in tab.get(MailSignInState, "missing")
        await tab.send(MailSignInState.choose(provider.code))
        assert tab.get(MailSignInState, "missing") == ""
        for field, value in {"address": "nobody", "agent_id": ""}.items():
            await tab.send(MailSignInState.begin(given | {field: value}))
            assert tab.get(MailSignInState, "problem_field") == field
        await tab.send(MailSignInState.begin(given))
        code, state = provider.grant(led_to(tab))
        answer = await come_back(browser.partition("=")[2], code=code, state=state)
        (row,) = call(who, channel_accounts.list_accounts)
        assert answer.headers["location"].endswith(row.id)
        await opened(tab, f"{PAGE}/{row.id}", ChannelAccountState, "account_key")
        assert seen(tab, "shown_access")["provider"] in ("Google", "Microsoft 365")
        await tab.send(MailSignInState.connect_again(row.id))
        assert provider.grant(led_to(tab))[1].startswith("acme.")
        await opened(tab, f"{PAGE}?sign_in=refused", MailSignInState, "ended")
        assert "refused this sign-in" in tab.get(MailSignInState, "ended")

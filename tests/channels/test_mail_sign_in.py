"""Mail sign-in: mailboxes of Google and Microsoft 365 by OAuth 2.0: connected, refreshed once, paused if revoked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import time_machine

from platform_app.channels import mail_oauth
from platform_app.channels.email import NO_GRANT, Mailbox
from platform_app.channels.email_access import MailAccess
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Invalid
from platform_app.models.bin import BinKind
from platform_app.models.channel import AccountState, ChannelAccount, OutboundState
from platform_app.models.mail import MailSecurity
from platform_app.models.notification import NotificationKind
from platform_app.models.oauth_grant import OAuthGrant
from platform_app.models.person import Identity, Role
from platform_app.models.secret import Secret
from platform_app.services.bin import row_removal
from platform_app.services.channels import channel_access, channel_accounts, mail_sign_ins
from platform_app.services.chat import hand_off, member_messages
from tests import notifying
from tests.api_client import client, sign_in
from tests.channels.bots import parts, poll, states, work
from tests.channels.mailboxes import letter, read
from tests.channels.mailboxes import mailbox as mailbox
from tests.conftest import forget_process_state, make_member
from tests.fakes.imap import FakeMailbox
from tests.fakes.mail_provider import CLIENT_ID, CLIENT_SECRET, FakeMailProvider, TokenSignIn
from tests.integrations.test_crm_oauth import in_session
from tests.mail_catcher import USER, Catcher
from tests.talking import call, published
from tests.visiting import rows, texts, the_talk

HOME = "https://agents.example.com"
PAGE = "/manage/acme/settings/channels"


class TokenCatcher(TokenSignIn, Catcher):
    """An SMTP server that people sign in to with XOAUTH2."""


@pytest.fixture(params=["google", "microsoft"])
def provider(
    request: pytest.FixtureRequest, mailbox: FakeMailbox, env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeMailProvider]:
    """A provider whose mailbox and servers are the fakes, and at which the installation is registered."""
    code = request.param
    fake = FakeMailProvider(code, f"{HOME}/oauth/mail", USER)
    env.setenv("PLATFORM_PUBLIC_URL", HOME)
    env.setenv("PLATFORM_HOSTS", "*")
    env.setenv(f"PLATFORM_{code.upper()}_CLIENT_ID", CLIENT_ID)
    env.setenv(f"PLATFORM_{code.upper()}_CLIENT_SECRET", CLIENT_SECRET)
    forget_process_state()
    mailbox.provider = fake
    with TokenCatcher(signs_in=True) as catcher:
        catcher.provider = fake
        place = replace(
            mail_oauth.PROVIDERS[code],
            token_url=fake.address,
            imap_host="127.0.0.1",
            imap_port=mailbox.port,
            imap_security=MailSecurity.NONE,
            smtp_host="127.0.0.1",
            smtp_port=catcher.port,
            smtp_security=MailSecurity.NONE,
        )
        monkeypatch.setitem(mail_oauth.PROVIDERS, code, place)
        yield fake
    fake.close()


def begun(who: Identity, provider: FakeMailProvider, address: str = USER) -> dict[str, str]:
    """Begin a sign-in and agree at the provider; return what comes back."""
    agent_id = published(who, channels=["test"])
    target = call(who, mail_sign_ins.begin, provider.code, address, agent_id=agent_id)
    code, state = provider.grant(target)
    return {"code": code, "state": state}


def connected(who: Identity, provider: FakeMailProvider) -> ChannelAccount:
    """Connect the mailbox, whose messages are read from now on."""
    row = mail_sign_ins.finish(who, error="", **begun(who, provider))
    poll(who, 1)
    return row


def account(who: Identity, row: ChannelAccount) -> ChannelAccount:
    """Return an account as it is stored."""
    current: ChannelAccount = call(who, channel_accounts.get, row.id)
    return current


def secret_of(who: Identity, row: ChannelAccount) -> str:
    """Return the secret with which a worker calls the channel."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return channel_access.get_token(session, row)


async def come_back(token: str, **query: str) -> httpx.Response:
    """Come back from the provider, and follow to the route of the tenant."""
    async with client(token, scheme="https") as browser:
        first = await browser.get("/oauth/mail", params=query, follow_redirects=False)
        assert first.status_code == 303 and first.headers["location"].startswith("/oauth/mail/")
        return await browser.get(first.headers["location"], follow_redirects=False)


async def test_the_way_back_counts_once_for_the_session_that_began_it(
    who: Identity, provider: FakeMailProvider
) -> None:
    browser = sign_in(who)
    given = begun(in_session(browser), provider)
    assert (await come_back("", **given)).status_code == 401
    for token, changed, ended in (
        (sign_in(make_member(who, Role.ADMIN)), {}, "over"),
        (sign_in(who), {}, "over"),  # another browser of the same member
        (browser, {"state": f"acme.{'x' * 43}"}, "over"),
    ):
        answer = await come_back(token, **given | changed)
        assert answer.headers["location"] == f"{PAGE}?sign_in={ended}"
    operator = await come_back(sign_in(make_member(who, Role.OPERATOR)), **given)
    assert operator.status_code == 403 and rows(who, ChannelAccount) == []
    answer = await come_back(browser, **given)
    (row,) = rows(who, ChannelAccount)
    assert answer.headers["location"] == f"{PAGE}/{row.id}" and row.outside_name == USER
    assert (await come_back(browser, **given)).headers["location"].endswith("?sign_in=over")
    denied = begun(in_session(browser), provider) | {"code": "", "error": "access_denied"}
    assert (await come_back(browser, **denied)).headers["location"].endswith("?sign_in=denied")
    async with client(browser, scheme="https") as asking:
        for state in ("", "..", "../evil", "ACME.x", "https://evil.example"):
            assert (await asking.get("/oauth/mail", params={"state": state})).status_code == 404
        foreign = await asking.get("/oauth/mail/elsewhere", params=given)
        assert foreign.status_code == 404


def test_a_code_without_its_verifier_is_refused_and_nothing_is_kept(who: Identity, provider: FakeMailProvider) -> None:
    given = begun(who, provider)
    provider.codes[given["code"]] = "a challenge of somebody else"
    with pytest.raises(Invalid, match="didn’t grant access"):
        mail_sign_ins.finish(who, error="", **given)
    assert rows(who, ChannelAccount) == rows(who, OAuthGrant) == rows(who, Secret) == []


def test_the_account_of_another_mailbox_is_refused(who: Identity, provider: FakeMailProvider) -> None:
    with pytest.raises(Invalid, match="refused the sign-in: .*AUTHENTICATIONFAILED"):
        mail_sign_ins.finish(who, error="", **begun(who, provider, "somebody@shop.test"))
    assert rows(who, ChannelAccount) == rows(who, OAuthGrant) == []


def test_mail_comes_in_and_goes_out_and_tokens_are_sealed(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox
) -> None:
    row = connected(who, provider)
    mailbox.deliver(letter("How much is a tune-up?"))
    read(who)
    talk = the_talk(who)
    call(who, hand_off.take_over, talk.id)
    call(who, member_messages.send, talk.id, "It is 60 euros.")
    work(who)
    assert states(who) == [OutboundState.SENT]
    (grant,), secrets = rows(who, OAuthGrant), rows(who, Secret)
    kept = grant.sealed + "".join(secret.sealed for secret in secrets) + secret_of(who, row)
    assert not [token for token in (*provider.access, *provider.refresh_tokens) if token in kept]


def test_ten_workers_refresh_an_expired_token_once(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox
) -> None:
    secret = secret_of(who, connected(who, provider))
    provider.expire()
    with ThreadPoolExecutor(10) as pool:
        profiles = list(pool.map(lambda _: Mailbox().profile(secret), range(10)))
    assert {profile.name for profile in profiles} == {USER}
    assert (provider.refreshes, provider.refused_refreshes) == (1, 0)
    with time_machine.travel(now() + timedelta(hours=2), tick=True):  # and before its time is over
        assert Mailbox().profile(secret).name == USER
    assert provider.refreshes == 2


def test_a_revoked_grant_pauses_the_account_tells_admins_and_is_connected_again(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox
) -> None:
    row = connected(who, provider)
    provider.revoke()
    assert isinstance(channel_accounts.kind_of(row).push, Mailbox)
    channel_accounts.kind_of(row).push.close_all()  # type: ignore[union-attr]
    poll(who, 1)
    assert (account(who, row).state, account(who, row).problem) == (AccountState.REFUSED, mail_oauth.REVOKED)
    (told,) = notifying.rows(who)
    assert (told.kind, told.link) == (NotificationKind.FAILURE, f"/settings/channels/{row.id}")
    tries = provider.refused_refreshes
    poll(who, 2)
    assert provider.refused_refreshes == tries  # it is not asked again and again

    code, state = provider.grant(call(who, mail_sign_ins.begin_again, row.id))
    assert mail_sign_ins.finish(who, code=code, state=state, error="").id == row.id
    assert account(who, row).state == AccountState.CONNECTED and len(rows(who, OAuthGrant)) == 1
    poll(who, 1)
    mailbox.deliver(letter("I am back"))
    read(who)
    assert "Tune-up\n\nI am back" in texts(who)


def test_a_mail_server_that_refuses_new_tokens_pauses_the_account(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox
) -> None:
    row = connected(who, provider)
    mailbox.deliver(letter("Hello"))
    read(who)
    talk = the_talk(who)
    call(who, hand_off.take_over, talk.id)
    provider.user = "moved@shop.test"
    call(who, member_messages.send, talk.id, "Hi")
    work(who)
    assert [part.error for part in parts(who)] == [NO_GRANT] and account(who, row).state == AccountState.REFUSED
    assert provider.refreshes == 1


def test_a_provider_that_does_not_answer_pauses_nothing(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox, env: pytest.MonkeyPatch
) -> None:
    row = connected(who, provider)
    push = channel_accounts.kind_of(row).push
    assert isinstance(push, Mailbox)
    for wrong, told in ((True, "isn’t responding"), (False, "client ID")):
        provider.fails = wrong
        if not wrong:
            env.setenv(f"PLATFORM_{provider.code.upper()}_CLIENT_SECRET", "another")
            forget_process_state()
        provider.expire()
        push.close_all()
        with session_scope(who.tenant_id) as session:
            channel_access.look_again(session, row)
        poll(who, 1)
        current = account(who, row)
        assert current.state == AccountState.CONNECTED and told in current.problem


def test_a_deleted_mailbox_leaves_no_tokens(who: Identity, provider: FakeMailProvider) -> None:
    row = connected(who, provider)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CHANNEL_ACCOUNT, [row.id])
    assert rows(who, OAuthGrant) == rows(who, Secret) == []


def test_a_password_in_place_of_the_sign_in_forgets_the_tokens(
    who: Identity, provider: FakeMailProvider, mailbox: FakeMailbox
) -> None:
    row = connected(who, provider)
    access = MailAccess.from_secret(secret_of(who, row))
    by_password = replace(access, provider="", tenant_id="", grant_id="", password="secret").as_secret()
    profile = channel_access.VerifiedAccess(by_password, channel_access.Profile(row.outside_id, USER), row.id)
    call(who, channel_accounts.replace_access, row.id, profile)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(OAuthGrant, who.tenant_id)).all() == []
    with pytest.raises(channel_access.NotFound):
        call(who, mail_sign_ins.begin_again, row.id)


@pytest.mark.parametrize("name", ["PLATFORM_GOOGLE_CLIENT_ID", "PLATFORM_GOOGLE_CLIENT_SECRET", "PLATFORM_PUBLIC_URL"])
@pytest.mark.parametrize("provider", ["google"], indirect=True)
def test_what_the_installation_lacks_is_named(
    who: Identity, provider: FakeMailProvider, env: pytest.MonkeyPatch, name: str
) -> None:
    env.setenv(name, "")
    forget_process_state()
    with pytest.raises(Invalid, match=name) as caught:
        begun(who, provider)
    assert caught.value.field == "provider"

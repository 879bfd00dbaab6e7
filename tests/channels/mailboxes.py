"""Mailboxes: a connected mailbox at the fakes, and what a worker does for it, as tests need them."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from platform_app.channels.email import EMAIL, Mailbox
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.channels import channel_access, channel_accounts
from tests.channels.bots import poll
from tests.conftest import forget_process_state
from tests.fakes.imap import FakeMailbox
from tests.mail_catcher import PASSWORD, USER, Catcher
from tests.talking import call, published

PUBLIC_URL = "https://platform.example"
CUSTOMER = "anna@people.test"


@pytest.fixture
def mailbox(env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMailbox]:
    """A fake mailbox that the platform reads."""
    fake = FakeMailbox()
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    env.setenv("PLATFORM_LEASE_SECONDS", "1.5")
    env.setenv("PLATFORM_BACKOFF_SECONDS", "0.01")
    forget_process_state()
    for name in ("messages_per_second", "chat_messages_per_second"):
        monkeypatch.setattr(EMAIL.push, name, 1_000)
    yield fake
    fake.close()
    assert isinstance(EMAIL.push, Mailbox)
    EMAIL.push.close_all()


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    """The SMTP server of the mailbox."""
    with Catcher(signs_in=True) as server:
        yield server


def form(fake: FakeMailbox, smtp_port: int, **more: str) -> dict[str, str]:
    """Return what an admin enters to connect a mailbox."""
    given = {"address": USER, "password": PASSWORD, "imap_host": "127.0.0.1", "imap_port": str(fake.port)}
    given |= {"imap_security": "none", "smtp_host": "127.0.0.1", "smtp_port": str(smtp_port)}
    return given | {"smtp_security": "none", "folder": "INBOX", "user_name": ""} | more


def verified(given: dict[str, str], tenant_id: str = "") -> Any:
    """Return the access that a form gives, checked at both servers."""
    assert EMAIL.push is not None
    return channel_access.verify(Channel.EMAIL, EMAIL.push.join_access(given), tenant_id=tenant_id)


def connected(who: Identity, given: dict[str, str], agent_id: str = "", **settings: str) -> ChannelAccount:
    """Connect a mailbox whose messages are read from now on."""
    agent_id = agent_id or published(who, channels=["test"])
    access = verified(given, who.tenant_id)
    made: ChannelAccount = call(
        who, channel_accounts.create, Channel.EMAIL, name="Support", agent_id=agent_id, access=access
    )
    if settings:
        made = call(who, channel_accounts.save, made.id, settings)
    poll(who, 1)  # the mode is set, and where to begin
    return made


def read(who: Identity, rounds: int = 1) -> None:
    """Read what has arrived, as a worker does."""
    poll(who, rounds)


def letter(text: str = "How much is a tune-up?", *, sender: str = f"Анна <{CUSTOMER}>", **headers: str) -> EmailMessage:
    """Return an e-mail of a customer; underscores in names of headers stand for hyphens."""
    message = EmailMessage()
    message["From"], message["To"] = sender, USER
    given = {"Subject": "Tune-up", "Message-ID": f"<{abs(hash(text))}@people.test>"}
    for name, value in (given | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        message[name] = value
    message.set_content(text)
    return message


def answer_to(sent: EmailMessage, text: str, *, sender: str = CUSTOMER, **headers: str) -> EmailMessage:
    """Return an e-mail that answers one of the platform's, as mail programs do."""
    references = f"{sent['References'] or ''} {sent['Message-ID']}".strip()
    threaded = {"Subject": f"Re: {sent['Subject']}", "In-Reply-To": str(sent["Message-ID"]), "References": references}
    quoted = "\n".join(f"> {line}" for line in str(sent.get_body(("plain",)).get_content()).splitlines())  # type: ignore[union-attr]
    said = f"{text}\n\nOn Mon, 2 Nov 2026 at 10:00, Shop <{USER}> wrote:\n{quoted}"
    return letter(said, sender=sender, **(threaded | {"Message-ID": f"<{abs(hash(said))}@people.test>"} | headers))


@pytest.fixture
def account(who: Identity, mailbox: FakeMailbox, catcher: Catcher) -> ChannelAccount:
    """A connected mailbox."""
    return connected(who, form(mailbox, catcher.port))


def plain(mail: EmailMessage) -> str:
    """Return the plain text of what was sent."""
    body = mail.get_body(("plain",))
    assert isinstance(body, EmailMessage)
    return str(body.get_content()).strip()

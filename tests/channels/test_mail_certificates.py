"""Mail certificates: IMAP and SMTP under TLS, from the start and by STARTTLS; a wrong one is refused in words."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from platform_app.channels.email import EMAIL
from platform_app.channels.push_channel import TemporaryFailure
from platform_app.errors import Invalid
from platform_app.models.person import Identity
from tests.channels.mailboxes import connected, form, letter, read, verified
from tests.channels.mailboxes import mailbox as mailbox
from tests.fakes.imap import FakeMailbox
from tests.mail_catcher import Catcher, certificate
from tests.visiting import texts

SECURITY = pytest.mark.parametrize("security", ["tls", "starttls"])


class Wrong(NamedTuple):
    """What is wrong with a certificate, and the words that say so."""

    name: str
    is_expired: bool
    is_trusted: bool
    words: str

    def make(self, folder: Path, env: pytest.MonkeyPatch) -> ssl.SSLContext:
        """Make the certificate, which clients trust or not."""
        context, trusted = certificate(folder, self.name, is_expired=self.is_expired)
        env.setenv("SSL_CERT_FILE", str(trusted) if self.is_trusted else str(folder / "none.pem"))
        return context


WRONG = pytest.mark.parametrize(
    "wrong",
    [
        Wrong("localhost", is_expired=False, is_trusted=False, words="isn’t trusted"),
        Wrong("elsewhere.test", is_expired=False, is_trusted=True, words="for another name"),
        Wrong("localhost", is_expired=True, is_trusted=True, words="has expired"),
    ],
    ids=lambda wrong: wrong.words,
)
Given = Callable[..., dict[str, str]]


@pytest.fixture
def given(mailbox: FakeMailbox) -> Given:
    """Return a function that returns what an admin enters for servers named localhost."""

    def entered(imap: FakeMailbox, smtp: Catcher, **security: str) -> dict[str, str]:
        return form(imap, smtp.port, imap_host="localhost", smtp_host="localhost", **security)

    return entered


def a_mailbox(context: ssl.SSLContext, security: str) -> FakeMailbox:
    return FakeMailbox(tls=context, starttls=security == "starttls")


def a_catcher(context: ssl.SSLContext, security: str) -> Catcher:
    return Catcher(signs_in=True, tls=context, starttls=security == "starttls")


@SECURITY
def test_a_trusted_certificate_carries_mail_in_and_the_sign_in(
    who: Identity, given: Given, security: str, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path, "localhost")
    env.setenv("SSL_CERT_FILE", str(trusted))
    imap = a_mailbox(context, security)
    try:
        with a_catcher(context, security) as smtp:
            connected(who, given(imap, smtp, imap_security=security, smtp_security=security))
            imap.deliver(letter("Under TLS"))
            read(who)
        assert any(text.endswith("Under TLS") for text in texts(who))
        assert imap.logins == imap.encrypted_logins > 0
    finally:
        imap.close()


@SECURITY
@WRONG
def test_a_wrong_certificate_of_the_imap_server_is_refused_before_the_password(
    who: Identity, given: Given, tmp_path: Path, env: pytest.MonkeyPatch, security: str, wrong: Wrong
) -> None:
    context = wrong.make(tmp_path, env)
    imap = a_mailbox(context, security)
    try:
        with Catcher(signs_in=True) as smtp, pytest.raises(Invalid, match=wrong.words) as caught:
            verified(given(imap, smtp, imap_security=security), who.tenant_id)
        assert (caught.value.field, imap.logins) == ("imap_host", 0)
    finally:
        imap.close()


@SECURITY
@WRONG
def test_a_wrong_certificate_of_the_smtp_server_is_refused_before_the_password(
    who: Identity,
    given: Given,
    mailbox: FakeMailbox,
    tmp_path: Path,
    env: pytest.MonkeyPatch,
    security: str,
    wrong: Wrong,
) -> None:
    context = wrong.make(tmp_path, env)
    with a_catcher(context, security) as smtp, pytest.raises(Invalid, match=wrong.words) as caught:
        verified(given(mailbox, smtp, smtp_security=security), who.tenant_id)
    assert caught.value.field == "smtp_host"


def test_a_certificate_that_expires_later_waits_for_a_new_one(
    who: Identity, given: Given, tmp_path: Path, env: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path, "localhost")
    env.setenv("SSL_CERT_FILE", str(trusted))
    imap = a_mailbox(context, "tls")
    try:
        with a_catcher(context, "tls") as smtp:
            access = verified(given(imap, smtp, imap_security="tls", smtp_security="tls"), who.tenant_id)
        (tmp_path / "later").mkdir()
        imap.tls, expired = certificate(tmp_path / "later", "localhost", is_expired=True)
        env.setenv("SSL_CERT_FILE", str(expired))
        assert EMAIL.push is not None
        with pytest.raises(TemporaryFailure, match="has expired"):
            EMAIL.push.fetch(access.token, "", seconds=0.1)
    finally:
        imap.close()

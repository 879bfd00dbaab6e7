"""SMTP: messages arrive as they are meant, refusals are told in words, and what is in doubt is told apart."""

import base64
import socket
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_app.config import settings
from platform_app.errors import Invalid, PlatformError, Unavailable
from platform_app.integrations import egress, smtp
from platform_app.models.mail import MailSecurity
from tests.conftest import free_port
from tests.integrations.test_egress import NAMES
from tests.mail_catcher import PASSWORD, USER, Catcher, certificate, odd_server, says, text_of


@pytest.fixture
def open_loopback(env: pytest.MonkeyPatch) -> Iterator[None]:
    """Let e-mail reach servers on this machine."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    settings.cache_clear()
    yield
    settings.cache_clear()


def a_server(port: int, **more: object) -> smtp.Server:
    told = {
        "host": "localhost",
        "security": MailSecurity.NONE,
        "sender_address": USER,
        "sender_name": "Магазин «Спица»",
    }
    return smtp.Server(port=port, **(told | more))  # type: ignore[arg-type]


def a_letter(server: smtp.Server, **more: str) -> smtp.EmailMessage:
    told = {
        "to": "anna@people.test",
        "subject": "Ваш заказ готов",
        "text": "Здравствуйте, Анна.\n.\nЖдём вас.",
        "key": "k",
    }
    return smtp.written(server, **(told | more))


def send(server: smtp.Server, **more: str) -> dict[str, str]:
    return smtp.send(server, a_letter(server, **more))


@pytest.mark.usefixtures("open_loopback")
def test_arrives_as_it_is_meant() -> None:
    with Catcher() as catcher:
        answer = send(a_server(catcher.port))
        send(a_server(catcher.port, sender_name=""), subject="Plain", text="x" * 3_000 + "\n.\n..\n")
    first, second = catcher.letters
    assert answer == {"answer": "250 OK: kept"}
    assert (first["subject"], first["to"]) == ("Ваш заказ готов", "anna@people.test")
    assert first["from"].addresses[0].display_name == "Магазин «Спица»"
    assert first["from"].addresses[0].addr_spec == USER
    assert text_of(first) == "Здравствуйте, Анна.\n.\nЖдём вас.\n"
    assert text_of(second) == "x" * 3_000 + "\n.\n..\n"
    assert catcher.envelopes == [(USER, ["anna@people.test"])] * 2
    assert first["auto-submitted"] == "auto-generated" and first["date"]


def test_the_id_follows_from_the_key() -> None:
    server = a_server(25)
    one, again, other = (a_letter(server, key=key)["message-id"] for key in ("a", "a", "b"))
    assert one == again != other and one.endswith("@shop.test>")


@pytest.mark.usefixtures("open_loopback")
@pytest.mark.parametrize("security", [MailSecurity.TLS, MailSecurity.STARTTLS])
def test_signs_in_under_tls(security: MailSecurity, tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path, "localhost")
    with Catcher(signs_in=True, tls=context, starttls=security == MailSecurity.STARTTLS) as catcher:
        server = a_server(catcher.port, security=security, user_name=USER, password=PASSWORD)
        with pytest.raises(Invalid, match="certificate of localhost"):
            send(server)  # nobody vouches for it
        env.setenv("SSL_CERT_FILE", str(trusted))
        send(server)
        with pytest.raises(Invalid, match="refused the user name or the password: 535"):
            send(a_server(catcher.port, security=security, user_name=USER, password="wrong-password"))
    assert len(catcher.letters) == 1


@pytest.mark.usefixtures("open_loopback")
def test_a_certificate_for_another_name_is_refused(tmp_path: Path, env: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path, "elsewhere.test")
    env.setenv("SSL_CERT_FILE", str(trusted))
    with Catcher(tls=context) as catcher, pytest.raises(Invalid, match="another name"):
        send(a_server(catcher.port, security=MailSecurity.TLS))
    assert catcher.letters == []


@pytest.mark.usefixtures("open_loopback")
def test_tls_that_is_asked_for_and_not_there_sends_nothing() -> None:
    with Catcher() as catcher:
        with pytest.raises(Invalid, match="doesn’t support STARTTLS"):
            send(a_server(catcher.port, security=MailSecurity.STARTTLS))
        with pytest.raises(Invalid, match="doesn’t speak TLS"):
            send(a_server(catcher.port, security=MailSecurity.TLS))
    assert catcher.letters == []
    with odd_server(says(b"220 hello", b"250 odd")) as port, pytest.raises(Invalid, match="takes no user name"):
        send(a_server(port, user_name=USER, password=PASSWORD))
    pretends = says(b"220 hello", b"250-odd\r\n250 STARTTLS", b"250 as you like", b"250 go on", b"250 go on")
    with odd_server(pretends) as port, pytest.raises(Invalid, match="doesn’t support STARTTLS"):
        send(a_server(port, security=MailSecurity.STARTTLS, user_name=USER, password=PASSWORD))


@pytest.mark.usefixtures("open_loopback")
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_a_refusal_is_told_and_a_pause_is_told_apart(stage: str) -> None:
    with Catcher() as catcher:
        catcher.faults[stage] = "550 5.1.1 not here"
        with pytest.raises(Invalid, match="550 5.1.1 not here"):
            send(a_server(catcher.port))
        catcher.faults[stage] = "451 4.7.1 later"
        with pytest.raises(Unavailable, match="asked us to retry later: 451 4.7.1 later"):
            send(a_server(catcher.port))
    assert catcher.letters == []


@pytest.mark.usefixtures("open_loopback")
def test_only_what_breaks_after_the_end_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="doesn’t answer on port"):
        send(a_server(free_port()))
    go_on = (b"220 hello", b"250 odd", b"250 ok", b"250 ok")
    for said in (go_on[:1], go_on[:2], go_on[:3], (b"banana",), (b"220 hello", b"250-" + b"x" * 5_000)):
        with odd_server(lambda opened, said=said: gone(opened, said)) as port, pytest.raises(Unavailable):
            send(a_server(port))
    monkeypatch.setattr(smtp, "VERDICT_SECONDS", 0.3)
    for fault in ("drop", "hang"):
        with Catcher() as catcher:
            catcher.faults["DATA"] = fault
            with pytest.raises(smtp.UnconfirmedError):
                send(a_server(catcher.port))
            assert catcher.tries == 1


def gone(opened: socket.socket, said: tuple[bytes, ...]) -> None:
    """Say this much, and hang up at the line after it."""
    opened.sendall(said[0] + b"\r\n")
    for answer in said[1:]:
        opened.recv(4_096)
        opened.sendall(answer + b"\r\n")
    opened.recv(4_096)


def drip(opened: socket.socket) -> None:
    """Say something all the time, and never come to an end."""
    while True:
        opened.sendall(b"2")
        time.sleep(0.05)


def flood(opened: socket.socket) -> None:
    """Answer with lines without end."""
    while True:
        opened.sendall(b"220-and on it goes\r\n" * 1_000)


@pytest.mark.usefixtures("open_loopback")
@pytest.mark.parametrize("security", [MailSecurity.NONE, MailSecurity.TLS])
def test_a_server_that_never_ends_is_cut_off(security: MailSecurity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TOTAL_SECONDS", 0.5)
    for behave in (drip, flood, says(b"")):
        with odd_server(behave) as port, pytest.raises(PlatformError):
            send(a_server(port, security=security))


@pytest.mark.usefixtures("open_loopback")
def test_what_a_server_says_back_holds_no_password() -> None:
    hidden = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    echo = says(b"220 hello", b"250-odd\r\n250 AUTH PLAIN", b"535 no: " + PASSWORD.encode() + b" " + hidden)
    with odd_server(echo) as port, pytest.raises(Invalid) as refused:
        send(a_server(port, user_name=USER, password=PASSWORD))
    assert str(refused.value).endswith("535 no: *** ***=")
    assert PASSWORD not in repr(a_server(1, password=PASSWORD))


@pytest.mark.parametrize("host", NAMES)
def test_no_inner_address_is_reached(env: pytest.MonkeyPatch, host: str) -> None:
    with Catcher() as catcher, pytest.raises(Invalid, match="is blocked"):
        send(a_server(catcher.port, host=host))
    assert catcher.letters == []


def test_a_name_is_resolved_once_and_its_checked_address_is_used(
    env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a name that is public when it is checked and inner when it is used."""
    asked: list[object] = []

    def resolver(host: object, port: int, **more: object) -> list[object]:
        asked.append(host)
        address = "203.0.113.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    reached: list[object] = []

    class Socket(socket.socket):
        def connect(self, address: object) -> None:
            reached.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(egress, "may_reach", lambda address: str(address) == "203.0.113.7")
    monkeypatch.setattr(egress.socket, "getaddrinfo", resolver)
    monkeypatch.setattr(egress.socket, "socket", Socket)
    with pytest.raises(Unavailable):
        send(a_server(25, host="rebind.test"))
    assert asked == [b"rebind.test"] and reached == [("203.0.113.7", 25)]


ANY = st.text(st.characters(codec=None), max_size=200)


@given(name=ANY, subject=ANY, text=ANY, key=ANY.filter(lambda key: key.isprintable()))
def test_nothing_typed_makes_a_header(name: str, subject: str, text: str, key: str) -> None:
    server = a_server(25, sender_name=name)
    letter = smtp.written(server, to="anna@people.test", subject=subject, text=text, key=key)
    sent = message_from_bytes(letter.as_bytes(), policy=default)
    assert sorted(header.lower() for header in sent) == sorted(
        ["from", "to", "subject", "date", "message-id", "auto-submitted", "content-type", "mime-version"]
        + ["content-transfer-encoding"]
    )
    assert [one.addr_spec for one in sent["to"].addresses] == ["anna@people.test"]
    assert [one.addr_spec for one in sent["from"].addresses] == [USER]
    assert not sent.is_multipart()


INJECTIONS = [
    "anna@people.test\r\nBcc: evil@evil.test",
    "anna@people.test\nRCPT TO:<evil@evil.test>",
    "anna@people.test, evil@evil.test",
    "anna@people.test> SIZE=1 <evil@evil.test",
    "Anna <anna@people.test>",
    "anna@people.test\x00",
    "anna people.test",
    "anna@@people.test",
    "@people.test",
    "anna@",
    "anna@localhost",
    "анна@people.test",
    ".anna@people.test",
    "anna@people..test",
    "anna@" + "a" * 64 + ".test",
    '"a b"@people.test',
    "",
]


@pytest.mark.parametrize("address", INJECTIONS)
def test_what_is_not_one_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match="isn’t an email address"):
        smtp.written(a_server(25), to=address, subject="x", text="x", key="x")


def test_a_header_in_a_subject_stays_a_subject() -> None:
    letter = a_letter(a_server(25, sender_name="Shop\r\nBcc: evil@evil.test"), subject="Hi\r\nBcc: evil@evil.test")
    sent = message_from_bytes(letter.as_bytes(), policy=default)
    assert sent["subject"] == "Hi Bcc: evil@evil.test" and sent["bcc"] is None
    assert sent["from"].addresses[0].display_name == "Shop Bcc: evil@evil.test"


def test_domains_of_other_letters_are_written_in_latin_ones() -> None:
    assert smtp.checked(" Info@пример.рф ", field="to") == "Info@xn--e1afmkfd.xn--p1ai"

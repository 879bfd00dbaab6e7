"""Mail: a tenant's server is set by those who may, tried, and its password kept safe."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from platform_app import db
from platform_app.db import session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached
from platform_app.models.person import Identity, Role
from platform_app.models.rule import RunState
from platform_app.services.accounts import tenant_secrets
from platform_app.services.mail import mail_servers
from tests.mail_catcher import PASSWORD, USER, Catcher, text_of
from tests.mailing import EMAIL, FORM, anna, set_server
from tests.rules.test_rules import a_rule, runs
from tests.talking import activities, call, run_jobs


def kept_password(who: Identity) -> str | None:
    with session_scope(who.tenant_id, read_only=True) as session:
        return tenant_secrets.read(session, who.tenant_id, mail_servers.PASSWORD)


def test_what_does_not_fit_is_said_at_its_field(who: Identity) -> None:
    wrong = [
        ("host", ""),
        ("host", "smtp.example.com:25"),
        ("host", "https://x.test"),
        ("host", "a b"),
        ("host", "user@x.test"),
        ("host", "x" * 300),
        ("host", "x\x00"),
        ("host", "a..b"),
        ("port", ""),
        ("port", "0"),
        ("port", "65536"),
        ("port", "x"),
        ("port", "9" * 5_000),
        ("port", "²"),
        ("security", "ssl"),
        ("user_name", "имя"),
        ("user_name", "a\r\nb"),
        ("password", "пароль"),
        ("password", "x" * 501),
        ("password", ""),
        ("sender_address", "nobody"),
        ("sender_address", "a@b.test\r\nBcc: c@d.test"),
        ("sender_name", "x" * 101),
    ]
    for field, value in wrong:
        with pytest.raises(Invalid) as refused:
            call(who, mail_servers.save, FORM | {field: value})
        assert refused.value.field == field, (field, value)
    with pytest.raises(Invalid) as refused:
        call(who, mail_servers.save, FORM | {"user_name": ""})
    assert refused.value.field == "user_name"
    assert call(who, mail_servers.get_settings) is None and kept_password(who) is None


def test_the_password_is_kept_and_does_not_go_elsewhere(who: Identity) -> None:
    call(who, mail_servers.save, FORM | {"security": "tls"})
    assert call(who, mail_servers.password_suffix) == PASSWORD[-4:] and kept_password(who) == PASSWORD
    call(who, mail_servers.save, FORM | {"security": "tls", "password": "", "port": "587", "sender_name": "Другое"})
    assert kept_password(who) == PASSWORD and call(who, mail_servers.get_settings).sender_name == "Другое"
    for change in ({"host": "evil.test"}, {"security": "none"}):
        with pytest.raises(Invalid) as refused:
            call(who, mail_servers.save, FORM | {"security": "tls", "password": ""} | change)
        assert refused.value.field == "password" and call(who, mail_servers.get_settings).host == "localhost"
    call(who, mail_servers.save, FORM | {"security": "starttls", "password": "another-password"})
    assert kept_password(who) == "another-password"
    call(who, mail_servers.save, FORM | {"user_name": "", "password": ""})
    assert kept_password(who) is None and call(who, mail_servers.password_suffix) is None
    call(who, mail_servers.save, FORM)
    call(who, mail_servers.remove)
    assert call(who, mail_servers.get_settings) is None and kept_password(who) is None
    assert activities(who)[-2:] == ["Mail server {host} set", "Mail server removed"]


def test_only_owner_and_admin_may(who: Identity, other: Identity) -> None:
    call(who, mail_servers.save, FORM)
    for role in (Role.OPERATOR, Role.VIEWER):
        weak = replace(who, role=role)
        for service, given in (
            (mail_servers.save, [FORM]),
            (mail_servers.remove, []),
            (mail_servers.get_settings, []),
            (mail_servers.password_suffix, []),
        ):
            with pytest.raises(Forbidden):
                call(weak, service, *given)
        with pytest.raises(Forbidden):
            mail_servers.send_test(weak)
    assert call(replace(who, role=Role.ADMIN), mail_servers.get_settings).host == "localhost"
    assert call(other, mail_servers.get_settings) is None
    with pytest.raises(Conflict, match="No mail server"):
        mail_servers.send_test(other)


def test_the_password_stands_nowhere_in_the_clear(
    who: Identity, catcher: Catcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_server(who, catcher.port)
    mail_servers.send_test(who)
    a_rule(who, "contact_created", EMAIL)
    anna(who)
    run_jobs(who)
    set_server(who, catcher.port, password="canary-wrong-password")
    anna(who, name="Борис", emails=["boris@people.test"])
    run_jobs(who)
    assert [run.state for run in runs(who)] == [RunState.DONE, RunState.FAILED]
    assert "refused the user name or the password: {answer}" in runs(who)[1].actions[0]["error"]
    db.engine().dispose()
    said = capsys.readouterr()
    heaps = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    heaps.append((said.out + said.err).encode())
    for secret in (PASSWORD, "canary-wrong-password"):
        forms = (secret.encode(), base64.b64encode(f"\0{USER}\0{secret}".encode()).rstrip(b"="))
        assert not [heap for heap in heaps for form in forms if form in heap]


def test_a_test_message_goes_to_the_person_in_their_language(who: Identity, catcher: Catcher) -> None:
    set_server(who, catcher.port)
    mail_servers.send_test(replace(who, language="ru"))
    (letter,) = catcher.letters
    assert letter["to"] == who.email and letter["subject"] == "Проверочное письмо: Acme"
    assert text_of(letter) == "Письма «Acme» уходят через localhost.\n"
    with pytest.raises(LimitReached):
        for _ in range(12):
            mail_servers.send_test(who)

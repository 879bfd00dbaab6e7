"""Platform mail: its settings are checked at the start, and the doctor tries the server."""

import pytest
from pydantic import ValidationError

from platform_app import config
from platform_app.config import Settings
from platform_app.integrations import platform_smtp
from platform_app.models.mail import MailSecurity
from platform_app.runtime import doctor
from platform_app.smtp_address import SmtpAddress, parse_smtp_url
from tests.inviting import use_platform_mail
from tests.mail_catcher import PASSWORD, USER, Catcher

FROM = "Platform <platform@platform.test>"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("smtps://ann%40x.test:p%3A%2F@smtp.x.test", ("smtp.x.test", 465, "tls", "ann@x.test", "p:/")),
        ("smtp://ann:secret@smtp.x.test:2525", ("smtp.x.test", 2525, "starttls", "ann", "secret")),
        ("smtp+plain://mailhog", ("mailhog", 25, "none", "", "")),
        ("smtp+plain://[::1]:1025", ("::1", 1025, "none", "", "")),
    ],
)
def test_a_server_in_one_line(url: str, parts: tuple[str, int, str, str, str]) -> None:
    assert parse_smtp_url(url) == SmtpAddress(*parts)


@pytest.mark.parametrize(
    ("url", "sender", "named"),
    [
        ("smtp.x.test:587", FROM, "smtp_url"),
        ("https://smtp.x.test", FROM, "smtp_url"),
        ("smtp://ann@smtp.x.test", FROM, "smtp_url"),
        ("smtp://smtp.x.test:port", FROM, "smtp_url"),
        ("smtp://smtp.x.test/path", FROM, "smtp_url"),
        ("smtp://smtp.x.test", "", "mail_from"),
        ("smtp://smtp.x.test", "Platform", "mail_from"),
        ("", "platform@localhost", "mail_from"),
    ],
)
def test_wrong_settings_are_named_and_not_shown(env: pytest.MonkeyPatch, url: str, sender: str, named: str) -> None:
    env.setenv("PLATFORM_SMTP_URL", url)
    env.setenv("PLATFORM_MAIL_FROM", sender)
    with pytest.raises(ValidationError) as wrong:
        Settings()
    assert [error["loc"] for error in wrong.value.errors()] == [(named,)]
    assert "secret" not in str(wrong.value)


def test_the_server_is_read_from_the_settings(env: pytest.MonkeyPatch) -> None:
    assert not platform_smtp.is_configured()
    env.setenv("PLATFORM_SMTP_URL", "smtps://ann:canary-password@smtp.x.test")
    env.setenv("PLATFORM_MAIL_FROM", FROM)
    config.settings.cache_clear()
    server = platform_smtp.get_server()
    assert (server.security, server.sender_address, server.sender_name) == (
        MailSecurity.TLS,
        "platform@platform.test",
        "Platform",
    )
    assert server.is_trusted and "canary" not in repr(server) and "canary" not in repr(config.settings())


def found() -> doctor.Finding:
    return doctor.platform_mail(config.settings())


def test_the_doctor_tries_the_server(env: pytest.MonkeyPatch, catcher: Catcher) -> None:
    assert found().is_well and found().detail.startswith("none")
    use_platform_mail(env, catcher.port, user=USER, password=PASSWORD)
    assert found() == doctor.Finding("mail", "127.0.0.1 answers; platform@platform.test sends")
    env.delenv("PLATFORM_PUBLIC_URL")
    config.settings.cache_clear()
    assert found().advice == "Set PLATFORM_PUBLIC_URL: links in e-mails lead there."
    use_platform_mail(env, catcher.port, user=USER, password="canary-wrong")
    assert not found().is_well and "canary" not in str(found())
    use_platform_mail(env)
    assert found().advice == "Correct PLATFORM_SMTP_URL, or start the mail server."
    assert catcher.letters == []

"""Mail page: owners and admins set the server, nobody else sees it, and its password never comes back."""

from typing import Any

import pytest

from platform_app.config import settings
from platform_app.models.person import Identity, Role
from platform_app.services.mail import mail_servers
from platform_app.state.mail.mail import MailState
from tests.conftest import free_port, make_member
from tests.headless.harness import Tab, sign_in
from tests.mail_catcher import PASSWORD, Catcher
from tests.mailing import FORM
from tests.talking import call

PAGE = "/manage/acme/settings/mail"


def seen(tab: Tab, name: str) -> Any:
    return tab.get(MailState, name)


async def test_set_said_at_the_field_and_never_given_back(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert seen(tab, "is_configured") is False and seen(tab, "initial")["port"] == "465"
        drawn = seen(tab, "form_key")
        await tab.send(MailState.save(FORM | {"port": "many"}))
        assert (seen(tab, "problem_field"), seen(tab, "problem")) == ("port", "Enter a number from 1 to 65535.")
        assert seen(tab, "form_key") == drawn  # what was typed stays where it is
        await tab.send(MailState.save(FORM))
        assert seen(tab, "is_configured") and seen(tab, "problem") == "" and seen(tab, "initial")["host"] == "localhost"
        assert seen(tab, "credential_hint").startswith("Saved password ends in word.")
        assert PASSWORD not in str(tab.seen) and PASSWORD not in tab.scripts()
        assert PASSWORD[:-5] not in str(tab.seen)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
async def test_nobody_else_reads_changes_or_tries_it(who: Identity, catcher: Catcher, role: Role) -> None:
    call(who, mail_servers.save, FORM | {"port": str(catcher.port)})
    async with Tab(sign_in(make_member(who, role))) as tab:
        await tab.goto(PAGE)
        for event in (MailState.load(), MailState.save(FORM | {"host": "evil.test"}), MailState.remove()):
            await tab.send(event)
        await tab.send(MailState.send_test())
        assert "localhost" not in str(tab.seen) and tab.errors == []
    assert call(who, mail_servers.get_settings).host == "localhost" and catcher.tries == 0


@pytest.mark.parametrize(
    ("change", "well", "said"),
    [
        ({}, True, "Test email sent to owner@acme.test. Check that inbox."),
        ({"password": "something else"}, False, "localhost refused the user name or the password: 535 5.7.8"),
        ({"port": ""}, False, "localhost doesn’t answer on port"),
    ],
)
async def test_a_test_message_says_what_became_of_it(
    who: Identity, catcher: Catcher, change: dict[str, str], well: bool, said: str
) -> None:
    port = str(free_port() if "port" in change else catcher.port)
    call(who, mail_servers.save, FORM | change | {"port": port})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(MailState.send_test(), settle=False)
        await tab.until(lambda: seen(tab, "test_result"))
        assert seen(tab, "test_result").startswith(said) and seen(tab, "test_succeeded") is well
        assert seen(tab, "is_testing") is False and PASSWORD not in str(tab.seen)
    assert len(catcher.letters) == well


async def test_a_key_that_is_gone_is_said_at_the_password(who: Identity, env: pytest.MonkeyPatch) -> None:
    call(who, mail_servers.save, FORM)
    env.setenv("PLATFORM_SECRET_KEY", "another-" + "k" * 32)
    settings.cache_clear()
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert seen(tab, "credential_hint").startswith("The encryption key is missing.")
        await tab.send(MailState.save(FORM))
        assert seen(tab, "credential_hint").startswith("Saved password")
        await tab.send(MailState.remove())
        assert seen(tab, "is_configured") is False and seen(tab, "credential_hint") == ""

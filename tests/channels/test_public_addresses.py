"""Public addresses: webhooks may have one of their own; pages and sign-ins keep that of the console."""

import pytest
from pydantic import ValidationError

from platform_app.config import Settings
from platform_app.models.person import Identity
from platform_app.services.channels import public_addresses
from platform_app.services.integrations import oauth_connections
from tests.conftest import forget_process_state
from tests.runtime.test_cli import cli

CONSOLE, HOOKS = "https://console.acme.example", "https://hooks.acme.example"
WRONG = (
    *("hooks.acme.example", "ftp://hooks.acme.example", "https://", "https://hooks.acme.example/in", "https://a b.c"),
    *("https://hooks.acme.example?x=1", "https://hooks.acme.example#x", "https://user:pass@hooks.acme.example"),
    *("https://hooks.acme.example:x", "https://hooks.acme.example:99999", "https://hooks.acme.example:0", "https://["),
)


def test_without_an_address_of_their_own_webhooks_have_that_of_the_console(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", f"{CONSOLE}/")
    forget_process_state()
    assert public_addresses.hooks_home() == public_addresses.console_home() == CONSOLE
    assert public_addresses.shown_hook_address("/hooks/x", "http://here:8000") == f"{CONSOLE}/hooks/x"


def test_what_is_shown_and_registered_is_the_address_of_webhooks(who: Identity, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_PUBLIC_URL", CONSOLE)
    env.setenv("PLATFORM_HOOKS_URL", f"{HOOKS}/")
    forget_process_state()
    assert public_addresses.hooks_home() == HOOKS
    assert public_addresses.shown_hook_address("/hooks/x", "http://here:8000") == f"{HOOKS}/hooks/x"
    assert oauth_connections.redirect_address(who) == f"{CONSOLE}/oauth/crm/acme"


def test_without_any_address_the_browser_names_it(env: pytest.MonkeyPatch) -> None:
    assert (public_addresses.hooks_home(), public_addresses.console_home()) == ("", "")
    assert public_addresses.shown_hook_address("/hooks/x", "http://here:8000") == "http://here:8000/hooks/x"


def test_an_address_on_this_machine_is_shown_and_not_registered(env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_HOOKS_URL", "http://127.0.0.1:8002")
    forget_process_state()
    assert public_addresses.hooks_home() == ""
    assert public_addresses.shown_hook_address("/hooks/x", "http://here:8000") == "http://127.0.0.1:8002/hooks/x"


@pytest.mark.parametrize("value", WRONG)
def test_what_is_no_address_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="an address such as https://hooks.example.com, without a path"):
        Settings(hooks_url=value)


@pytest.mark.parametrize("value", ["", HOOKS, "http://127.0.0.1:8002", "https://[2606:4700::1]:8443", f" {HOOKS}/ "])
def test_an_address_is_taken(value: str) -> None:
    assert Settings(hooks_url=value).hooks_url == value.strip().rstrip("/")


def test_a_wrong_address_is_named_at_the_start(env: pytest.MonkeyPatch) -> None:
    ended = cli("hooks", PLATFORM_HOOKS_URL="hooks.acme.example/canary")
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "PLATFORM_HOOKS_URL" in ended.stderr and "an address such as" in ended.stderr
    assert "canary" not in ended.stderr

"""Client address: what a proxy of ours says counts, and nothing that a visitor writes."""

import runpy
from pathlib import Path

import pytest
from starlette.requests import Request

from platform_app import config
from platform_app.api.routes import client_address
from platform_app.models.person import Identity
from tests.api_client import client
from tests.conftest import forget_process_state
from tests.hooks import a_webhook, address_of, log

PROXY = "10.0.0.9"
FORGED = "198.51.100.66"
VISITOR = "203.0.113.5"


def behind(env: pytest.MonkeyPatch, hops: int) -> None:
    """Say how many proxies stand in front."""
    env.setenv("PLATFORM_PROXY_HOPS", str(hops))
    forget_process_state()


def found(*said: str) -> str:
    """Return the address of a request with these headers X-Forwarded-For."""
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in said]
    return client_address(Request({"type": "http", "headers": headers, "client": (PROXY, 4711)}))


def test_without_a_proxy_the_header_changes_nothing(env: pytest.MonkeyPatch) -> None:
    assert {found(), found(FORGED), found(f"{FORGED}, {VISITOR}")} == {PROXY}


@pytest.mark.parametrize(
    ("hops", "said"),
    [
        (1, [VISITOR]),
        (1, [f"{FORGED}, {VISITOR}"]),
        (1, [FORGED, VISITOR]),  # a proxy that appends a line of its own
        (1, [f"nonsense,, {VISITOR} "]),
        (2, [f"{FORGED}, {VISITOR}, 10.0.0.8"]),
        (2, [f"{FORGED}, {VISITOR}", "10.0.0.8"]),
    ],
)
def test_as_many_entries_count_as_there_are_proxies(env: pytest.MonkeyPatch, hops: int, said: list[str]) -> None:
    behind(env, hops)
    assert found(*said) == VISITOR


@pytest.mark.parametrize("said", ["", ",", "nonsense", "300.1.1.1", f"{VISITOR},", f"{VISITOR}, ½", "x" * 9_000])
def test_what_is_no_address_is_not_taken(env: pytest.MonkeyPatch, said: str) -> None:
    behind(env, 1)
    assert found(said) == PROXY


def test_who_came_past_the_outer_proxy_is_who_is_connected(env: pytest.MonkeyPatch) -> None:
    behind(env, 2)
    assert found(VISITOR) == found() == PROXY


def test_an_address_has_one_form(env: pytest.MonkeyPatch) -> None:
    behind(env, 1)
    assert found("2001:DB8:0:0:0:0:0:1") == "2001:db8::1"


async def test_a_delivery_is_noted_with_the_visitors_address(who: Identity, env: pytest.MonkeyPatch) -> None:
    webhook = a_webhook(who)
    for hops in (0, 1):
        env.setenv("PLATFORM_PROXY_HOPS", str(hops))
        config.settings.cache_clear()
        async with client(**{"X-Forwarded-For": f"{FORGED}, {VISITOR}"}) as system:
            answer = await system.post(f"/hooks/{address_of(webhook)}", json={"hops": hops})
        assert answer.status_code == 202
    senders = sorted(row.headers["sender"] for row in log(who))
    assert senders == ["127.0.0.1", VISITOR]


def test_the_console_counts_the_same_proxies(env: pytest.MonkeyPatch) -> None:
    behind(env, 2)
    made = runpy.run_path(str(Path(__file__).parents[2] / "rxconfig.py"))
    assert made["config"].trusted_proxy_hops == 2

"""Hosts: only the address that people use is answered; probes ask by any."""

from typing import Any

import pytest

from platform_app.api.hosts import is_allowed
from platform_app.api.security import SecurityMiddleware
from platform_app.config import settings
from tests.api_client import Wire

PUBLIC = "https://console.acme.example"
OUTSIDE, PROXY, HERE = "203.0.114.9", "172.18.0.4", "127.0.0.1"


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"page"})


async def asked(host: str | None, *, peer: str = OUTSIDE, path: str = "/", kind: str = "http") -> Any:
    """Return the status that a request is answered with, or what a socket is told."""
    headers = [(b"origin", PUBLIC.encode())] if kind == "websocket" else []
    headers += [] if host is None else [(b"host", host.encode("latin-1"))]
    scope = {"type": kind, "method": "GET", "path": path, "headers": headers, "client": (peer, 40_000)}
    wire = Wire({"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""})
    await SecurityMiddleware(app)(scope, wire.receive, wire.send)
    return wire.said[0].get("status") or wire.said[0]["type"]


@pytest.fixture
def public(env: pytest.MonkeyPatch) -> None:
    env.setenv("REFLEX_ENV_MODE", "prod")
    env.setenv("PLATFORM_PUBLIC_URL", PUBLIC)
    settings.cache_clear()


GOOD = ("console.acme.example", "console.acme.example:443", "CONSOLE.acme.example", "console.acme.example.")
BAD = (
    *("evil.example", "console.acme.example.evil.example", "xconsole.acme.example", "acme.example"),
    *("console.acme.example:8443", "console.acme.example:80", "console.acme.example@evil.example", "", None),
    *("console.acme.example/x", "console.acme.example:x", "10.0.0.5:8000", "127.0.0.1", "localhost", "[::1]:8000"),
    *("web:8000", "console.acme.example, evil.example", "[", "console\xe9.acme.example", "169.254.169.254"),
)


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("host", GOOD)
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_public_address_is_answered(host: str, kind: str) -> None:
    assert await asked(host, kind=kind) == (200 if kind == "http" else "websocket.accept")


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("host", BAD)
@pytest.mark.parametrize("path", ["/", "/api/uploads/x", "/hooks/x", "/healthz/x", "/assets/a.js", "/_event/"])
async def test_another_name_is_misdirected(host: str | None, path: str) -> None:
    assert await asked(host, path=path) == 421
    assert await asked(host, kind="websocket") == "websocket.close"


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("path", ["/healthz", "/health", "/readyz", "/ping"])
@pytest.mark.parametrize("host", ["10.0.0.5:8000", "127.0.0.1:8000", "evil.example", None])
async def test_probes_ask_by_any_address(host: str | None, path: str) -> None:
    assert await asked(host, path=path) == 200


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("host", "peer", "status"),
    [
        ("127.0.0.1:8000", HERE, 200),  # the launcher waits for the first page
        ("[::1]:8000", "::1", 200),
        ("localhost:8000", HERE, 200),
        ("web:8000", PROXY, 200),  # a proxy that puts its own Host in
        ("127.0.0.1:8000", PROXY, 421),
        ("172.18.0.3:8000", PROXY, 421),
        ("evil.example", HERE, 421),
        ("evil.example", PROXY, 421),
    ],
)
async def test_inner_machines_may_ask_by_inner_names(host: str, peer: str, status: int) -> None:
    assert await asked(host, peer=peer) == status


async def test_without_the_setting_and_for_developers_every_name_is_answered(env: pytest.MonkeyPatch) -> None:
    for mode, address in (("prod", ""), ("dev", PUBLIC)):
        env.setenv("REFLEX_ENV_MODE", mode)
        env.setenv("PLATFORM_PUBLIC_URL", address)
        settings.cache_clear()
        assert await asked("evil.example") == 200


def test_a_public_address_with_a_port_wants_that_port() -> None:
    scope = {"path": "/", "client": (OUTSIDE, 1)}
    assert is_allowed(scope, "console.acme.example:8443", "http://console.acme.example:8443")
    assert not is_allowed(scope, "console.acme.example", "http://console.acme.example:8443")
    assert is_allowed(scope, "[2606:4700::1]:80", "http://[2606:4700::1]")


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("hooks.acme.example", "/hooks/x", 200),
        ("hooks.acme.example:443", "/hooks/channels/x", 200),
        ("console.acme.example", "/hooks/x", 200),
        ("hooks.acme.example", "/", 421),
        ("hooks.acme.example", "/hooksx", 421),
        ("hooks.acme.example", "/api/v1/leads", 421),
        ("evil.example", "/hooks/x", 421),
    ],
)
async def test_webhooks_have_an_address_of_their_own(
    env: pytest.MonkeyPatch, host: str, path: str, status: int
) -> None:
    env.setenv("PLATFORM_HOOKS_URL", "https://hooks.acme.example")
    settings.cache_clear()
    assert await asked(host, path=path) == status

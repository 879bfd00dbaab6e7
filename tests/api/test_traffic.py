"""Traffic: open sockets and the requests of the last minute are counted, those of load balancers not."""

from typing import Any

import pytest

from platform_app.api import traffic as module
from platform_app.api.traffic import Traffic, TrafficMiddleware
from tests.api_client import Wire


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    made = Traffic()
    monkeypatch.setattr(module, "traffic", made)
    return made


async def ask(app: Any, kind: str, path: str = "/x") -> None:
    wire = Wire({"type": f"{kind}.request", "body": b""})
    await TrafficMiddleware(app)({"type": kind, "path": path, "headers": []}, wire.receive, wire.send)


async def test_requests_and_open_sockets_are_counted(counts: Traffic) -> None:
    seen: list[dict[str, int]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(counts.figures())

    await ask(app, "http")
    await ask(app, "http", "/healthz")
    await ask(app, "http", "/readyz")
    await ask(app, "lifespan")
    await ask(app, "websocket")
    assert seen[-1] == {"sockets": 1, "requests": 1} and counts.figures() == {"sockets": 0, "requests": 1}


async def test_a_socket_that_fails_is_open_no_longer(counts: Traffic) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await ask(app, "websocket")
    assert counts.figures() == {"sockets": 0, "requests": 0}


def test_requests_are_forgotten_after_a_minute(counts: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    at = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: at[0])
    for second in range(200):
        at[0] = 1_000.0 + second
        counts.count_request()
    assert 55 <= counts.figures()["requests"] <= 60 and len(counts._requests) <= 13
    at[0] += 61
    assert counts.figures() == {"sockets": 0, "requests": 0}

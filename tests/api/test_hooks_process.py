"""Hooks process: webhooks are served without the console, by the same routes."""

import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.routing import Route

from platform_app import __version__
from platform_app.api import app, hook_routes, hooks_app
from platform_app.config import Settings
from platform_app.db import session_scope
from platform_app.models.job import ProcessKind
from platform_app.models.person import Identity
from platform_app.models.webhook import IncomingWebhook
from platform_app.runtime import process_checks
from platform_app.services.jobs import process_beats
from tests.conftest import free_port, wait_for
from tests.console_process import Console
from tests.hooks import a_webhook, address_of, events, log
from tests.hooks_process import hooks
from tests.rules.test_rules import a_rule, runs
from tests.talking import run_jobs

PUBLIC, HOOKS = "https://console.acme.example", "https://hooks.acme.example"
PAGES = ("/", "/sign-in", "/manage/acme", "/api/v1/leads", "/auth/claim", "/_event/", "/web-chat/x/frame", "/mcp")


def test_the_console_and_the_hooks_process_serve_the_same_hook_routes() -> None:
    assert [route for route in hooks_app.api.routes if route in hook_routes.ROUTES] == hook_routes.ROUTES
    assert all(route in app.api.routes for route in hook_routes.ROUTES)
    paths = {route.path for route in app.api.routes if isinstance(route, Route)}
    assert {path for path in paths if path.startswith("/hooks/")} == {route.path for route in hook_routes.ROUTES}


def test_reflex_is_not_loaded(env: pytest.MonkeyPatch) -> None:
    names = "platform_app.api.hooks_app, sys; print(sorted(name for name in sys.modules if name.startswith('reflex')))"
    loaded = subprocess.run([sys.executable, "-c", f"import {names}"], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_a_delivery_is_worked_on_and_pages_are_not_there(who: Identity, tmp_path: Path) -> None:
    webhook = a_webhook(who)
    a_rule(who, "webhook_received", {"kind": "notify", "user_id": who.user_id, "text": "Once"})
    settings = {"PLATFORM_PUBLIC_URL": PUBLIC, "PLATFORM_HOOKS_URL": HOOKS}
    with hooks(tmp_path / "hooks.log", free_port(), **settings) as running:
        asked = {"base_url": running.address, "headers": {"host": "hooks.acme.example"}}
        with httpx.Client(**asked) as outside:  # type: ignore[arg-type]
            answer = outside.post(f"/hooks/{address_of(webhook)}", json={"total": 5})
            assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
            console_host = {"host": "console.acme.example"}
            assert outside.post(f"/hooks/{address_of(webhook)}", json={}, headers=console_host).status_code == 202
            evil = {"host": "evil.example"}
            assert outside.post(f"/hooks/{address_of(webhook)}", json={}, headers=evil).status_code == 421
            assert _status_of_announced(running, 1_000_001) == 413
            found = {path: outside.get(path, headers=console_host).status_code for path in PAGES}
            assert set(found.values()) == {404}, found
            ready = {path: outside.get(path).json() for path in ("/healthz", "/health", "/readyz")}
        assert process_checks.webhooks(Settings(hooks_url=running.address)).is_well
        (seen,) = _processes()
        assert (seen.kind, seen.version) == (ProcessKind.HOOKS, __version__) and seen.pid != running.process.pid
        wait_for(lambda: _processes()[0].doing == {"sockets": 0, "requests": 3 + len(PAGES)})
        assert ready["/healthz"] == {"status": "pass"}
        assert ready["/health"] == ready["/readyz"] and ready["/readyz"]["database"] is True
        _end_with_a_delivery_under_way(running, webhook)
    run_jobs(who)
    assert len(runs(who)) == len(events(who)) == len(log(who)) == 3
    assert events(who)[-1].after["payload"] == {"slow": 1}


def _processes() -> list[process_beats.RunningProcess]:
    with session_scope(reason="tests", read_only=True) as session:
        return process_beats.running_processes(process_beats.recent_beats(session))


def _status_of_announced(running: Console, size: int) -> int:
    """Return the answer to the head of a post that announces a body of so many bytes."""
    with closing(HTTPConnection(running.address.removeprefix("http://"), timeout=30)) as outside:
        outside.putrequest("POST", "/hooks/crm/unknown")
        outside.putheader("Content-Length", str(size))
        outside.endheaders()
        return outside.getresponse().status


def _end_with_a_delivery_under_way(running: Console, webhook: IncomingWebhook) -> None:
    """Tell the process to end while it reads a body: it takes nothing more, and answers what it has begun."""
    where = urlsplit(running.address)
    place = (str(where.hostname), int(where.port or 0))
    with closing(socket.create_connection(place, 30)) as slow:
        head = f"POST /hooks/{address_of(webhook)} HTTP/1.1\r\nHost: hooks.acme.example\r\nContent-Length: 11\r\n"
        slow.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 100 ")  # it is being read
        running.process.terminate()
        wait_for(lambda: not _takes_connections(place))
        assert running.process.poll() is None
        slow.sendall(b'{"slow": 1}')
        assert slow.recv(1_000).startswith(b"HTTP/1.1 202 ")
    assert running.process.wait(30) == 0 and _processes() == []


def _takes_connections(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, 5).close()
    except OSError:
        return False
    return True

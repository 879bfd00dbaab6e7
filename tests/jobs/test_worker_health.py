"""Health of the worker: its probe answers in time, whatever Redis and the database do."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx
import pytest

from platform_app.config import settings
from platform_app.db import engine, session_scope
from platform_app.models.person import Identity
from platform_app.services.jobs import ledger
from tests.jobs.test_ledger import put
from worker import health
from worker.health import Probe
from worker.runner import Runner

HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def writing_elsewhere() -> Iterator[None]:
    """Let another process have SQLite's write lock."""
    command = [sys.executable, "-c", HOLD, str(engine().url.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield
        process.communicate()


def a_probe() -> Probe:
    return Probe(settings(), Runner({}, 30))


def test_answers_while_another_process_writes(who: Identity) -> None:
    if engine().dialect.name != "sqlite":
        pytest.skip("only SQLite has one write lock for all")
    put(who, 2)
    server = health.serve(a_probe(), "127.0.0.1", 0)
    with writing_elsewhere():
        began = time.monotonic()
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}/health", timeout=10).json()
        took = time.monotonic() - began
    server.shutdown()
    server.server_close()
    assert answer["database"] == {"connected": True, "error": None} and answer["jobs"] == {"queued": 2}
    assert took < 1


def test_a_database_that_is_silent_is_waited_for_no_longer_than_that(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = Event()

    @contextmanager
    def silent(**named: Any) -> Iterator[Any]:
        let_go.wait(30)
        with session_scope(**named) as session:
            yield session

    monkeypatch.setattr(health, "session_scope", silent)
    probe, began = a_probe(), time.monotonic()
    assert probe._measure()["database"] == {"connected": False, "error": "The database isn’t responding."}
    asked = probe._question
    assert probe._measure()["status"] == "degraded" and probe._question is asked
    assert time.monotonic() - began < 4 * health.DATABASE_TIMEOUT and asked is not None
    let_go.set()
    asked.join(30)
    assert probe._measure()["database"]["connected"]


def test_while_jobs_are_counted_the_last_figures_are_told(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    put(who, 3)
    probe, let_go = a_probe(), Event()
    assert probe._measure()["jobs"] == {"queued": 3}
    with monkeypatch.context() as slow:
        slow.setattr(ledger, "counts_by_state", lambda: let_go.wait(30) and {})
        shot = probe._measure()
        let_go.set()
    assert shot["database"]["connected"] and shot["jobs"] == {"queued": 3}
    assert probe._question is not None
    probe._question.join(30)

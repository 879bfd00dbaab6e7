"""Fixtures: a sink that counts, workers that can be killed, a Redis that can be restarted."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal

import httpx
import pytest
import redis
from pydantic import BaseModel
from sqlalchemy import func

from platform_app.db import owned, session_scope
from platform_app.jobs import enqueue
from platform_app.models.job import Job
from platform_app.models.person import Identity
from platform_app.runtime import embedded_servers
from tests import prefork
from tests.conftest import FULL, client, forget_process_state, free_port, wait_for


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/chaos" in str(item.path):
            item.add_marker(pytest.mark.chaos)


def size(name: str, usual: float, full: float) -> float:
    """Return how much a test does: as PLATFORM_CHAOS_<name> says, else the usual, or the full of `make test-full`."""
    return float(os.environ.get(f"PLATFORM_CHAOS_{name}", full if FULL else usual))


class Call(BaseModel):
    """A job that calls the sink three times."""

    kind: Literal["call"] = "call"
    name: str
    repeatable: bool = True


class Rest(BaseModel):
    """A job that takes some time."""

    kind: Literal["rest"] = "rest"
    seconds: float


class Die(BaseModel):
    """A job that takes its worker down."""

    kind: Literal["die"] = "die"


class Sink:
    """An outside system that honours idempotency keys: counts requests and distinct effects."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        lock = Lock()
        sink = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with lock:
                    sink.requests[self.headers["Idempotency-Key"]] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.server.shutdown()
    made.server.server_close()


class OwnRedis:
    """A Redis that a test may kill, restart, empty and give another password."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.password = folder, free_port(), "canary-redis-password"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def ask(self, *command: str, password: str = "") -> Any:
        with redis.Redis(port=self.port, password=password or self.password) as client:
            return client.execute_command(*command)

    def answers(self) -> bool:
        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False

    def start(self) -> None:
        command = embedded_servers.redis_command(self.folder, self.port, self.password)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers)

    def stop(self, number: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(10)


@pytest.fixture
def own_redis(tmp_path: Path, env: pytest.MonkeyPatch) -> Iterator[OwnRedis]:
    made = OwnRedis(tmp_path / "redis")
    made.start()
    env.setenv("PLATFORM_REDIS_URL", made.url)
    forget_process_state()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)


class Worker:
    """A worker process."""

    def __init__(self, folder: Path, sink: Sink, module: str, **settings: str) -> None:
        self.module = module
        self.port = free_port()
        self.log = folder / f"worker-{self.port}.log"
        self.environment = os.environ | {
            "PLATFORM_WORKER_PORT": str(self.port),
            "PLATFORM_LEASE_SECONDS": "3",
            "PLATFORM_BACKOFF_SECONDS": "0.3",
            "PLATFORM_STOP_SECONDS": "20",
            "CHAOS_SINK": sink.address,
            **settings,
        }
        self.start()

    def start(self) -> None:
        self.process = prefork.Popen(self.module, self.environment, self.log)

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        return self.process.wait(35)

    def get(self, path: str) -> httpx.Response:
        return client().get(f"http://127.0.0.1:{self.port}{path}")

    def is_up(self) -> bool:
        try:
            return self.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False


NewWorker = Callable[..., Worker]


@pytest.fixture
def new_worker(database: str, sink: Sink, tmp_path: Path) -> Iterator[NewWorker]:
    made: list[Worker] = []

    def make(module: str = "tests.chaos.worker_main", **settings: str) -> Worker:
        worker = Worker(tmp_path, sink, module, **settings)
        made.append(worker)
        wait_for(worker.is_up, 60)
        return worker

    yield make
    for worker in made:
        if worker.process.poll() is None:
            worker.kill()


def put(who: Identity, *payloads: BaseModel, lock_key: str | None = None) -> None:
    """Write jobs in one transaction."""
    with session_scope(who.tenant_id) as session:
        for payload in payloads:
            enqueue(session, who.tenant_id, payload, lock_key=lock_key)


def states(who: Identity) -> dict[str, int]:
    """Return how many of the tenant's jobs stand in each state."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).with_only_columns(Job.state, func.count()).group_by(Job.state)
        return {state.value: count for state, count in session.execute(query).all()}

"""Up: one command starts everything, keeps it alive, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import answers, free_port, wait_for

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


@dataclass
class Started:
    """A platform under test."""

    process: subprocess.Popen[bytes]
    screen: Path
    environment: dict[str, str]

    @property
    def shown(self) -> str:
        return self.screen.read_text()

    def url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.environment[name]}{path}"

    def family(self) -> list[psutil.Process]:
        """Return every process that belongs to it: by the data folder in its environment, or as its working folder."""
        folder, found = self.environment["PLATFORM_DATA_DIR"], []
        for process in psutil.process_iter():
            try:
                belongs = process.environ().get("PLATFORM_DATA_DIR") == folder or process.cwd().startswith(folder)
                if belongs and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def child(self, words: str) -> psutil.Process:
        return next(one for one in self.family() if words in " ".join(one.cmdline()))


def start(environment: dict[str, str], screen: Path) -> Started:
    command = [sys.executable, "-m", "platform_app.cli", "up"]
    with screen.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    return Started(process, screen, environment)


def is_ready(started: Started) -> bool:
    assert started.process.poll() is None, started.shown
    return "Sign in" in started.shown


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PLATFORM_", "OPENAI_"))}
    return clean | {
        "PLATFORM_DATA_DIR": str(tmp_path_factory.mktemp("up") / "data"),
        "PLATFORM_PORT": str(free_port()),
        "PLATFORM_WORKER_PORT": str(free_port()),
        "NO_COLOR": "1",
    }


@pytest.fixture(scope="module")
def started(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    made = start(environment, tmp_path_factory.mktemp("screen") / "first.txt")
    try:
        wait_for(lambda: is_ready(made), 420)
        yield made
    finally:
        if made.process.poll() is None:
            made.process.terminate()
            made.process.wait(15)


def test_it_says_what_is_ready_and_how_to_sign_in(started: Started) -> None:
    for part in ("redis", "chroma", "model", "database", "worker", "console"):
        assert re.search(rf"{part} +ready +[\d.]+ s", started.shown), started.shown
    assert f"http://127.0.0.1:{started.environment['PLATFORM_PORT']}" in started.shown
    email, password = re.findall(r"Sign in +(\S+@\S+) +(\S+)", started.shown)[0]
    assert email and len(password) >= 12
    page = httpx.get(started.url("PLATFORM_PORT", "/"), follow_redirects=True)
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
    assert httpx.get(started.url("PLATFORM_PORT", "/readyz")).json()["status"] == "pass"
    assert httpx.get(started.url("PLATFORM_WORKER_PORT", "/health")).status_code == 200


def test_no_secret_is_in_a_log_or_a_process_list(started: Started) -> None:
    folder = Path(started.environment["PLATFORM_DATA_DIR"])
    secrets = [path.read_text().strip() for path in (folder / "secrets").iterdir()]
    assert secrets
    told = "\n".join(" ".join(one.cmdline()) for one in started.family())
    told += "\n".join(log.read_text(errors="replace") for log in (folder / "logs").iterdir())
    assert not [secret for secret in secrets if secret in told]


def test_a_second_start_is_refused(started: Started, tmp_path: Path) -> None:
    ports = {"PLATFORM_PORT": str(free_port()), "PLATFORM_WORKER_PORT": str(free_port())}
    second = start(started.environment | ports, tmp_path / "second.txt")
    assert second.process.wait(30) == 1
    assert f"runs already on {started.environment['PLATFORM_DATA_DIR']}" in second.shown
    assert str(started.process.pid) in second.shown and "Traceback" not in second.shown


@pytest.mark.parametrize(("words", "name"), [("-m worker", "worker"), ("-server", "redis"), ("granian", "console")])
def test_what_dies_comes_back(started: Started, words: str, name: str) -> None:
    victim = started.child(words)
    victim.kill()
    wait_for(lambda: f"{name} started again" in started.shown)
    wait_for(lambda: answers(started.url("PLATFORM_WORKER_PORT", "/health")), 30)
    wait_for(lambda: answers(started.url("PLATFORM_PORT", "/readyz")), 30)
    assert "signal SIGKILL" in started.shown


def test_a_signal_stops_all_of_it(started: Started, environment: dict[str, str], tmp_path: Path) -> None:
    begun = time.monotonic()
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(15) == 0
    assert time.monotonic() - begun < 10
    assert started.family() == []

    begun = time.monotonic()
    again = start(environment, tmp_path / "again.txt")  # warm, and the lock is free
    try:
        wait_for(lambda: is_ready(again), 60)
        print(f"warm start: {time.monotonic() - begun:.1f} s")
        first, second = (re.findall(r"Sign in .*", one.shown)[0] for one in (started, again))
        assert first == second
        assert "building" not in again.shown
    finally:
        again.process.send_signal(signal.SIGKILL)
        again.process.wait()
    wait_for(lambda: again.family() == [])

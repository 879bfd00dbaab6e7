"""Processes: children come back when they die, and are gone when the platform is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import current_thread
from threading import enumerate as enumerate_threads

import psutil
import pytest
import redis

from platform_app.runtime.launcher import is_responding, redis_is_responding
from platform_app.runtime.supervisor import Child, Heartbeat, Watchdog, stop
from tests.conftest import free_port, wait_for

# A child with a child of its own that ignores every polite request.
FAMILY = """
import pathlib, signal, subprocess, sys, time
own = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(own.pid))
time.sleep(600)
"""


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    file = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield file
    os.close(file)


@pytest.fixture
def watchdog(lock: int) -> Iterator[Watchdog]:
    made = Watchdog(lock)
    yield made
    made.close()


def family(tmp_path: Path, watchdog: Watchdog) -> tuple[Child, int]:
    """Start a child with a stubborn child of its own; return it with the other's id."""
    note = tmp_path / "pid"
    child = Child("family", [sys.executable, "-c", FAMILY, str(note)], lambda: True, tmp_path / "logs" / "family.log")
    child.start(watchdog)
    wait_for(lambda: note.exists() and note.read_text())
    return child, int(note.read_text())


def test_stopping_leaves_nothing_of_the_family(tmp_path: Path, watchdog: Watchdog) -> None:
    child, grandchild = family(tmp_path, watchdog)
    begun = time.monotonic()
    stop([child], 3)
    assert time.monotonic() - begun < 4
    assert not child.is_alive
    wait_for(lambda: not runs(grandchild))


def test_a_dead_child_comes_back_after_a_growing_pause(tmp_path: Path, watchdog: Watchdog) -> None:
    child = Child("short", [sys.executable, "-c", "raise SystemExit(3)"], lambda: True, tmp_path / "short.log")
    child.start(watchdog)
    pauses = []
    for _ in range(2):
        wait_for(lambda: not child.is_alive)
        assert "exit 3" in child.watch(watchdog)
        pauses.append(child.pause)
        assert child.watch(watchdog) == ""  # not due yet
        assert child.start_at is not None
        child.start_at = time.monotonic()
        assert child.watch(watchdog) == "short started again"
    stop([child], 1)
    assert pauses == [1.0, 2.0]


def test_what_a_dead_child_left_is_ended_too(tmp_path: Path, watchdog: Watchdog) -> None:
    child, grandchild = family(tmp_path, watchdog)
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    assert "SIGKILL" in child.watch(watchdog)
    wait_for(lambda: not runs(grandchild))


def test_a_killed_platform_takes_its_children_along(tmp_path: Path) -> None:
    code = f"""
import fcntl, os, pathlib, sys, time
from platform_app.runtime.supervisor import Child, Watchdog
lock = os.open({str(tmp_path / "lock")!r}, os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
child = Child("family", [sys.executable, "-c", {FAMILY!r}, {str(tmp_path / "pid")!r}], lambda: True, pathlib.Path("l"))
child.start(Watchdog(lock))
time.sleep(600)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    platform = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    note = tmp_path / "pid"
    wait_for(lambda: note.exists() and note.read_text())
    grandchild = int(note.read_text())
    platform.send_signal(signal.SIGKILL)
    platform.wait()
    wait_for(lambda: not runs(grandchild), 8)
    wait_for(lambda: is_unlocked(tmp_path / "lock"), 8)


def is_unlocked(path: Path) -> bool:
    import fcntl

    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_large_log_makes_room(tmp_path: Path, watchdog: Watchdog) -> None:
    log = tmp_path / "loud.log"
    log.write_bytes(b"x" * 10_000_001)
    child = Child("loud", [sys.executable, "-c", "print('here')"], lambda: True, log)
    child.start(watchdog)
    assert child.process is not None
    child.process.wait()
    assert log.read_text() == "here\n"
    assert (tmp_path / "loud.old.log").stat().st_size == 10_000_001


# A server whose answers come from a child of its own, as the console's do; a second life writes a second line.
SERVER = """
import http.server, os, pathlib, socketserver, subprocess, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(sys.argv[3]))
        self.send_response(503); self.end_headers()
if len(sys.argv) == 4:
    subprocess.call([sys.executable, *sys.orig_argv[1:], "child"])
else:
    with open(sys.argv[2], "a") as note: note.write(f"{os.getpid()}\\n")
    socketserver.TCPServer.allow_reuse_address = True
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def answering(tmp_path: Path, heartbeat: dict[str, float], *, slow: float = 0.0) -> tuple[Child, Path]:
    """Return a child that answers over HTTP, each time after some seconds, and the file in which its lives stand."""
    port, note = free_port(), tmp_path / "lives"
    command = [sys.executable, "-c", SERVER, str(port), str(note), str(slow)]
    child = Child("server", command, lambda: True, tmp_path / "server.log", pause=0.1)
    child.heartbeat = Heartbeat(
        lambda wait: heard(is_responding(f"http://127.0.0.1:{port}/healthz", wait)), **heartbeat
    )
    return child, note


def heard(answer: bool) -> bool:
    """Note in a thread of the launcher that the child has answered it: only then is a silence one."""
    current_thread().has_heard = answer or getattr(current_thread(), "has_heard", False)
    return answer


def is_felt(child: Child) -> bool:
    """Tell whether the launcher has had an answer of the child."""
    return any(
        getattr(one, "has_heard", False) for one in enumerate_threads() if one.name == f"{child.name}'s heartbeat"
    )


def served(note: Path) -> list[int]:
    return [int(line) for line in note.read_text().split()] if note.exists() else []


QUICK = {"silence": 0.6, "every": 0.05}


@pytest.mark.parametrize("which", ["parent's child", "both"])
def test_a_child_that_lives_but_hangs_is_started_anew(tmp_path: Path, watchdog: Watchdog, which: str) -> None:
    child, note = answering(tmp_path, QUICK)
    child.start(watchdog)
    (first,) = wait_for(lambda: served(note))  # type: ignore[misc]
    wait_for(lambda: is_felt(child))
    os.kill(first, signal.SIGSTOP)
    if which == "both":
        child.signal(signal.SIGSTOP)
    told: list[str] = []

    def watched() -> bool:
        told.append(child.watch(watchdog))
        return len(served(note)) >= 2  # a life that finds its port still taken is followed by another

    wait_for(watched)
    assert "has not answered" in " ".join(told) and "started again" in " ".join(told)
    assert not runs(first)
    wait_for(lambda: child.heartbeat and child.heartbeat.answers(1))
    stop([child], 1)


def test_a_child_that_is_slow_or_says_no_is_left_alone(tmp_path: Path, watchdog: Watchdog) -> None:
    child, note = answering(tmp_path, {**QUICK, "silence": 10}, slow=0.4)
    child.start(watchdog)
    for _ in range(3):
        wait_for(lambda: child.heartbeat and child.heartbeat.answers(5))
        assert child.watch(watchdog) == "" and child.silent == 0
    assert len(served(note)) == 1
    stop([child], 1)


def test_a_child_has_time_to_start(tmp_path: Path, watchdog: Watchdog) -> None:
    asked: list[float] = []

    def never(wait: float) -> bool:
        asked.append(wait)
        return False

    child, _ = answering(tmp_path, {**QUICK, "grace": 60})
    child.heartbeat = Heartbeat(never, **QUICK, grace=60)
    child.start(watchdog)
    wait_for(lambda: len(asked) > 20)
    assert child.silent == 0 and child.watch(watchdog) == ""
    stop([child], 1)
    child.heartbeat = Heartbeat(never, **QUICK, grace=0)
    child.start(watchdog)
    wait_for(lambda: "has not answered" in child.watch(watchdog))
    stop([child], 1)


def test_redis_with_a_full_disk_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    def ping(self: redis.Redis, **named: object) -> None:
        raise redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device")

    monkeypatch.setattr(redis.Redis, "ping", ping)
    assert redis_is_responding("redis://127.0.0.1:1/0", 0.1)
    monkeypatch.undo()
    assert not redis_is_responding("redis://127.0.0.1:1/0", 0.1)

"""Supervisor: child processes that are started, watched, restarted if they die or hang, and ended with the platform."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

_LONGEST_PAUSE = 30.0
_LOG_BYTES = 10_000_000
_NEEDED = frozenset(  # of our environment, for a program to run at all
    ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    + ("PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PLATFORM_DATA_DIR")
)


@dataclass(frozen=True)
class Heartbeat:
    """How to find out that a process runs but does not answer; times are in seconds."""

    answers: Callable[[float], bool]  # asks the process, waits so long at most; any answer is one, however late
    silence: float = 15.0  # without an answer, after which it is ended; one question waits as long
    every: float = 2.0  # between two questions
    grace: float = 90.0  # after a start without any answer yet


@dataclass
class Child:
    """A child process in its own session, with its output in a log."""

    name: str
    command: list[str]
    ready: Callable[[], bool]
    log: Path
    folder: Path | None = None  # its working directory; None: ours
    environment: dict[str, str] = field(default_factory=dict)
    alone: bool = False  # it sees nothing of our environment but what a program needs to run: no keys, no passwords
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.5
    start_at: float | None = None  # when it is due to start again
    heartbeat: Heartbeat | None = None
    silent: float = 0.0  # seconds for which it has not answered

    def start(self, watchdog: "Watchdog") -> None:
        """Start the process and register it with the watchdog."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.is_file() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603
                self.command,
                cwd=self.folder,
                env=self._base_environment() | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        watchdog.guard(self.process.pid)
        self.started, self.start_at, self.silent = time.monotonic(), None, 0.0
        if self.heartbeat is not None:
            Thread(
                target=self._check_heartbeat,
                args=(self.process, self.heartbeat),
                name=f"{self.name}'s heartbeat",
                daemon=True,
            ).start()

    def _check_heartbeat(self, process: "subprocess.Popen[bytes]", heartbeat: Heartbeat) -> None:
        """Check a process until it ends; time in which this process itself was stopped does not count."""
        has_answered = False
        while process.poll() is None:
            asked = time.monotonic()
            answered = heartbeat.answers(heartbeat.silence)
            has_answered = has_answered or answered
            is_due = has_answered or asked - self.started > heartbeat.grace
            passed = min(time.monotonic() - asked, heartbeat.silence) + heartbeat.every
            if self.process is not process:
                return
            self.silent = self.silent + passed if is_due and not answered else 0.0
            time.sleep(heartbeat.every)

    def _base_environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not self.alone or name in _NEEDED}

    @property
    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def watch(self, watchdog: "Watchdog") -> str:
        """Kill the process if it hangs, and restart it after a pause if it died.

        Returns a message for the log, or "" if nothing has changed.
        """
        if self.is_alive:
            return self._end_hung()
        if self.start_at is not None:
            if time.monotonic() < self.start_at:
                return ""
            self.start(watchdog)
            return f"{self.name} started again"
        assert self.process is not None
        self.signal(signal.SIGKILL)  # whatever its own children are doing still
        watchdog.release(self.process.pid)
        lived = time.monotonic() - self.started
        self.pause = 0.5 if lived > _LONGEST_PAUSE else min(self.pause * 2, _LONGEST_PAUSE)
        self.start_at = time.monotonic() + self.pause
        how = _how(self.process.returncode)
        return f"{self.name} ended ({how}), starts again in {self.pause:.1f} s; see {self.log}"

    def _end_hung(self) -> str:
        if self.heartbeat is None or self.silent < self.heartbeat.silence:
            return ""
        told = f"{self.name} has not answered for {self.silent:.0f} s and is ended; see {self.log}"
        self.silent = 0.0
        self.signal(signal.SIGKILL)
        return told

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


def stop(children: list[Child], seconds: float) -> None:
    """Terminate children, kill those that still run after `seconds`, and kill what is left of their sessions."""
    for child in children:
        child.signal(signal.SIGTERM)
    end = time.monotonic() + seconds
    for child in children:
        if child.process is not None:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, end - time.monotonic()))
            child.signal(signal.SIGKILL)
            child.process.wait()


_WARDEN = """
import os, signal, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
held = set()
for line in sys.stdin:
    (held.add if line[0] == "+" else held.discard)(int(line[1:]))
def send(number):
    for group in list(held):
        try:
            os.killpg(group, number)
        except OSError:
            held.discard(group)
send(signal.SIGTERM)
end = time.monotonic() + 5
while held and time.monotonic() < end:
    time.sleep(0.05)
    send(0)
send(signal.SIGKILL)
"""


class Watchdog:
    """A small process that outlives this one by seconds: if this one dies in any way, it kills its children.

    It detects the death by the end of a pipe. Meanwhile it holds the lock on the data folder, so that a second start
    never meets the old servers. Unlike a parent-death signal, a pipe works on macOS and for grandchildren.
    """

    def __init__(self, lock: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _WARDEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock,),
            text=True,
            bufsize=1,
        )

    def guard(self, group: int) -> None:
        """Register a process group to kill if this process dies."""
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """Unregister a process group that has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the watchdog, which kills what is still registered."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait(10)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # a watchdog that was killed is a lost second net, no reason to stop
            self._process.stdin.write(line)

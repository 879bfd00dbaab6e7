"""Prefork: starts modules by forking a process that has imported the platform already, which costs a tenth.

`Popen` is used as that of `subprocess`: what it starts has an environment and a log of its own, can be sent signals and
is waited for. The forking process, `python -m tests.prefork`, has one thread, as a fork needs, and reads nothing of the
environment before it forks. It ends with the process that uses it.
"""

import importlib
import json
import os
import runpy
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Condition, Thread
from typing import Any

IMPORTED = ("uvicorn", "platform_app.api.app", "worker.__main__")


class Popen:
    """A process that runs a module; its output is added to a log."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.pid = _server().start(module, environment, log)

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; nothing while the process runs."""
        return _server().codes.get(self.pid)

    def poll(self) -> int | None:
        """Return the exit code, or nothing."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process; return its exit code. Raises TimeoutExpired if it runs on."""
        return _server().wait(self.pid, timeout)


class Server:
    """The forking process, as seen by the one that uses it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.prefork"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._changed = Condition()
        self._started: list[int] = []
        self.codes: dict[int, int] = {}
        Thread(target=self._read, daemon=True).start()

    def start(self, module: str, environment: Mapping[str, str], log: Path) -> int:
        """Start a module; return the id of its process."""
        assert self._process.stdin is not None
        asked = {"module": module, "environment": dict(environment), "log": str(log), "folder": str(Path.cwd())}
        with self._changed:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            assert self._changed.wait_for(lambda: self._started, 60), "nothing was started"
            return self._started.pop()

    def wait(self, pid: int, timeout: float | None) -> int:
        """Wait for a process; return its exit code. Raises TimeoutExpired if it runs on."""
        with self._changed:
            if not self._changed.wait_for(lambda: pid in self.codes, timeout):
                raise subprocess.TimeoutExpired(f"process {pid}", timeout or 0)
            return self.codes[pid]

    def _read(self) -> None:
        for line in self._process.stdout or ():
            told = json.loads(line)
            with self._changed:
                if "code" in told:
                    self.codes[told["pid"]] = told["code"]
                else:
                    self.codes.pop(told["pid"], None)  # an id may be given again
                    self._started.append(told["pid"])
                self._changed.notify_all()


@cache
def _server() -> Server:
    return Server()


def _run(asked: dict[str, Any]) -> None:
    """Become what was asked for: the process ends as the module does."""
    output = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, taken in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(given, taken)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = [asked["module"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)


def _fork(asked: dict[str, Any]) -> int:
    """Start what is asked for; return its process id."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        _run(asked)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _ended() -> list[tuple[int, int]]:
    """Return the processes that have ended since the last call, with their exit codes."""
    found = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def _tell(**what: int) -> None:
    print(json.dumps(what), flush=True)


def serve() -> None:
    """Fork for each line that asks for it, and tell what has ended, until nobody asks any more."""
    for name in IMPORTED:
        importlib.import_module(name)
    woken, wakes = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with selectors.DefaultSelector() as waiting:
        waiting.register(woken, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj == woken:
                    os.read(woken, 4096)
                    for pid, code in _ended():
                        _tell(pid=pid, code=code)
                elif line := sys.stdin.readline():
                    _tell(pid=_fork(json.loads(line)))
                else:
                    return


if __name__ == "__main__":
    serve()

"""Console process: a real web process without its pages, and raw websockets to it."""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from reflex_base.utils.format import format_event_handler
from sqlmodel import SQLModel
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from platform_app import db
from platform_app.runtime import frontend_build
from tests.conftest import answers, forget_process_state, free_port, wait_for
from tests.headless.harness import app

HYDRATE = next(name for name in app._registration_context.event_handlers if name.endswith(".hydrate_and_load"))
_LINES = "/_event,"


def name_of(handler: Any) -> str:
    """Return the name by which a browser sends an event: `name_of(SomeState.handler)`."""
    return str(format_event_handler(handler))


class RawTab:
    """A websocket that speaks Socket.IO by hand: it sends whatever it is given."""

    def __init__(
        self, address: str, *, cookie: str = "", token: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.token = token or secrets.token_hex(8)
        host = address.removeprefix("http://")
        given = {"Origin": address, **({"Cookie": cookie} if cookie else {}), **(headers or {})}
        self._open = ExitStack()
        opening = connect(
            f"ws://{host}/_event/?token={self.token}&EIO=4&transport=websocket",
            additional_headers={name: value for name, value in given.items() if name != "Origin"},
            origin=given["Origin"],  # type: ignore[arg-type]
            max_size=None,
            compression=None,
            ping_interval=None,
        )
        self.socket: ClientConnection = self._open.enter_context(opening)

    def open(self) -> "RawTab":
        """Finish the handshake."""
        self.read()
        self.socket.send(f"40{_LINES}")
        while not self.read().startswith(f"40{_LINES}"):
            pass
        return self

    def read(self, seconds: float = 20) -> str:
        """Return the next message as it came; the server's pings are answered."""
        while True:
            text = str(self.socket.recv(seconds))
            if text != "2":
                return text
            self.socket.send("3")

    def send(self, name: str, payload: Any = None, *, path: str = "/sign-in", **router_data: Any) -> None:
        """Send an event."""
        where = {"pathname": path, "asPath": path, "query": {}} | router_data
        event = {"name": name, "payload": payload or {}, "router_data": where}
        self.socket.send(f"42{_LINES}" + json.dumps(["event", event]))

    def until(self, wanted: str, seconds: float = 20) -> str:
        """Read until a text comes, and return everything up to there."""
        seen = ""
        while wanted not in seen:
            seen += self.read(seconds)
        return seen

    def rest(self, seconds: float = 1) -> str:
        """Return what comes within so many seconds, or until the other side hangs up."""
        seen, end = "", time.monotonic() + seconds
        try:
            while (left := end - time.monotonic()) > 0:
                seen += self.read(left)
        except (TimeoutError, ConnectionClosed):
            pass
        return seen

    def close(self) -> None:
        """Close the connection."""
        self._open.close()


class Console:
    """A running web process."""

    def __init__(self, address: str, process: "subprocess.Popen[bytes]") -> None:
        self.address, self.process = address, process

    def memory(self) -> int:
        """Return the bytes that the process and its children hold."""
        own = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in [own, *own.children(recursive=True)])

    def tab(self, **given: Any) -> RawTab:
        """Return an open tab."""
        return RawTab(self.address, **given).open()

    def has_taken(self, **given: Any) -> bool:
        """Tell whether a tab more was let in; it is closed at once."""
        try:
            self.tab(**given).close()
        except (ConnectionClosed, InvalidHandshake, TimeoutError):
            return False
        return True


@contextmanager
def own_database(folder: Path) -> Iterator[None]:
    """Give this process, and those that it starts, a data folder and a fresh database, for a whole module of tests."""
    with pytest.MonkeyPatch.context() as env:
        env.setenv("PLATFORM_DATA_DIR", str(folder / "data"))
        env.setenv("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")
        (folder / "data").mkdir()
        forget_process_state()
        SQLModel.metadata.create_all(db.engine())
        yield
        forget_process_state()
    forget_process_state()


@contextmanager
def console(log: Path, **settings: str) -> Iterator[Console]:
    """Run a web process on this test's data folder, and stop it."""
    port = free_port()
    command, environment = frontend_build.server("127.0.0.1", port)
    del environment["__REFLEX_MOUNT_FRONTEND_COMPILED_APP"]  # no pages: they would have to be built
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=os.environ | environment | settings,
            cwd=frontend_build.project_dir(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(f"{address}/healthz"), 90)
        yield Console(address, process)
    finally:
        process.terminate()
        process.wait(20)

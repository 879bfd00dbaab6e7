"""Balancer: two consoles behind HAProxy with our configuration, while one of them restarts."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.conftest import answers, free_port, wait_for
from tests.console_process import Console, RawTab, console, own_database

CONFIGURATION = Path(__file__).parents[2] / "scripts/haproxy.cfg"
REQUESTS = 300
HAPROXY = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="needs haproxy, which make test-tools installs")


class Hooks(BaseHTTPRequestHandler):
    """Stands for the process that serves webhooks: it says which address the balancer saw."""

    def do_GET(self) -> None:
        seen = ", ".join(self.headers.get_all("X-Forwarded-For") or []).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def configured(port: int, web: list[int], hooks: int) -> str:
    """Return our configuration for processes on this machine in place of containers."""
    lines = {
        "web": "\n".join(f"    server web{one} 127.0.0.1:{one} check" for one in web),
        "hooks": f"    server hooks 127.0.0.1:{hooks}",
    }
    text = re.sub(r"(?m)^ +server-template (\w+) .*", lambda found: lines[found[1]], CONFIGURATION.read_text())
    return text.replace("bind :8000", f"bind 127.0.0.1:{port}")


class Balanced:
    """A balancer in front of two consoles."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.open = ExitStack()
        self.consoles: list[Console] = []

    def start(self) -> None:
        """Start everything, and wait until both consoles are in use."""
        with ThreadPoolExecutor(2) as pool:
            begun = [pool.submit(self.open.enter_context, console(self.folder / f"console{n}.txt")) for n in range(2)]
            self.consoles = [one.result() for one in begun]
        server = ThreadingHTTPServer(("127.0.0.1", 0), Hooks)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # checks that hang up
        Thread(target=server.serve_forever, daemon=True).start()
        self.open.callback(server.server_close)
        self.open.callback(server.shutdown)
        path = self.folder / "haproxy.cfg"
        ports = [int(one.address.rsplit(":", 1)[1]) for one in self.consoles]
        path.write_text(configured(self.port, ports, server.server_port))
        process = subprocess.Popen(
            [str(HAPROXY), "-f", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.open.callback(process.wait, 10)
        self.open.callback(process.kill)
        wait_for(lambda: answers(f"{self.address}/healthz"))

    def owners(self) -> set[str]:
        """Return the consoles that answer new browsers, by the balancer's cookie."""
        return {httpx.get(f"{self.address}/healthz").cookies["console"] for _ in range(6)}


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    folder = tmp_path_factory.mktemp("balanced")
    with own_database(folder):
        made = Balanced(folder)
        with made.open:
            made.start()
            yield made


def test_the_configuration_is_one_that_haproxy_takes(tmp_path: Path) -> None:
    for name, text in {"ours": CONFIGURATION.read_text(), "tested": configured(8000, [1, 2], 3)}.items():
        (tmp_path / name).write_text(text)
        checked = subprocess.run([str(HAPROXY), "-c", "-f", str(tmp_path / name)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


def test_browsers_are_spread_and_stay_and_webhooks_go_to_their_process(balanced: Balanced) -> None:
    assert len(balanced.owners()) == 2
    with httpx.Client(base_url=balanced.address, headers={"x-forwarded-for": "203.0.113.9"}) as browser:
        browser.get("/healthz")
        owner = browser.cookies["console"]
        assert [browser.get("/healthz").cookies.get("console") for _ in range(5)] == [None] * 5  # it stays where it was
        assert browser.cookies["console"] == owner
        assert browser.get("/hooks/unknown").text.endswith("127.0.0.1")  # the last address is the balancer's word


def test_while_a_console_restarts_no_request_fails_and_tabs_find_the_other(balanced: Balanced) -> None:
    tab = RawTab(balanced.address).open()
    leaving = balanced.consoles[0]
    failed = list[str]()

    def ask(number: int) -> None:
        try:
            answer = httpx.get(f"{balanced.address}/healthz", timeout=20)
        except httpx.HTTPError as error:
            failed.append(repr(error))
            return
        if answer.status_code != 200:
            failed.append(str(answer.status_code))

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(REQUESTS)]
        wait_for(lambda: sum(one.done() for one in asked) > REQUESTS // 10)
        leaving.process.terminate()
    leaving.process.wait(35)
    assert failed == []
    tab.close()
    RawTab(balanced.address).open().close()
    assert len(balanced.owners()) == 1

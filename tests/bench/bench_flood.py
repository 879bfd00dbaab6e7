"""Flood measured: how long a page of another tenant takes to open while strangers send whatever they can.

`python -m tests.bench.bench_flood [SECONDS]`; needs no built console: the page is opened over a raw websocket.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from platform_app.services.agents import agents
from tests.conftest import make_tenant, wait_for
from tests.console_process import HYDRATE, Console, console, own_database
from tests.headless.harness import sign_in
from tests.talking import call

PAGES = 30


def opened(web: Console, cookie: str) -> float:
    """Return the seconds from the first byte of a websocket to the drawn list of agents."""
    began = time.monotonic()
    tab = web.tab(cookie=cookie)
    tab.send(HYDRATE, path="/manage/acme/agents")
    tab.until('is_hydrated_rx_state_":true', 60)
    tab.close()
    return time.monotonic() - began


def main() -> None:
    """Open pages alone, then under a flood, then alone again."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as name, own_database(Path(name)):
        who = make_tenant("acme")
        call(who, agents.create, {"name": "Anna"})
        cookie = sign_in(who)
        with console(Path(name) / "console.txt") as web:
            opened(web, cookie)
            alone = [opened(web, cookie) for _ in range(PAGES)]
            before = web.memory()
            command = [sys.executable, "-m", "tests.flood", web.address, str(seconds)]
            flooded: list[float] = []
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
                wait_for(psutil.Process(flood.pid).net_connections)
                while flood.poll() is None:
                    flooded.append(opened(web, cookie))
                print((flood.stdout.read() if flood.stdout else "").strip())
            grown = web.memory() - before
            after = [opened(web, cookie) for _ in range(PAGES)]
    usual, late = statistics.median(alone), statistics.median(flooded)
    print(f"a page alone {usual * 1000:.0f} ms, under the flood {late * 1000:.0f} ms: {late / usual:.2f} times")
    print(f"after it {statistics.median(after) * 1000:.0f} ms; memory +{grown / 1e6:.0f} MB; {len(flooded)} pages")


if __name__ == "__main__":
    main()

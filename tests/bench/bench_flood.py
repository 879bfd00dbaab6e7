"""Flood measured: how long a page of another tenant takes to open while strangers send whatever they can.

`python -m tests.bench.bench_flood [SECONDS]`; needs no built console: the page is opened over a raw websocket.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import psutil

from platform_app.services.agents import agents
from tests.conftest import make_tenant, wait_for
from tests.console_process import HYDRATE, Console, console, own_database
from tests.headless.harness import sign_in
from tests.talking import call

PEOPLE = 24  # one person alone would wait for the limit on what a person opens
PAGES = 10  # of each person, without a flood


class Visitors:
    """People of companies of their own who open the list of agents in turn."""

    def __init__(self, web: Console) -> None:
        self.web, self.people = web, [self._person(f"acme{number}") for number in range(PEOPLE)]
        self.turns = cycle(self.people)

    def _person(self, slug: str) -> tuple[str, str]:
        who = make_tenant(slug)
        call(who, agents.create, {"name": "Anna"})
        return slug, sign_in(who)

    def open_page(self) -> float:
        """Return the seconds from the first byte of a websocket to the drawn list of agents."""
        slug, cookie = next(self.turns)
        began = time.monotonic()
        tab = self.web.tab(cookie=cookie)
        tab.send(HYDRATE, path=f"/manage/{slug}/agents")
        tab.until('is_hydrated_rx_state_":true', 60)
        tab.close()
        return time.monotonic() - began

    def open_pages(self) -> tuple[float, float]:
        """Open PAGES for each person; return the median of their seconds, and the bytes that a page takes."""
        before, count = self.web.memory(), PAGES * PEOPLE
        took = [self.open_page() for _ in range(count)]
        return statistics.median(took), (self.web.memory() - before) / count


def main() -> None:
    """Open pages alone, then under a flood, then alone again."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as name, own_database(Path(name)), console(Path(name) / "console.txt") as web:
        visitors = Visitors(web)
        visitors.open_pages()
        usual, of_a_page = visitors.open_pages()
        before = web.memory()
        command = [sys.executable, "-m", "tests.flood", web.address, str(seconds)]
        flooded: list[float] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
            wait_for(psutil.Process(flood.pid).net_connections)
            while flood.poll() is None:
                flooded.append(visitors.open_page())
            print((flood.stdout.read() if flood.stdout else "").strip())
        grown = web.memory() - before - of_a_page * len(flooded)
        after, _ = visitors.open_pages()
    late = statistics.median(flooded)
    print(f"a page alone {usual * 1000:.0f} ms, under the flood {late * 1000:.0f} ms: {late / usual:.2f} times")
    print(f"after it {after * 1000:.0f} ms; memory +{grown / 1e6:.0f} MB beside that of {len(flooded)} pages")


if __name__ == "__main__":
    main()

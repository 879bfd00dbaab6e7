"""Flood: strangers who send whatever they can neither stop the console nor fill its memory."""

import os
import subprocess
import sys
from pathlib import Path

from platform_app.services.agents import agents
from tests.conftest import answers, make_tenant
from tests.console_process import HYDRATE, Console, console, own_database
from tests.headless.harness import sign_in
from tests.talking import call

SECONDS = float(os.environ.get("PLATFORM_FLOOD_SECONDS", "3"))  # in full: 20
MOST_MEMORY = 50_000_000  # bytes beyond what it was before
MOST_LOG = 200_000  # bytes of log lines, however long it lasts


def opens_a_page(web: Console, cookie: str) -> bool:
    tab = web.tab(cookie=cookie)
    tab.send(HYDRATE, path="/manage/acme/agents")
    seen = tab.until('is_hydrated_rx_state_":true', 60)
    tab.close()
    return "Anna" in seen


def test_a_flood_of_strangers_disturbs_nobody(tmp_path: Path) -> None:
    log = tmp_path / "console.txt"
    with own_database(tmp_path):
        who = make_tenant("acme")
        call(who, agents.create, {"name": "Anna"})
        cookie = sign_in(who)
        with console(log) as web:
            assert opens_a_page(web, cookie) and opens_a_page(web, cookie)
            web.tab().close()
            before = web.memory()
            command = [sys.executable, "-m", "tests.flood", web.address, str(SECONDS)]
            opened = 0
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as flood:
                while flood.poll() is None:
                    assert opens_a_page(web, cookie)
                    opened += 1
                told = flood.stdout.read() if flood.stdout else ""
            grown, written = web.memory() - before, log.stat().st_size
            told += f"memory +{grown / 1e6:.0f} MB, {written} bytes of log, {opened} pages opened meanwhile"
            print(told)
            assert flood.returncode == 0 and opened, told
            assert grown <= MOST_MEMORY, told
            assert answers(f"{web.address}/healthz") and opens_a_page(web, cookie)
            assert written < MOST_LOG, log.read_text()[:3_000]

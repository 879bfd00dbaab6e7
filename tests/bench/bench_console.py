"""Console measured: start, clicks, page weight and memory of the whole platform.

`python -m tests.bench.bench_console`; needs the built console and Chromium, as the e2e tests do.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from platform_app import config, migrations
from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.demo import demo
from tests.conftest import wait_for
from tests.e2e.conftest import FLAGS, PASSWORD, platform_environment, sign_in_at_form
from tests.e2e.test_up import Started, is_ready, start

CLICKS = 40
PAGES = {"sign-in": "/sign-in", "dashboard": "/manage/demo", "test chat": "/manage/demo/test-chat"}
CLICK = """async ([selector, attribute, value]) => {
    const wanted = document.querySelector(selector);
    const begun = performance.now();
    const changed = new Promise(resolve => {
        const watch = new MutationObserver(() => {
            if (wanted.getAttribute(attribute) !== value) return;
            watch.disconnect();
            resolve(performance.now() - begun);
        });
        watch.observe(document.body, {subtree: true, attributes: true, childList: true, characterData: true});
    });
    wanted.dispatchEvent(new MouseEvent('mousedown', {bubbles: true, button: 0}));
    wanted.click();
    return await changed;
}"""
WEIGHT = """() => {
    const all = [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')];
    return [all.length, all.reduce((sum, one) => sum + one.transferSize, 0),
        all.reduce((sum, one) => sum + one.decodedBodySize, 0)];
}"""


def demo_owner(environment: dict[str, str]) -> Identity:
    """Make the demo tenant before the platform starts; return its owner."""
    os.environ |= {name: value for name, value in environment.items() if name.startswith("PLATFORM_")}
    config.settings.cache_clear()
    Path(environment["PLATFORM_DATA_DIR"]).mkdir(parents=True)
    migrations.upgrade(config.settings().database)
    demo.ensure_demo(PASSWORD, "en")
    with session_scope(reason="bench", read_only=True) as session:
        return members.get_owner(session, demo.SLUG)


@contextmanager
def running(environment: dict[str, str], folder: Path, name: str) -> Iterator[tuple[Started, float]]:
    """Start the platform; yield it with the seconds until it was ready."""
    begun = time.monotonic()
    made = start(environment, folder / f"{name}.txt")
    try:
        wait_for(lambda: is_ready(made), 300)
        yield made, time.monotonic() - begun
    finally:
        made.process.terminate()
        made.process.wait(20)


def click(page: Page, address: str) -> list[float]:
    """Return milliseconds from a click to the change that the server makes of it: tabs of the agent editor."""
    page.goto(f"{address}/manage/demo/agents")
    page.locator("table a").first.click()
    expect(page.get_by_role("tab", selected=True)).to_be_visible()
    found = []
    for number in range(CLICKS):
        tab = page.get_by_role("tab").nth((number + 1) % 2)
        identity = tab.get_attribute("id")
        found.append(page.evaluate(CLICK, [f"[id='{identity}']", "aria-selected", "true"]))
    return found


def weigh(page: Page, address: str, *names: str) -> None:
    for name in names:
        page.goto(address + PAGES[name], wait_until="networkidle")
        count, sent, held = page.evaluate(WEIGHT)
        print(f"{name:12} {count:4d} files {sent / 1000:8.0f} kB over the wire {held / 1000:8.0f} kB unpacked")


def kind_of(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    kinds = {
        "granian": "console",
        "-m worker": "worker",
        "chroma": "chroma",
        "-server": "redis",
        "llm.offline": "offline model",
        "cli up": "launcher",
    }
    return next((name for part, name in kinds.items() if part in words), words[:40])


def memory(started: Started) -> None:
    """Print what each process has to itself, with its share of what it shares."""
    held: dict[str, int] = {}
    for process in started.family():
        info: Any = process.memory_full_info()
        held[kind_of(process)] = held.get(kind_of(process), 0) + info.pss
    for name, size in sorted(held.items(), key=lambda one: -one[1]):
        print(f"{name:14} {size / 1e6:8.0f} MB")
    print(f"{'altogether':14} {sum(held.values()) / 1e6:8.0f} MB")


def main() -> None:
    """Start twice, click, weigh."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = platform_environment(folder / "data")
        with running(environment, folder, "first") as (_, seconds):
            print(f"up, no data yet: {seconds:.1f} s to ready")
        address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
        with running(environment, folder, "again") as (started, seconds), sync_playwright() as playwright:
            print(f"up, warm: {seconds:.1f} s to ready")
            chromium = Path(".tools/chromium.path")
            path = chromium.read_text() if chromium.is_file() else shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            weigh(browser.new_page(), address, "sign-in")
            page = browser.new_page()
            sign_in_at_form(page, address)
            weigh(page, address, "dashboard", "test chat")
            late = click(page, address)
            p95 = statistics.quantiles(late, n=20)[18]
            print(f"click to change: p50 {statistics.median(late):.0f} ms, p95 {p95:.0f} ms, {CLICKS} clicks")
            browser.close()
            memory(started)


if __name__ == "__main__":
    main()

"""Clicks: milliseconds from a press to what it changes on the page, for controls that are pressed all day.

`python -m tests.bench.bench_clicks`; needs the built console and Chromium. The time ends when the page has changed what
the person looks at, and when the next frame is drawn; other work on the machine adds to it.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import quantiles

from playwright.sync_api import Page, expect, sync_playwright

from tests.bench.bench_console import running
from tests.e2e.conftest import FLAGS, platform_environment, sign_in_at_form

TIMES = 40
HOME = "/manage/demo"
# Notes when a mouse button or a key goes down, or the click that follows if nothing has changed by then (a finger, and
# the driver of the browser, take their time in between). Then the first change of what is watched, and the frame after.
WATCH = """selector => {
  const noted = window.__clicks = { down: 0, changed: 0, drawn: 0 };
  const start = () => Object.assign(noted, { down: performance.now(), changed: 0, drawn: 0 });
  addEventListener("pointerdown", start, true);
  addEventListener("click", () => { if (!noted.changed) start(); }, true);
  addEventListener("keydown", start, true);
  new MutationObserver(() => {
    if (!noted.down || noted.changed || !document.querySelector(selector)) return;
    noted.changed = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() => { noted.drawn = performance.now(); }));
  }).observe(document.querySelector(selector.startsWith("body") ? "body" : selector), {
    subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ["aria-checked", "aria-selected", "aria-label"],
  });
}"""


def measure(page: Page, watched: str, press: Callable[[int], None]) -> tuple[list[float], list[float]]:
    """Press again and again; return the milliseconds to the first change of what is watched, and to the frame after."""
    page.evaluate(WATCH, watched)
    changed, drawn = [], []
    for place in range(TIMES):
        press(place)
        page.wait_for_function("() => window.__clicks.drawn")
        noted = page.evaluate("() => window.__clicks")
        changed.append(noted["changed"] - noted["down"])
        drawn.append(noted["drawn"] - noted["down"])
        page.wait_for_timeout(150)  # as a person would
    return changed, drawn


def open_page(page: Page, address: str) -> None:
    """Load a page and wait until it stands."""
    page.goto(address)
    expect(page.locator("main h1")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def switch(page: Page, home: str) -> tuple[list[float], list[float]]:
    """Turn a rule on and off in its list."""
    open_page(page, f"{home}/rules")
    control = page.get_by_role("switch").first
    return measure(page, "main table", lambda _: control.click())


def reorder(page: Page, home: str) -> tuple[list[float], list[float]]:
    """Move the first stage of a pipeline down and up again."""
    open_page(page, f"{home}/settings/crm")
    name = page.get_by_role("button", name="Move “").first.get_attribute("aria-label") or ""
    stage = name.split("“")[1].split("”")[0]
    return measure(
        page,
        "main",
        lambda place: page.get_by_role(
            "button", name=f"Move “{stage}” {('down', 'up')[place % 2]}", exact=True
        ).click(),
    )


def tab(page: Page, home: str) -> tuple[list[float], list[float]]:
    """Change between two tabs of an agent."""
    open_page(page, f"{home}/agents")
    page.locator("table a").first.click()
    tabs = page.locator("main [role=tab]")
    expect(tabs.first).to_be_visible()
    return measure(page, "main", lambda place: tabs.nth(1 - place % 2).click())


def palette(page: Page, home: str) -> tuple[list[float], list[float]]:
    """Open and close the palette of commands."""
    open_page(page, f"{home}/rules")
    expect(page.get_by_role("switch").first).to_be_visible()

    def press(_: int) -> None:
        if page.get_by_role("dialog").count():
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("Control+k")

    return measure(page, "body:has([role=dialog])", press)


def main() -> None:
    """Start the platform, press each control TIMES times, and print a table."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        environment = platform_environment(folder / "data")
        address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
        with running(environment, folder, "clicks"):
            noted = Path(".tools/chromium.path")
            path = noted.read_text() if noted.is_file() else shutil.which("chromium")
            page = playwright.chromium.launch(executable_path=path, args=FLAGS).new_page()
            sign_in_at_form(page, address)
            print("| control | to the change: median | p95 | to the frame: median | p95 |")
            for control in (switch, reorder, tab, palette):
                figures = [quantiles(times, n=20) for times in control(page, address + HOME)]
                row = " | ".join(f"{parts[at]:.0f} ms" for parts in figures for at in (9, 18))
                print(f"| {control.__name__} | {row} |", flush=True)


if __name__ == "__main__":
    main()

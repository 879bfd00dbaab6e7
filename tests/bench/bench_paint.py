"""Paint measured: from a click or an address to the first rows drawn, with many contacts and leads, in Chromium.

`python -m tests.bench.bench_paint [rows]`; needs the built console and Chromium, as the e2e tests do.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from platform_app import db
from tests.bench.bench_console import demo_owner, running
from tests.bench.bench_crm import fill
from tests.e2e.conftest import FLAGS, platform_environment, sign_in_at_form

ROUNDS = 12
HOME = "/manage/demo"
PAGES = {
    "contacts": ("/contacts", "tbody tr"),
    "leads, list": ("/leads?view=list", "tbody tr"),
    "leads, board": ("/leads", ".lead-card"),
}
WATCH = """selector => {
    const found = () => {
        if (!document.querySelector(selector)) return false;
        requestAnimationFrame(() => setTimeout(() => { window.drawn = performance.now(); }));
        return true;
    };
    window.drawn = 0;
    new MutationObserver((_, watch) => found() && watch.disconnect())
        .observe(document, {subtree: true, childList: true});
}"""
CLICK = """selector => {
    window.begun = performance.now();
    document.querySelector(selector).click();
}"""


def prepare(environment: dict[str, str], count: int) -> None:
    """Fill the demo tenant before the platform starts."""
    owner = demo_owner(environment)
    begun = time.monotonic()
    fill(owner, count)
    db.engine().dispose()
    print(f"{count} contacts and leads written in {time.monotonic() - begun:.0f} s")


def by_address(context: BrowserContext, address: str, path: str, selector: str) -> float:
    """Return milliseconds from the start of a navigation to the first rows drawn."""
    page = context.new_page()
    page.add_init_script(f"({WATCH})('{selector}')")
    page.goto(address + HOME + path)
    return drawn(page)


def by_click(context: BrowserContext, address: str, path: str, selector: str) -> float:
    """Return milliseconds from a click in the sidebar to the first rows drawn, in a tab that was not there yet."""
    page = context.new_page()
    is_list = "view" in path  # reached from the board
    page.goto(address + HOME + ("/leads" if is_list else "/settings"))
    expect(page.locator(".lead-card" if is_list else "h1").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH, selector)
    page.evaluate(CLICK, ".rt-SegmentedControlItem:last-of-type" if is_list else f'.sidebar a[href$="{path}"]')
    return drawn(page)


def drawn(page: Page) -> float:
    """Return milliseconds until the first rows stood there, since the click or the start of the navigation."""
    page.wait_for_function("window.drawn > 0", timeout=30_000)
    found = float(page.evaluate("window.drawn - (window.begun || 0)"))
    page.close()
    return found


def measure(name: str, how: str, ask: Callable[[], float]) -> None:
    times = [ask() for _ in range(ROUNDS)]
    p95 = statistics.quantiles(times, n=20)[18]
    print(f"| {name} | {how} | {statistics.median(times):.0f} | {p95:.0f} | {max(times):.0f} |", flush=True)


def signed_in(browser: Browser, address: str) -> BrowserContext:
    context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in_at_form(page, address)
    page.close()
    return context


def main() -> None:
    """Fill, start, measure and print a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = platform_environment(folder / "data")
        prepare(environment, count)
        address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
        with running(environment, folder, "paint"), sync_playwright() as playwright:
            noted = Path(".tools/chromium.path")
            path = noted.read_text() if noted.is_file() else shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            context = signed_in(browser, address)
            for page_name, (place, selector) in PAGES.items():
                measure(page_name, "by its address", lambda p=place, s=selector: by_address(context, address, p, s))  # type: ignore[misc]
                measure(page_name, "by a click", lambda p=place, s=selector: by_click(context, address, p, s))  # type: ignore[misc]
            browser.close()


if __name__ == "__main__":
    main()

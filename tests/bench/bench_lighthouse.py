"""Lighthouse: scores of pages of the demo for a person who is signed in and whose browser has nothing cached.

`python -m tests.bench.bench_lighthouse`; needs the built console, Chromium, and Lighthouse, which is no package of the
project: `npm install --prefix .tools --no-save lighthouse@12.8.2`. Other work on the machine lowers the scores.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.bench.bench_console import running
from tests.conftest import free_port
from tests.e2e.conftest import FLAGS, platform_environment, sign_in_at_form

LIGHTHOUSE = Path(".tools/node_modules/.bin/lighthouse")
HOME = "/manage/demo"
PAGES = {"dashboard": "/", "test chat": "/test-chat", "inbox": "/inbox", "contacts": "/contacts"}  # and a rule
CATEGORIES = ("performance", "accessibility", "best-practices")
FIGURES = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift")


@contextmanager
def signed_in(folder: Path, address: str, port: int) -> Iterator[Page]:
    """Open a browser whose profile is signed in and that Lighthouse reaches by a port."""
    noted = Path(".tools/chromium.path")
    path = noted.read_text() if noted.is_file() else shutil.which("chromium")
    with sync_playwright() as playwright:
        context: BrowserContext = playwright.chromium.launch_persistent_context(
            str(folder), executable_path=path, args=[*FLAGS, f"--remote-debugging-port={port}"]
        )
        sign_in_at_form(context.pages[0], address)
        yield context.pages[0]
        context.close()


def forget_cached(page: Page) -> None:
    """Empty the cache of the browser, and leave the session."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.clearBrowserCache")
    devtools.detach()


def audit(address: str, port: int, *, is_desktop: bool) -> dict[str, Any]:
    """Return the report of a page."""
    command = [str(LIGHTHOUSE), address, "--quiet", f"--port={port}", "--disable-storage-reset", "--output=json"]
    command += [f"--only-categories={','.join(CATEGORIES)}", *(["--preset=desktop"] if is_desktop else [])]
    report: dict[str, Any] = json.loads(subprocess.check_output(command))
    return report


def rule_path(page: Page, address: str) -> str:
    """Return the path of the first rule of the demo."""
    page.goto(f"{address}{HOME}/rules")
    link = page.locator("table a").first
    return str(link.get_attribute("href")).removeprefix(HOME)


def main() -> None:
    """Start the platform, measure each page as on a desktop and on a phone, and print a table."""
    if not LIGHTHOUSE.exists():
        print(f"{LIGHTHOUSE} is missing; see the head of this module.")
        return
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        environment = platform_environment(folder / "data")
        address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
        with running(environment, folder, "lighthouse"), signed_in(folder / "profile", address, port) as page:
            pages = PAGES | {"rule": rule_path(page, address)}
            print(f"| page | as on a | {' | '.join((*CATEGORIES, *FIGURES))} |")
            for device in ("desktop", "phone"):
                for title, path in pages.items():
                    forget_cached(page)
                    report = audit(address + HOME + path, port, is_desktop=device == "desktop")
                    scores = [f"{report['categories'][one]['score']:.2f}" for one in CATEGORIES]
                    figures = [report["audits"][one]["displayValue"].replace("\xa0", " ") for one in FIGURES]
                    print(f"| {title} | {device} | {' | '.join((*scores, *figures))} |", flush=True)


if __name__ == "__main__":
    main()

"""Fixtures: one platform for all stories, and a real browser."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from tests.conftest import free_port, wait_for
from tests.e2e.test_up import Started, is_ready, start

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "Correct horse 7 battery"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Chromium as the bootstrap found it."""
    noted = Path(".tools/chromium.path")
    found = noted.read_text() if noted.is_file() else shutil.which("chromium")
    return {"executable_path": found, "args": FLAGS}


def platform_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a platform that keeps its data in a folder."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PLATFORM_", "OPENAI_"))}
    return clean | {
        "PLATFORM_DATA_DIR": str(folder),
        "PLATFORM_PORT": str(free_port()),
        "PLATFORM_WORKER_PORT": str(free_port()),
        "PLATFORM_DEMO_PASSWORD": PASSWORD,
        "NO_COLOR": "1",
    }


def started_platform(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Start a platform with its demo, yield its address, and stop it."""
    made: Started = start(environment, folder / "platform.txt")
    wait_for(lambda: is_ready(made), 240)
    yield f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
    made.process.terminate()
    made.process.wait(20)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole platform with its demo; its address."""
    folder = tmp_path_factory.mktemp("platform")
    yield from started_platform(platform_environment(folder / "data"), folder)


NewPerson = Callable[[str], BrowserContext]


@pytest.fixture
def new_person(browser: Browser) -> Iterator[NewPerson]:
    """Make a browser profile for a language; every page of it fails the test on an error of the console."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(message.text)

    def watch(page: Page) -> None:
        page.on("console", listen)
        page.on("pageerror", lambda error: problems.append(str(error)))

    def make(language: str) -> BrowserContext:
        locale = {"ru": "ru-RU", "en": "en-US"}[language]
        context = browser.new_context(locale=locale, viewport={"width": 1440, "height": 900})
        context.set_default_timeout(20_000)
        context.on("page", watch)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert problems == []

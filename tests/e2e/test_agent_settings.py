"""Agent settings: each is changed in the browser, and the next request to the provider or the next reply shows it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from platform_app.models.agent import AGENT_FORM
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.fake_provider import says

pytestmark = pytest.mark.e2e
QUESTION = "What is the code of the gate?"
DOCUMENTS = {"Parking.md": "The code of the gate is 4711.", "Bell.md": "The code of the bell at the gate is 12."}
LONG = "Yes. " + "A sentence of some length follows here. " * 12


class Editor:
    """An agent in the browser: its settings, and the chat in which it is tried."""

    def __init__(self, page: Page, recorded: Recorded) -> None:
        self.page, self.recorded, self.home = page, recorded, f"{recorded.address}/manage/demo"
        sign_in(page, recorded.address, at="/agents")
        page.get_by_role("button", name="Create agent").first.click()
        page.get_by_role("button", name="Blank agent").click()
        page.wait_for_url(re.compile("/agents/[0-9a-f]{32}"))
        self.id = page.url.rstrip("/").rsplit("/", 1)[-1].split("?")[0]

    def open(self, tab: str) -> None:
        self.page.goto(f"{self.home}/agents/{self.id}?tab={tab}")
        expect(self.page.get_by_role("tab", selected=True)).to_be_visible()

    def open_field(self, name: str) -> None:
        """Open the tab with a field, and what hides it."""
        section = AGENT_FORM[name].section
        self.open("basics" if section == "advanced" else section)
        if section == "advanced":
            self.page.get_by_text("Advanced", exact=True).click()

    def draft(self) -> dict[str, Any]:
        """Return the agent's draft as it is stored."""
        return dict(json.loads(self.recorded.one("SELECT draft FROM agent WHERE id = ?", self.id)))

    def stored(self, name: str, value: Any) -> None:
        wait_for(lambda: self.draft().get(name) == value)

    def write(self, name: str, text: str, value: Any = None) -> None:
        """Type into a field and wait until it is kept."""
        self.open_field(name)
        self.page.locator(f"#{name}").fill(text)
        self.stored(name, text if value is None else value)

    def choose(self, name: str, words: str, value: str) -> None:
        """Choose from a list and wait until it is kept."""
        self.open_field(name)
        self.page.locator(f"#{name}").click()
        self.page.get_by_role("option", name=words, exact=True).click()
        self.stored(name, value)

    def flip(self, name: str, value: bool) -> None:
        """Flip a switch and wait until it is kept."""
        self.open_field(name)
        self.page.locator(f"#{name}").click()
        self.stored(name, value)

    def ask(self, question: str = QUESTION, *, waits: bool = True) -> str:
        """Ask in a new conversation; return the text of the reply."""
        self.page.goto(f"{self.home}/test-chat?agent={self.id}")
        field = self.page.get_by_role("textbox", name="Message", exact=True)
        expect(field).to_be_enabled()
        expect(self.page.locator(".test-bar")).to_contain_text("Draft")
        field.fill(question)
        field.press("Enter")
        if not waits:
            return ""
        reply = self.page.locator("article.message").nth(1)
        expect(reply.get_by_role("button", name="Why this reply?")).to_be_visible()
        return reply.locator(".bubble, textarea").first.inner_text()

    @property
    def body(self) -> dict[str, Any]:
        return self.recorded.provider.last.body

    @property
    def prompt(self) -> str:
        return self.recorded.provider.last.prompt


@pytest.fixture
def editor(recorded: Recorded, new_person: NewPerson) -> Editor:
    recorded.provider.will(says("It is **4711**."))
    return Editor(new_person("en").new_page(), recorded)


def test_what_the_provider_receives(editor: Editor) -> None:
    editor.write("name", "Portier")
    editor.choose("model", "fake-2", "fake-2")
    editor.write("temperature", "1.3", 1.3)
    editor.write("max_tokens", "333", 333)
    editor.choose("reply_language", "Русский", "ru")
    editor.write("instructions", "Be brief and warm.")
    editor.ask()
    assert (editor.body["model"], editor.body["temperature"], editor.body["max_tokens"]) == ("fake-2", 1.3, 333)
    assert editor.prompt.startswith("Be brief and warm.")
    assert "Your name is Portier." in editor.prompt and "Write in Russian." in editor.prompt


def test_what_the_contact_gets(editor: Editor) -> None:
    assert editor.ask() == "It is 4711."
    assert editor.page.locator("article.message strong", has_text="4711").count() == 1
    editor.flip("markdown", False)
    assert editor.ask() == "It is 4711."
    assert editor.page.locator("article.message strong", has_text="4711").count() == 0
    assert "plain text" in editor.prompt
    editor.recorded.provider.will(says(LONG))
    assert len(editor.ask()) > 300
    editor.write("max_reply_chars", "120", 120)
    assert len(editor.ask()) <= 120
    assert "at most 120 characters" in editor.prompt


def test_a_reply_waits_for_its_delay_and_for_a_person(editor: Editor) -> None:
    editor.write("reply_delay_seconds", "4", 4)
    editor.ask(waits=False)
    expect(editor.page.get_by_text("Replies in")).to_be_visible()
    before = len(editor.recorded.provider.asked)
    expect(editor.page.locator("article.message").nth(1)).to_contain_text("4711", timeout=15_000)
    assert len(editor.recorded.provider.asked) == before + 1
    editor.write("reply_delay_seconds", "0", 0)
    editor.flip("check_before_sending", True)
    editor.ask()
    reply = editor.page.locator("article.message").nth(1)
    expect(reply).to_contain_text("Awaiting approval")
    reply.get_by_role("textbox").fill("It is 4711, I have checked.")
    reply.get_by_role("button", name="Approve").click()
    expect(reply.locator(".bubble")).to_have_text("It is 4711, I have checked.")
    editor.flip("check_before_sending", False)
    editor.choose("figures", "Hold for approval", "hold")
    editor.ask()
    expect(reply).to_contain_text("Figures without a source: 4711.")
    reply.get_by_role("button", name="Why this reply?").click()
    expect(editor.page.locator(".reason-more").last).to_contain_text("because of its figures")


def test_what_the_agent_may_read(editor: Editor, tmp_path: Path) -> None:
    page = editor.page
    page.goto(f"{editor.home}/knowledge")
    page.get_by_role("button", name="Categories").click()
    page.get_by_role("textbox", name="New category").fill("Yard")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("textbox", name="Category name “Yard”")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    for name, text in DOCUMENTS.items():
        (tmp_path / name).write_text(text)
        page.locator("#files").set_input_files(tmp_path / name)
        row = page.get_by_role("row").filter(has_text=Path(name).stem)
        expect(row.get_by_text("Ready", exact=True)).to_be_visible(timeout=30_000)
    page.get_by_role("combobox", name="Category of “Parking”").click()
    page.get_by_role("option", name="Yard").click()
    expect(page.get_by_role("combobox", name="Category of “Parking”")).to_have_text("Yard")

    editor.ask()
    assert "Parking\n" in editor.prompt and "Bell\n" in editor.prompt
    editor.choose("knowledge", "Selected categories", "chosen")
    page.get_by_role("checkbox", name="Yard").click()
    wait_for(lambda: len(editor.draft()["categories"]) == 1)
    editor.ask()
    assert "Parking\n" in editor.prompt and "Bell\n" not in editor.prompt
    editor.choose("knowledge", "None", "none")
    editor.ask()
    assert "<passages>" not in editor.prompt


def test_what_it_says_and_does_without_an_answer(editor: Editor) -> None:
    editor.write("no_answer_text", "Ask at the front desk.")
    editor.flip("no_answer_task", True)
    editor.recorded.provider.will(says("Ask at the front desk."))
    question = "Which zeppelins fly to Vladivostok?"
    assert editor.ask(question) == "Ask at the front desk."
    assert "Ask at the front desk." in editor.prompt
    editor.page.goto(editor.home)
    expect(editor.page.locator(".updates li").filter(has_text=f"Task: answer “{question}”")).to_have_count(1)


def test_switched_on_it_is_an_active_agent(editor: Editor) -> None:
    page = editor.page
    editor.write("name", "Nightwatch")
    page.goto(f"{editor.home}/agents/{editor.id}")
    switch = page.get_by_role("switch", name="Turn “Nightwatch” on or off")
    if not switch.is_visible():
        page.get_by_role("button", name="Publish and turn on").click()
        expect(switch).to_have_attribute("data-state", "checked")
    before = switch.get_attribute("data-state")
    switch.click()
    expect(switch).not_to_have_attribute("data-state", str(before))
    page.goto(f"{editor.home}/agents")
    row = page.get_by_role("row").filter(has_text="Nightwatch")
    expect(row.get_by_role("switch")).to_have_attribute("data-state", "unchecked" if before == "checked" else "checked")

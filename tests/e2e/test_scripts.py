"""Scripts: made in the console, used in the chat exactly where they fit, in both languages."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.llm.extraction import PROMPT_START
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.story import AtAgent, drag
from tests.fake_provider import Answer, says

pytestmark = pytest.mark.e2e
TEXT = "Ask {{ contact.name }} about the budget of {{ lead.budget }}."


class Story(AtAgent):
    """A person at the scripts of a new agent."""

    def open_list(self) -> None:
        self.page.goto(f"{self.home}/agents/{self.agent}/scripts")
        self.loaded()

    def show(self, page: Page) -> None:
        """Go on in another tab, which has to be in front: those behind it are drawn seldom."""
        self.page = page
        page.bring_to_front()

    def create(self, title: str, text: str) -> None:
        self.open_list()
        self.page.get_by_role("button", name=self.t("Create script")).click()
        self.page.wait_for_url("**/scripts/*")
        self.page.locator("#title").fill(title)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)
        self.page.locator("#text").fill(text)
        wait_for(lambda: self.stored("text", title) == text)

    def stored(self, column: str, title: str) -> object:
        query = f"SELECT {column} FROM script WHERE title = ? ORDER BY id DESC LIMIT 1"
        return self.recorded.one(query, title)

    def set_up(self, title: str, *, agents: str, stage: str, least: str) -> None:
        """Set whom a script is for, in which stage, and from which budget on; wait until it is kept."""
        self.page.locator("#agent_id").click()
        self.page.get_by_role("option", name=self.t(agents)).click()
        self.page.locator("#stage_id").click()
        self.page.get_by_role("option", name=re.compile(rf"· {stage}$")).click()
        self.page.get_by_label(self.t("Value of condition {number}", number="1")).fill(least)
        kept_of = "s.name || ' ' || (c.agent_id IS NULL) || c.condition"
        query = f"SELECT {kept_of} FROM script c JOIN stage s ON s.id = c.stage_id WHERE c.title = ?"
        wanted = f"{stage} {int(agents == 'All agents')}"

        def is_kept() -> bool:
            rows = self.recorded.all(query, title)  # none before a stage is kept
            kept = str(rows[0][0]) if rows else ""
            return kept.startswith(wanted) and f'"{least}"' in kept

        wait_for(is_kept)

    def prompt(self) -> str:
        """Ask in the open chat; return what the provider was told."""
        field = self.page.get_by_role("textbox", name=self.t("Message"), exact=True)
        before = len(self.recorded.provider.asked)
        said = self.page.locator("article.message .message-actions").count()
        field.fill("Hello, I need a bicycle.")
        field.press("Enter")
        expect(self.page.locator("article.message .message-actions")).to_have_count(said + 2, timeout=20_000)
        assert len(self.recorded.provider.asked) == before + 1
        return self.recorded.provider.last.prompt

    def chat(self) -> None:
        self.page.goto(f"{self.home}/test-chat?agent={self.agent}")
        expect(self.page.get_by_role("textbox", name=self.t("Message"), exact=True)).to_be_enabled()
        self.run_rules()  # so that uses of scripts are counted


@pytest.fixture(params=["ru", "en"])
def story(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Story:
    recorded.provider.will(says("Of course."))
    return Story(new_person(request.param).new_page(), recorded, request.param)


def test_from_the_editor_into_the_reply(story: Story) -> None:
    page, title = story.page, f"Budget {story.language}"
    story.create(title, "Ask {{ contact.nmae }}")
    expect(page.get_by_role("alert")).to_contain_text("contact.nmae")
    page.locator("#text").fill("")
    page.get_by_role("button", name=re.compile(r"\{\{ lead\.budget \}\}")).click()
    expect(page.locator("#text")).to_have_value("{{ lead.budget }}")
    page.locator("#text").fill(TEXT)
    wait_for(lambda: story.stored("text", title) == TEXT)
    expect(page.get_by_role("alert")).to_have_count(0)
    story.choose(story.t("Lead"), re.compile("battery"))
    expect(page.locator("#preview")).to_contain_text("Ask Peter Lang about the budget of 460.")
    page.locator("#stage_id").click()
    page.get_by_role("option", name=re.compile("Choosing")).click()
    wait_for(lambda: story.stored("stage_id", title))

    story.chat()
    assert "<scripts>" not in story.prompt()  # no lead, no stage
    story.act_as(story.t("Lead"), re.compile("battery"))
    assert "Ask Peter Lang" not in story.prompt()  # it stands in another stage
    story.act_as(story.t("Stage"), re.compile("Choosing"))
    story.recorded.provider.will(says("Peter Lang, is the budget of 460 right? [S1]"))
    assert "Ask Peter Lang about the budget of 460." in story.prompt()
    page.get_by_role("button", name=story.t("Why this reply?")).last.click()
    expect(page.get_by_role("dialog")).to_contain_text(story.t("Scripts checked"))
    expect(page.get_by_role("dialog")).to_contain_text(title)
    page.keyboard.press("Escape")

    story.open_list()
    row = page.get_by_role("row").filter(has_text=title)
    expect(row).to_contain_text("1")
    row.get_by_role("switch").click()
    wait_for(lambda: story.stored("enabled", title) == 0)
    story.chat()
    story.act_as(story.t("Stage"), re.compile("Choosing"))
    assert "<scripts>" not in story.prompt()


def test_in_the_request_exactly_when_agent_stage_and_condition_fit(story: Story) -> None:
    """Twelve combinations, each set in the editor and tried in the chat; the lead stands in New with 460."""
    editor, title = story.page, f"Fit {story.language}"
    story.create(title, "Name {{ lead.title }} to {{ contact.name }}.")
    editor.get_by_role("button", name=story.t("Add condition")).click()
    story.pick(story.t("Field of condition {number}", number="1"), "lead.budget")
    editor.get_by_label(story.t("Operator of condition {number}", number="1")).select_option("greater")
    chats = {}
    for whose in (story.agent, story.recorded.one("SELECT id FROM agent WHERE is_demo")):
        chats[whose] = story.page = editor.context.new_page()
        story.page.goto(f"{story.home}/test-chat?agent={whose}")
        story.act_as(story.t("Lead"), re.compile("battery"))
    mine, other = chats
    tried = 0
    for agents, talks_with in (("This agent", mine), ("All agents", other), ("This agent", other)):
        for stage in ("New", "Choosing"):
            for least in ("100", "500"):
                story.show(editor)
                story.set_up(title, agents=agents, stage=stage, least=least)
                story.show(chats[talks_with])
                fits = (agents == "All agents" or talks_with == mine) and (stage, least) == ("New", "100")
                is_there = "Name New battery, 500 Wh to Peter Lang." in story.prompt()
                assert is_there is fits, (agents, talks_with == mine, stage, least)
                tried += 1
    assert tried == 12


def test_used_only_where_its_condition_holds(story: Story) -> None:
    page, title = story.page, f"Dear {story.language}"
    story.create(title, "Offer a discount.")
    page.get_by_role("button", name=story.t("Add condition")).click()
    story.pick(story.t("Field of condition {number}", number="1"), "lead.budget")
    page.get_by_label(story.t("Operator of condition {number}", number="1")).select_option("greater")
    page.get_by_label(story.t("Value of condition {number}", number="1")).fill("500")
    wait_for(lambda: "500" in str(story.stored("condition", title)))
    verdict = page.locator("#verdict")
    story.choose(story.t("Lead"), re.compile("battery"))
    expect(verdict).to_contain_text(story.t("Condition not met."))
    expect(verdict).to_contain_text("460")
    expect(verdict).to_contain_text(story.t("Smallest change that would make it apply:"))
    story.choose(story.t("Lead"), re.compile("Mountain bicycle"))
    expect(verdict).to_contain_text(story.t("Condition met."))

    story.chat()
    story.act_as(story.t("Lead"), re.compile("battery"))
    assert "Offer a discount." not in story.prompt()
    page.get_by_role("button", name=story.t("Why this reply?")).last.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text(story.t("Lead budget"))
    expect(panel).to_contain_text("460")
    page.keyboard.press("Escape")
    story.act_as(story.t("Lead"), re.compile("Mountain bicycle"))
    assert "Offer a discount." in story.prompt()


def test_variables_are_completed_and_versions_compared(story: Story) -> None:
    page, title = story.page, f"Complete {story.language}"
    story.create(title, "First.")
    text = page.locator("#text")
    text.press("Control+End")
    text.press_sequentially(" For {{ budg")
    expect(page.get_by_role("option")).to_have_count(1)
    text.press("Enter")
    expect(text).to_have_value("First. For {{ lead.budget }}")
    wait_for(lambda: story.stored("text", title) == "First. For {{ lead.budget }}")
    page.reload()
    page.get_by_role("button", name=story.t("Compare with current")).first.click()
    expect(page.locator("ins").filter(has_text="{{ lead.budget }}")).to_be_visible()


def test_ordered_copied_deleted_and_brought_back(story: Story) -> None:
    page = story.page
    for title in ("Alpha", "Beta"):
        story.create(title, "Say hello.")
    story.open_list()
    expect(page.locator("tbody th a")).to_have_text(["Alpha", "Beta"])
    up = page.get_by_role("button", name=story.t("Move “{name}” up", name="Beta"))
    up.focus()
    page.keyboard.press("Enter")
    expect(page.locator("tbody th a").first).to_have_text("Beta")
    expect(up).to_be_focused()
    rows = page.locator("tbody tr")
    drag(rows.nth(0), rows.nth(1))
    expect(page.locator("tbody th a")).to_have_text(["Alpha", "Beta"])
    drag(rows.nth(1), rows.nth(0))
    expect(page.locator("tbody th a")).to_have_text(["Beta", "Alpha"])
    page.get_by_role("button", name=story.t("Duplicate “{title}”", title="Alpha")).click()
    expect(page.locator("tbody th a")).to_have_text(["Beta", "Alpha", "Alpha (2)"])
    page.get_by_role("button", name=story.t("Delete “{title}”", title="Beta")).click()
    expect(page.locator("tbody th a")).to_have_text(["Alpha", "Alpha (2)"])
    page.get_by_role("button", name=story.t("Undo")).click()
    expect(page.locator("tbody th a")).to_have_text(["Beta", "Alpha", "Alpha (2)"])
    page.get_by_role("textbox", name=story.t("Search scripts")).fill("(2)")
    expect(page.locator("tbody th a")).to_have_text(["Alpha (2)"])
    page.reload()
    expect(page.locator("tbody th a")).to_have_text(["Alpha (2)"])


def test_a_guided_script_collects_what_it_is_built_for(story: Story) -> None:
    page, title, said = story.page, f"Visit {story.language}", "Hello."

    async def play(reply: Answer) -> None:
        is_extraction = story.recorded.provider.last.prompt.startswith(PROMPT_START)
        told = {"values": {"contact.name": "Vera"} if said.startswith("I am") else {}, "refused": []}
        await says(json.dumps(told) if is_extraction else "All right.")(reply)

    story.create(title, "Arrange a visit.")
    page.get_by_role("button", name=story.t("Add step")).click()
    page.get_by_label(story.t("Goal of step {number}", number="1")).fill("Get to know them.")
    collect = page.get_by_label(story.t("Field to collect in step {number}", number="1"))
    collect.select_option("contact.name")
    expect(page.get_by_label(story.t("How to ask for {title}", title=story.t("Contact name")))).to_be_visible()
    collect.select_option("contact.phone")
    wait_for(lambda: "contact.phone" in str(story.stored("steps", title)))
    wait_for(lambda: "Get to know" in str(story.stored("steps", title)))

    story.recorded.provider.will(play)
    story.chat()
    said = "I am Vera."
    field = page.get_by_role("textbox", name=story.t("Message"), exact=True)
    field.fill(said)
    field.press("Enter")
    expect(page.locator("article.message .message-actions")).to_have_count(2, timeout=20_000)
    wanted = story.t("Contact phone")
    assert "Ask now only for: your phone number" in story.recorded.provider.last.prompt
    words = story.t(
        "{title}: step {step} of {steps}, still needed: {wanted}", title=title, step="1", steps="1", wanted=wanted
    )
    expect(page.get_by_role("list", name=story.t("Guided scripts"))).to_contain_text(words)
    assert story.recorded.one("SELECT count(*) FROM contact WHERE name = 'Vera'") >= 1
    story.recorded.provider.will(says("Of course."))

"""Models: an own provider from key to cost, a budget that is reached, tools that are chosen, in both languages."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.story import AtAgent
from tests.fake_provider import FakeProvider, says, started

pytestmark = pytest.mark.e2e
NAME = "Own provider"


@pytest.fixture
def own() -> Iterator[FakeProvider]:
    yield from started()


@pytest.fixture(params=["ru", "en"])
def story(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> AtAgent:
    return AtAgent(new_person(request.param).new_page(), recorded, request.param)


def connect(story: AtAgent, own: FakeProvider) -> None:
    """Connect a provider, first with a mistake, and test it."""
    page = story.page
    page.goto(f"{story.home}/settings/providers")
    page.get_by_role("link", name=story.t("Connect a provider")).click()
    page.locator("#name").fill(NAME)
    page.locator("#base_url").fill("http://10.0.0.1/v1")
    save = page.get_by_role("main").get_by_role("button", name=story.t("Save"), exact=True)
    save.click()
    expect(page.get_by_text(story.t("This URL is blocked."))).to_be_visible()
    page.locator("#base_url").fill(own.url)
    page.locator("#key").fill("sk-story-4321")
    page.locator("#input_price").fill("10")
    page.locator("#output_price").fill("100")
    save.click()
    page.wait_for_url(re.compile(r"/settings/providers/[0-9a-f]{32}"))
    page.get_by_role("button", name=story.t("Test the provider")).click()
    expect(page.get_by_role("status").filter(has_text="fake-1")).to_be_visible()
    expect(page.get_by_role("rowheader", name="fake-2")).to_be_visible()


def choose(story: AtAgent, name: str, option: str) -> None:
    """Choose the value of a setting of the agent, and wait until it is kept."""
    story.page.locator(f"#{name}").click()
    story.page.get_by_role("option", name=option, exact=True).click()
    wait_for(lambda: name in ("provider",) or json.loads(draft(story))[name] == option)


def draft(story: AtAgent) -> str:
    return str(story.recorded.one("SELECT draft FROM agent WHERE id = ?", story.agent))


def ask(story: AtAgent, text: str) -> None:
    """Write in a new conversation of the test chat."""
    page = story.page
    page.goto(f"{story.home}/test-chat?agent={story.agent}")
    field = page.get_by_role("textbox", name=story.t("Message"), exact=True)
    expect(page.locator(".test-bar")).to_contain_text(story.t("Draft"))
    field.fill(text)
    field.press("Enter")


def test_own_provider_budget_and_a_tool_that_asks(story: AtAgent, own: FakeProvider) -> None:
    page = story.page
    connect(story, own)
    page.goto(f"{story.home}/agents/{story.agent}")
    choose(story, "provider", NAME)
    choose(story, "model", "fake-2")
    page.get_by_role("tab", name=story.t("Tools")).click()
    label = story.t("May the agent use “{title}”?", title=story.t("Add a note"))
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=story.t("Ask a person")).click()
    wait_for(lambda: json.loads(draft(story))["tools"] == {"write_note": "ask"})
    own.will(says("From the own provider."))
    ask(story, "Hello")
    expect(page.get_by_role("log")).to_contain_text("From the own provider.")
    page.get_by_role("button", name=story.t("Why this reply?")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text(NAME)
    expect(page.get_by_role("dialog")).to_contain_text("fake-1")
    page.keyboard.press("Escape")
    assert own.last.headers["authorization"] == "Bearer sk-story-4321" and own.last.body["model"] == "fake-2"
    spend(story, own)


def spend(story: AtAgent, own: FakeProvider) -> None:
    """Set a budget for the agent that one more reply exceeds: the agent says so, and hands over."""
    page, sentence = story.page, f"Budget {story.language}"
    page.goto(f"{story.home}/settings/budgets")
    page.get_by_role("button", name=story.t("Add a budget")).first.click()
    page.locator("#name").fill("Story")
    page.locator("#scope").select_option("agent")
    page.locator("#agent_id").select_option(story.agent)
    page.locator("#unit").select_option("messages")
    page.locator("#period").select_option("day")
    page.locator("#hard_limit").fill("1")
    page.locator("#sentence").fill(sentence)
    page.get_by_role("dialog").get_by_role("button", name=story.t("Save")).click()
    expect(page.get_by_role("rowheader", name="Story")).to_be_visible()
    own.will(says("Within the budget."))
    ask(story, "First")
    expect(page.get_by_role("log")).to_contain_text("Within the budget.")
    ask(story, "Second")
    expect(page.get_by_role("log")).to_contain_text(sentence)
    page.goto(f"{story.home}/settings/budgets")
    row = page.get_by_role("row").filter(has_text="Story")
    expect(row).to_contain_text(story.t("Used up"))
    row.get_by_role("button", name=story.t("Remove “{title}”", title="Story")).click()
    page.get_by_role("alertdialog").get_by_role("button", name=story.t("Remove")).click()
    expect(page.get_by_role("rowheader", name="Story")).to_have_count(0)
    remove_provider(story)


def remove_provider(story: AtAgent) -> None:
    """Take the provider away: the agent's page says so."""
    page = story.page
    page.goto(f"{story.home}/settings/providers")
    page.get_by_role("link", name=NAME).click()
    page.get_by_role("button", name=story.t("Remove")).click()
    page.get_by_role("alertdialog").get_by_role("button", name=story.t("Remove")).click()
    page.wait_for_url(re.compile(r"/settings/providers$"))
    page.goto(f"{story.home}/agents/{story.agent}")
    told = story.t("The model provider of this agent was removed. Choose another in the agent’s settings.")
    expect(page.get_by_text(told)).to_be_visible()

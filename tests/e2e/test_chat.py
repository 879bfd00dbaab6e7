"""Test chat: whom one acts as, a reply while it is written, its sources, and why it came out so."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.story import AtAgent
from tests.fake_provider import plays, says

pytestmark = pytest.mark.e2e
QUESTIONS = {"en": "How long is the warranty of a frame?", "ru": "Какая гарантия на раму?"}
REPLY = "Ten years [1], not [99].\n\n| Part | Years |\n|---|--:|\n| Frame | 10 |\n\n```\nx = [1]\n```\n"
SHIFTS = """() => new Promise(done => {
    let sum = 0;
    const add = entries => { for (const entry of entries) if (!entry.hadRecentInput) sum += entry.value; };
    const seen = new PerformanceObserver(list => add(list.getEntries()));
    seen.observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => { add(seen.takeRecords()); done(sum); }));
})"""


def ask(story: AtAgent, question: str) -> None:
    field = story.page.get_by_role("textbox", name=story.t("Message"), exact=True)
    field.fill(question)
    field.press("Enter")


def panel_takes_and_returns_the_focus(story: AtAgent, page: Page) -> None:
    """Open the explanation with the keyboard; the conversation stays in use beside it."""
    why = page.get_by_role("button", name=story.t("Why this reply?")).last
    why.focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name=story.t("Why this reply?"))
    expect(panel.get_by_role("heading", level=2)).to_be_focused()
    expect(panel.locator(".reason-first")).to_contain_text(re.compile("above the threshold|выше порога"))
    expect(panel.locator(".bar-threshold").first).to_be_attached()
    expect(panel.get_by_role("link", name=story.t("Edit the instructions"))).to_be_visible()
    expect(panel.locator(".figures")).to_be_hidden()
    panel.get_by_text(story.t("Details"), exact=True).click()
    expect(panel.locator(".figures")).to_be_visible()
    expect(page.get_by_role("textbox", name=story.t("Message"), exact=True)).to_be_enabled()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(why).to_be_focused()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_reply_from_the_first_word_to_its_reason(language: str, recorded: Recorded, new_person: NewPerson) -> None:
    story = AtAgent(new_person(language).new_page(), recorded, language)
    page, provider = story.page, recorded.provider
    agent = recorded.one("SELECT id FROM agent WHERE is_demo AND deleted_at IS NULL")
    page.goto(f"{story.home}/test-chat?agent={agent}")
    bar = page.locator(".test-bar")
    expect(bar).to_contain_text(story.t("Draft"))
    expect(bar).to_contain_text(story.t("a new visitor"))
    assert page.evaluate(SHIFTS) < 0.02  # was .175
    story.act_as(story.t("Contact"), re.compile("Peter Lang"))
    expect(bar).to_contain_text("Peter Lang")

    provider.will(plays(then="hang"))
    ask(story, QUESTIONS[language])
    live = page.locator("article[aria-busy=true]")
    expect(live).to_contain_text(story.t("Writing…"))
    expect(live.locator("strong")).not_to_be_empty()  # the agent's name
    page.get_by_role("button", name=story.t("Stop"), exact=True).click()
    expect(live).to_have_count(0)

    provider.will(says(REPLY))
    ask(story, QUESTIONS[language])
    reply = page.locator("article.message").last
    expect(reply.locator("td").last).to_have_text("10")
    citation = reply.locator(".citation")
    expect(citation).to_have_count(1)  # neither in code, nor of a source that is not there
    citation.click()
    expect(reply.locator("[data-source='1']")).to_be_focused()
    reply.get_by_role("button", name=story.t("Copy the code")).click()
    expect(reply.get_by_role("button", name=story.t("Copied"))).to_be_visible()
    panel_takes_and_returns_the_focus(story, page)

    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator(".chat-list")).to_be_hidden()
    page.get_by_role("link", name=story.t("All conversations")).click()
    expect(page.locator(".chat-list")).to_be_visible()
    expect(page.locator(".chat-talk")).to_be_hidden()
    page.get_by_role("button", name=story.t("New conversation"), exact=True).click()
    expect(page.locator(".chat-talk")).to_be_visible()

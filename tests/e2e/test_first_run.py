"""First run: a new company follows its checklist to an agent from a template that answers in the test chat."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.agent_templates import agent_template
from platform_app.i18n import lookup
from tests.e2e.conftest import NewPerson
from tests.e2e.test_main_story import register

pytestmark = pytest.mark.e2e
STEPS = ("Create an agent", "Ask it in the test chat")


def open_step(page: Page, language: str, title: str) -> None:
    """Follow a step of the checklist."""
    page.get_by_role("link", name=re.compile(f"^{re.escape(lookup(language, title))}")).click()


def expect_progress(page: Page, language: str, done: int) -> None:
    """Expect the checklist to say how much is done."""
    words = lookup(language, "{done} of {count}").format(done=done, count=5)
    expect(page.get_by_text(words, exact=True)).to_be_visible()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_checklist_leads_to_an_agent_that_answers(language: str, platform: str, new_person: NewPerson) -> None:
    page = new_person(language).new_page()
    register(page, platform, language)
    home, template = page.url.rstrip("/"), agent_template("shop", language)
    expect_progress(page, language, 0)
    open_step(page, language, STEPS[0])
    page.get_by_role("button", name=re.compile(f"^{template.title}")).click()
    preview = page.get_by_role("dialog")
    expect(preview).to_contain_text(template.scripts[0].title)
    preview.get_by_role("button", name=lookup(language, "Use template")).click()
    page.wait_for_url(re.compile(r"/agents/[0-9a-f]{32}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(template.agent["name"])
    page.goto(home)
    expect_progress(page, language, 1)
    open_step(page, language, STEPS[1])
    page.get_by_role("textbox", name=lookup(language, "Message"), exact=True).fill("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble").nth(1)).not_to_be_empty(timeout=30_000)
    page.goto(home)
    expect_progress(page, language, 2)
    for title in STEPS:
        expect(page.locator(".checklist-step.done").filter(has_text=lookup(language, title))).to_be_visible()

"""Articles: what is published is cited, and what its removal takes away is shown before it is unpublished."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.e2e.conftest import NewPerson, sign_in

pytestmark = pytest.mark.e2e

TITLES = {"en": "Zeppelin tours", "ru": "Полёты на дирижабле"}
TEXTS = {
    "en": "## Zeppelin\n\nThe zeppelin tour starts at hangar 47 every Thursday.",
    "ru": "## Дирижабль\n\nПолёт на дирижабле начинается у ангара 47 каждый четверг.",
}
QUESTIONS = {"en": "Where does the zeppelin tour start?", "ru": "Где начинается полёт на дирижабле?"}


def ask(page: Page, home: str, language: str) -> None:
    """Ask in a new test conversation and wait for the end of the reply."""
    page.goto(f"{home}/test-chat")
    page.get_by_role("textbox", name=lookup(language, "Message"), exact=True).fill(QUESTIONS[language])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=lookup(language, "Why this reply?"))).to_be_visible()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_an_article_is_cited_while_it_is_published(language: str, platform: str, new_person: NewPerson) -> None:
    page = new_person(language).new_page()
    sign_in(page, platform)
    home = f"{platform}/manage/demo"
    page.goto(f"{home}/knowledge")
    page.get_by_role("button", name=lookup(language, "Create article")).click()
    page.wait_for_url(re.compile("/knowledge/articles/[0-9a-f]{32}"))
    article = page.url
    page.locator("#title").fill(TITLES[language])
    page.locator("#text").fill(TEXTS[language])
    expect(page.locator("#preview .prose-heading")).to_have_text(TEXTS[language].splitlines()[0].removeprefix("## "))
    page.get_by_role("button", name=lookup(language, "Publish"), exact=True).click()
    expect(page.get_by_text(lookup(language, "Ready"), exact=True)).to_be_visible()
    ask(page, home, language)
    chip = page.locator(".chip").filter(has_text=TITLES[language])
    expect(chip).to_be_visible()
    expect(page.get_by_role("log")).to_contain_text("47")
    page.goto(article)
    unpublish = page.get_by_role("button", name=lookup(language, "Unpublish"), exact=True)
    unpublish.click()
    page.get_by_role("alertdialog").get_by_role("button", name=lookup(language, "See what this would change")).click()
    section = page.locator("#impact")
    expect(section).to_contain_text(lookup(language, "Loses its support: {count}").format(count=1))
    expect(section.get_by_role("link", name=QUESTIONS[language])).to_be_visible()
    unpublish.click()
    page.get_by_role("alertdialog").get_by_role("button", name=lookup(language, "Unpublish"), exact=True).click()
    expect(page.get_by_text(lookup(language, "Not published"), exact=True)).to_be_visible()
    ask(page, home, language)
    expect(chip).to_have_count(0)

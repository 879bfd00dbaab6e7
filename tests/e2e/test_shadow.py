"""Shadow mode: an agent answers a bot's customers in secret, a member compares, and then the agent answers for real."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, sign_in, telegram
from tests.e2e.test_telegram import connect
from tests.e2e.test_web_chat import QUESTION, faults

pytestmark = pytest.mark.e2e
BOTS = {"en": 710_011, "ru": 710_012}


def answer_in_inbox(page: Page, platform: str, name: str, text: str) -> None:
    """Answer a customer as a member does."""
    page.goto(f"{platform}/manage/demo/inbox")
    page.get_by_text(name).first.click()
    expect(page.get_by_text(QUESTION).last).to_be_visible()
    editor = page.locator(".reply-form textarea")
    editor.fill(text)
    editor.press("Enter")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_an_agent_answers_in_secret_and_then_for_real(platform: str, new_person: NewPerson, language: str) -> None:
    fake, page, name = telegram(), new_person(language).new_page(), f"Shadow {language}"
    fake.bot_id, fake.username = BOTS[language], f"shadow_{language}_bot"
    fake.token = f"{fake.bot_id}:{'S' * 35}"
    customer = fake.customer(BOTS[language], name, language)
    sign_in(page, platform)
    connect(page, platform, language, fake)
    page.locator("#is_shadow").click()
    expect(page.locator("#is_shadow")).to_be_checked()
    customer.write(QUESTION)
    page.get_by_role("link", name=lookup(language, "Compare answers")).click()
    card = page.locator("article.compared-answer")
    expect(card.locator(".bubble.out")).to_be_visible(timeout=60_000)
    assert fake.texts(customer.chat_id) == [] and faults(page) == []
    address = page.url

    answer_in_inbox(page, platform, name, "40 euros, and we have time today.")
    wait_for(lambda: fake.texts(customer.chat_id) == ["40 euros, and we have time today."], 30)
    page.goto(address)
    expect(card).to_contain_text("40 euros, and we have time today.")
    agreed = card.get_by_role("button", name=lookup(language, "Agreed"))
    agreed.click()
    expect(agreed).to_have_attribute("aria-pressed", "true")
    card.get_by_role("button", name=lookup(language, "Why this reply?")).click()
    expect(page.locator(".side-panel")).to_be_visible()
    page.locator(".side-panel").get_by_role("button", name=lookup(language, "Close")).click()

    page.get_by_role("combobox", name=lookup(language, "Answers"), exact=True).click()
    page.get_by_role("option", name=lookup(language, "Unsafe")).click()
    expect(card).to_have_count(0)
    page.get_by_role("button", name=lookup(language, "Clear filters")).click()
    expect(agreed).to_be_visible()

    page.get_by_role("switch", name=re.compile(lookup(language, "No lead"))).click()
    page.get_by_role("button", name=lookup(language, "Turn off shadow mode…")).click()
    page.get_by_role("button", name=lookup(language, "Turn off"), exact=True).click()
    expect(page.get_by_role("button", name=lookup(language, "Turn on shadow mode"))).to_be_visible()
    other = fake.customer(BOTS[language] + 100, f"Live {language}", language)
    other.write(QUESTION)
    wait_for(lambda: fake.texts(other.chat_id), 60)

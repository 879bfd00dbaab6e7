"""Telegram: an admin connects a bot, a customer asks there, the agent answers, and then a member does."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, sign_in, telegram
from tests.e2e.story import connect_channel
from tests.e2e.test_web_chat import QUESTION, faults
from tests.fakes.telegram import FakeTelegram

pytestmark = pytest.mark.e2e
BOTS = {"en": 710_001, "ru": 710_002}


def connect(page: Page, platform: str, language: str, fake: FakeTelegram) -> None:
    """Connect the fake's bot with the demo's agent; a token that Telegram does not know is refused first."""
    page.goto(f"{platform}/manage/demo/settings/channels")
    dialog = connect_channel(page, language, "Connect {channel} bot", channel="Telegram")
    dialog.locator("#agent_id").select_option(index=1)
    for token in (f"{fake.bot_id}:{'x' * 35}", fake.token):
        dialog.locator("#token").fill(token)
        dialog.get_by_role("button", name=lookup(language, "Connect"), exact=True).click()
        if token != fake.token:
            expect(dialog.get_by_role("alert")).to_contain_text("@BotFather")
    page.wait_for_url(re.compile(r"/settings/channels/[0-9a-z]{32}"))
    expect(page.get_by_role("link", name=f"@{fake.username}")).to_be_visible()
    expect(page.locator("dl.facts").get_by_text(lookup(language, "Connected"), exact=True)).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_customer_asks_a_bot_and_a_member_answers(platform: str, new_person: NewPerson, language: str) -> None:
    fake, member = telegram(), new_person(language).new_page()
    fake.bot_id, fake.username = BOTS[language], f"shop_{language}_bot"
    fake.token = f"{fake.bot_id}:{'T' * 35}"
    customer = fake.customer(BOTS[language], f"Anna {language}", language)
    sign_in(member, platform)
    connect(member, platform, language, fake)
    customer.write(QUESTION)
    wait_for(lambda: fake.texts(customer.chat_id), 60)
    customer.write("/person")
    told = lookup(language, "A teammate will reply here.")
    wait_for(lambda: told in fake.texts(customer.chat_id), 30)

    member.goto(f"{platform}/manage/demo/inbox")
    member.get_by_text(f"Anna {language}").first.click()
    expect(member.get_by_text(QUESTION).last).to_be_visible()
    editor = member.locator(".reply-form textarea")
    editor.fill("I am here.")
    editor.press("Enter")
    wait_for(lambda: fake.texts(customer.chat_id)[-1] == "I am here.", 30)
    shown = member.locator("article.message.out").last
    expect(shown).to_contain_text("I am here.")
    expect(shown).to_contain_text(lookup(language, "Sent"))
    assert faults(member) == []

"""WhatsApp: an admin connects a number, a customer asks there, the agent answers, and a member sends a template."""

import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, sign_in, whatsapp
from tests.e2e.story import connect_channel, toasts_gone
from tests.e2e.test_web_chat import QUESTION, faults
from tests.fakes.whatsapp import FakeWhatsApp
from tests.fakes.whatsapp_templates import template

pytestmark = pytest.mark.e2e
NUMBERS = {"en": "710000001", "ru": "710000002"}


def connect(page: Page, platform: str, language: str, fake: FakeWhatsApp) -> str:
    """Connect the fake's number with the demo's agent; return the path of its webhook. A wrong secret is said first."""
    page.goto(f"{platform}/manage/demo/settings/channels")
    dialog = connect_channel(page, language, "Connect {channel}", channel="WhatsApp")
    dialog.locator("#agent_id").select_option(index=1)
    for name, value in fake.credentials.items():
        dialog.locator(f"#{name}").fill(value)
    for secret in ("wrong", fake.secret):
        dialog.locator("#app_secret").fill(secret)
        dialog.get_by_role("button", name=lookup(language, "Connect"), exact=True).click()
        if secret == "wrong":
            expect(dialog.get_by_role("alert")).to_contain_text("App settings")
    page.wait_for_url(re.compile(r"/settings/channels/[0-9a-z]{32}"))
    page.get_by_role("button", name=lookup(language, "Refresh templates")).click()
    expect(page.get_by_role("rowheader", name=re.compile("^reminder"))).to_be_visible()
    toasts_gone(page)  # axe would see them fade
    assert faults(page) == []
    return urlsplit(page.locator("#webhook").input_value()).path


def post(platform: str, path: str, fake: FakeWhatsApp, body: Any) -> None:
    """Post to the platform as Meta does."""
    content = json.dumps(body).encode()
    headers = {"x-hub-signature-256": fake.signature(content)}
    assert httpx.post(platform + path, content=content, headers=headers, timeout=30).status_code == 200


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_customer_asks_a_number_and_a_member_sends_a_template(
    platform: str, new_person: NewPerson, language: str
) -> None:
    fake, member = whatsapp(), new_person(language).new_page()
    fake.phone_id, sender = NUMBERS[language], f"1555{NUMBERS[language]}"
    fake.templates = [template("reminder", "Your {{1}} is ready.")]
    sign_in(member, platform)
    path = connect(member, platform, language, fake)
    post(platform, path, fake, fake.write(QUESTION, sender=sender))
    wait_for(lambda: [row for row in fake.sent if row.get("to") == sender], 60)

    quiet = f"{sender}7"
    post(platform, path, fake, fake.write("Long ago", sender=quiet, at=time.time() - 90_000))
    member.goto(f"{platform}/manage/demo/inbox")
    member.get_by_text("Long ago").first.click()
    member.locator("#template").select_option("reminder/en_US")
    member.locator("#value-0").fill("bike")
    member.get_by_role("button", name=lookup(language, "Send template")).click()
    wait_for(lambda: [row for row in fake.sent if row.get("to") == quiet], 30)
    shown = member.locator("article.message.out").last
    expect(shown).to_contain_text("Your bike is ready.")
    expect(shown).to_contain_text(lookup(language, "Sent"))
    assert fake.sent[-1]["type"] == "template" and faults(member) == []

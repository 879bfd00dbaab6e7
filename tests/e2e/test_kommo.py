"""Kommo: an admin connects an account, leads appear, a change there fires a rule, and what it does appears there."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.demo.fake_kommo import sample_account as sample
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded, fake_kommo
from tests.e2e.test_rules import Builder
from tests.e2e.test_web_chat import faults
from tests.integrations.test_crm_exchange import a_deal

pytestmark = pytest.mark.e2e


def connect(page: Page, platform: str, language: str, fake: FakeKommo) -> None:
    """Connect the fake's account; a token that it does not know is refused first."""
    page.goto(f"{platform}/manage/demo/integrations")
    page.get_by_role("button", name=re.compile("amoCRM")).click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#account").fill(fake.host)
    for token in ("wrong", fake.token):
        dialog.locator("#token").fill(token)
        dialog.get_by_role("button", name=lookup(language, "Connect"), exact=True).click()
        if token != fake.token:
            expect(dialog.get_by_role("alert")).to_be_visible()
    page.wait_for_url(re.compile(r"/integrations/[0-9a-z]{32}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Bicycle shop")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_change_there_fires_a_rule_that_writes_there(
    recorded: Recorded, new_person: NewPerson, language: str
) -> None:
    fake, page = fake_kommo(), new_person(language).new_page()
    deal = a_deal(fake, f"Tandem {language}")
    builder = Builder(page, recorded, language)
    connect(page, recorded.address, language, fake)
    start = re.compile("|".join(map(builder.t, ("Start the first synchronization", "Synchronize now"))))
    page.get_by_role("button", name=start).click()
    expect(page.locator(".page-head").get_by_text(builder.t("Connected"), exact=True)).to_be_visible(timeout=60_000)
    wait_for(lambda: recorded.all("SELECT 1 FROM lead WHERE title = ?", f"Tandem {language}"), 60)
    page.goto(f"{builder.home}/leads?view=list")
    page.get_by_role("link", name=f"Tandem {language}").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Tandem {language}")
    build(builder)
    fake.data.change("leads", deal, status_id=sample.IN_WORK)
    note, task = f"Seen: Tandem {language}", f"Call about Tandem {language}"
    wait_for(lambda: note in [one["params"].get("text") for one in fake.data.notes], 60)
    wait_for(lambda: task in [one["text"] for one in fake.data.entities["tasks"].values()], 60)
    page.goto(f"{builder.home}/integrations")
    page.get_by_role("link", name="Bicycle shop").click()
    page.get_by_role("button", name=builder.t("Disconnect")).click()
    page.get_by_role("alertdialog").get_by_role("button", name=builder.t("Disconnect")).click()
    page.wait_for_url(re.compile(r"/integrations$"))
    assert faults(page) == []


def build(builder: Builder) -> None:
    """Build a rule that writes a note and a task when a lead changes its stage, and switch it on."""
    builder.create(f"Kommo {builder.language}")
    builder.trigger("stage_changed")
    builder.action("write_note", "1", {"Text": "Seen: {{ lead.title }}"})
    builder.action("create_task", "2", {"Task": "Call about {{ lead.title }}"})
    builder.publish()
    builder.switch().click()
    expect(builder.switch()).to_be_checked()

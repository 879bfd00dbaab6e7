"""Editors: a rule is built with few clicks and visible words alone; the focus is where one goes on."""

import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.conftest import wait_for
from tests.e2e.test_rules import Builder, builder

__all__ = ["builder"]
pytestmark = pytest.mark.e2e
CLICKS = 11  # of the story of the big deal, from the list of rules to a rule that runs
TYPED = {"budget": {"en": "lead budget", "ru": "сделка: бюджет"}}


class Clicks:
    """Clicks on what is called so in the person's language, and how many there were."""

    def __init__(self, builder: Builder) -> None:
        self.builder, self.count = builder, 0

    def __call__(self, words: str, role: str = "button", **more: bool) -> None:
        """Click on what has this role and these words."""
        name: str | re.Pattern[str] = self.builder.t(words)
        if role == "option":  # its explanation follows
            name = re.compile(f"^{re.escape(self.builder.t(words))}")
        elif not more:
            name = re.compile(f"{re.escape(self.builder.t(words))}$")
        self.builder.page.get_by_role(role, name=name, **more).last.click()  # type: ignore[arg-type]
        self.count += 1


def focused(builder: Builder) -> Locator:
    return builder.page.locator("*:focus")


def condition_by_keyboard(builder: Builder, value: str) -> None:
    """Fill the condition that was added: the focus is at its field."""
    page = builder.page
    expect(focused(builder)).to_have_class(re.compile("picker-button"))
    page.keyboard.press("Enter")
    page.keyboard.type(TYPED["budget"][builder.language])
    page.keyboard.press("Enter")
    expect(focused(builder)).to_contain_text(builder.t("Lead budget"))
    page.keyboard.press("Tab")
    focused(builder).select_option(label=builder.t("is greater than"))
    wait_for(lambda: builder.holds("1", "lead.budget", "greater"))
    page.keyboard.press("Tab")
    page.keyboard.type(value)
    wait_for(lambda: f'"value": "{value}"' in builder.draft())


def write(builder: Builder, text: str) -> None:
    """Write into the first field of the action that was added."""
    expect(focused(builder)).to_have_class(re.compile("composer"))
    builder.page.keyboard.type(text)
    wait_for(lambda: text in builder.draft())


def test_a_big_deal_gets_a_task_and_a_note(builder: Builder) -> None:
    page, click = builder.page, Clicks(builder)
    page.goto(f"{builder.home}/rules")
    builder.loaded()
    click("Create rule")
    click("Start from scratch", "menuitem")
    page.wait_for_url(re.compile(r"/rules/[0-9a-f]{32}"))
    click("Message received")
    click("Lead updated", "option")
    click("Add condition", exact=True)
    condition_by_keyboard(builder, "70000")
    click("Add an action…")
    click("Create a task", "option")
    write(builder, f"Large {builder.language}")
    click("Add an action…")
    click("Add a note", "option")
    write(builder, f"Noted {builder.language}")
    expect(page.locator(".problem")).to_have_count(0)
    click("Publish", exact=True)
    expect(page.get_by_role("button", name=builder.t("Publish"))).to_be_disabled()
    click("On", "switch", exact=True)
    expect(builder.switch()).to_be_checked()
    assert click.count == CLICKS
    address = page.url
    lead = builder.lead("80000")
    wait_for(lambda: builder.recorded.one("SELECT count(*) FROM task WHERE text = ?", f"Large {builder.language}") > 0)
    expect(page.get_by_text(f"Noted {builder.language}").first).to_be_visible()
    assert lead
    page.goto(address)
    builder.switch().click()
    expect(builder.switch()).not_to_be_checked()


def test_rows_are_inserted_moved_and_valued_without_a_mouse(builder: Builder) -> None:
    page, t = builder.page, builder.t
    builder.create(f"Rows {builder.language}")
    builder.add("Add condition", 0)
    builder.pick(t("Field of condition {number}", number="1"), "lead.tags")
    page.get_by_label(t("Operator of condition {number}", number="1"), exact=True).select_option("contains_any")
    chips = page.locator(".chips-field input")
    chips.press_sequentially("vip,big")
    chips.press("Enter")
    chips.evaluate(
        """field => { const data = new DataTransfer(); data.setData("text", "one\\ntwo");
        field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true})); }"""
    )
    values = lambda: json.loads(builder.draft())["condition"]["of"][0]["value"]  # noqa: E731
    wait_for(lambda: values() == ["vip", "big", "one", "two"])
    chips.press("Backspace")
    page.get_by_role("button", name=t("Remove “{value}”", value="big")).press("Enter")
    wait_for(lambda: values() == ["vip", "one"])

    builder.action("create_task", "1", {"Task": "Call about {{ lead.title }}"})
    builder.action("add_tag", "2", {"Tag": "seen"})
    expect(page.locator(".card-summary .variable-chip")).to_have_text(t("Lead title"))
    page.get_by_role("button", name=t("Insert an action before action {number}", number="2")).press("Enter")
    page.keyboard.type(t("Add a note"))
    page.keyboard.press("Enter")
    expect(focused(builder)).to_have_class(re.compile("composer"))
    kinds = lambda: [one["kind"] for one in json.loads(builder.draft())["actions"]]  # noqa: E731
    wait_for(lambda: kinds() == ["create_task", "write_note", "add_tag"])
    expect(page.locator(".step-line .problem")).to_have_count(0)
    page.get_by_role("button", name=t("Menu of action {number}", number="2")).press("Enter")
    page.get_by_role("menuitem", name=t("Move action {number} up", number="2")).press("Enter")
    wait_for(lambda: kinds() == ["write_note", "create_task", "add_tag"])
    expect(page.get_by_role("button", name=t("Menu of action {number}", number="1"))).to_be_focused()
    page.get_by_role("button", name=t("Publish")).click()
    expect(page.locator(".step-line .problem")).to_have_count(1)

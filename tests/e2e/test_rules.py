"""Rules: built in the console, they run on what happens, say why, and are tried on the past, in both languages."""

import json
import re

import pytest
from playwright.sync_api import Locator, expect

from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.story import AtAgent, drag

pytestmark = pytest.mark.e2e


class Builder(AtAgent):
    """A person at the rules."""

    def create(self, name: str) -> str:
        """Make a rule from nothing; return its address."""
        self.page.goto(f"{self.home}/rules")
        self.loaded()
        self.page.get_by_role("button", name=self.t("Create rule")).click()
        self.page.get_by_role("menuitem", name=self.t("Start from scratch")).click()
        self.page.wait_for_url(re.compile(r"/rules/[0-9a-f]{32}"))
        self.page.locator("#name").fill(name)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
        return self.page.url

    def select(self, label: str, value: str) -> None:
        """Choose from a native list by the option's value."""
        self.page.get_by_label(label, exact=True).select_option(value)

    def trigger(self, kind: str) -> None:
        """Choose what starts the rule."""
        self.page.locator("#trigger").click()
        self.page.locator(f'.picker-option[data-option="{kind}"]:visible').click()
        wait_for(lambda: json.loads(self.draft())["trigger"] == kind)

    def condition(self, number: str, fact: str, operator: str, value: str) -> None:
        """Fill one line of the conditions."""
        self.pick(self.t("Field of condition {number}", number=number), fact)
        self.select(self.t("Operator of condition {number}", number=number), operator)
        wait_for(lambda: self.holds(number, fact, operator))
        self.page.get_by_label(self.t("Value of condition {number}", number=number), exact=True).fill(value)
        wait_for(lambda: f'"value": "{value}"' in self.draft())

    def holds(self, number: str, fact: str, operator: str) -> bool:
        """Tell whether a line of the draft is so."""
        node = json.loads(self.draft())["condition"]
        for place in number.split("."):
            node = node["of"][int(place) - 1]
        return (node.get("fact"), node.get("operator")) == (fact, operator)

    def draft(self) -> str:
        """Return the draft of the open rule as it is kept."""
        return str(self.recorded.one("SELECT draft FROM rule WHERE id = ?", self.page.url.rsplit("/", 1)[-1]))

    def add(self, words: str, place: int) -> None:
        """Press a button of the conditions: of the whole, or of a group."""
        before = self.page.locator(".condition-line").count()
        self.page.get_by_role("button", name=self.t(words)).nth(place).click()
        expect(self.page.locator(".condition-line")).not_to_have_count(before)

    def action(self, kind: str, number: str, values: dict[str, str]) -> None:
        """Add an action and fill its fields."""
        self.pick(self.t("Action to add"), kind)
        for words, value in values.items():
            label = self.t("{words} of action {number}", words=self.t(words), number=number)
            self.page.get_by_label(label, exact=True).fill(value)

    def lead(self, budget: str) -> str:
        """Make a lead and write its budget; return its id."""
        self.page.goto(f"{self.home}/leads")
        self.loaded()
        self.page.get_by_role("button", name=self.t("Create lead")).click()
        self.page.wait_for_url(re.compile(r"/leads/[0-9a-f]{32}"))
        self.page.locator("#budget").fill(budget)
        lead_id = self.page.url.rsplit("/", 1)[-1]
        wait_for(lambda: self.recorded.one("SELECT budget FROM lead WHERE id = ?", lead_id) == int(budget))
        return lead_id

    def publish(self) -> None:
        """Publish the draft."""
        self.page.get_by_role("button", name=self.t("Publish")).click()
        expect(self.page.get_by_role("button", name=self.t("Publish"))).to_be_disabled()

    def switch(self) -> Locator:
        """The switch of the rule."""
        return self.page.get_by_role("switch", name=self.t("On"), exact=True)


@pytest.fixture(params=["ru", "en"])
def builder(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Builder:
    return Builder(new_person(request.param).new_page(), recorded, request.param)


def build(builder: Builder, name: str, tag: str) -> str:
    """Build a rule with two groups and three actions; publish it and switch it on."""
    page, address = builder.page, builder.create(name)
    builder.trigger("lead_updated")
    builder.add("Add group", 0)
    builder.add("Add condition", 0)
    builder.condition("1.1", "lead.budget", "greater", "1000")
    builder.condition("1.2", "lead.title", "contains", "truck")
    builder.select(builder.t("Match type of group {number}", number="1"), "any")
    builder.add("Add group", -1)
    builder.condition("2.1", "lead.source", "contains", "spam")
    builder.select(builder.t("Match type of group {number}", number="2"), "none")
    builder.action("add_tag", "1", {"Tag": tag})
    builder.action("create_task", "2", {"Task": f"Call {tag} about {{{{ lead.title }}}}", "Due in (days)": "1"})
    builder.action("update_field", "3", {"Value": "rule {{ lead.budget }}"})
    field = builder.t("{words} of action {number}", words=builder.t("Field"), number="3")
    builder.select(field, "lead.source")
    expect(page.locator(".step-line .problem")).to_have_count(0)
    builder.publish()
    builder.switch().click()
    expect(builder.switch()).to_be_checked()
    return address


def test_built_in_the_console_it_runs_and_tells_why(builder: Builder) -> None:
    page, tag = builder.page, f"big{builder.language}"
    address = build(builder, f"Large {builder.language}", tag)
    lead = builder.lead("5000")
    task = page.get_by_text(re.compile(f"^Call {tag} about "))  # a second comes: what the rule changes lets it run anew
    expect(task.first).to_be_visible(timeout=5_000)
    source = "SELECT source FROM lead WHERE id = ?"
    wait_for(lambda: builder.recorded.one(source, lead).startswith("rule 5000"), 5)
    page.goto(f"{builder.home}/rules/runs")
    first = page.get_by_role("row").filter(has_text=f"Large {builder.language}")
    expect(first.filter(has_text=builder.t("Ran")).first).to_be_visible()

    page.goto(address)
    builder.switch().click()
    expect(builder.switch()).not_to_be_checked()
    off = builder.lead("6000")
    page.goto(address)
    builder.switch().click()
    expect(builder.switch()).to_be_checked()
    builder.lead("7")
    assert builder.recorded.one(source, off) == ""
    page.goto(f"{builder.home}/rules/runs?state=condition")
    page.get_by_role("row").filter(has_text=f"Large {builder.language}").get_by_role("link").first.click()
    page.wait_for_url(re.compile("/rules/runs/[0-9a-f]{32}"))
    proof = page.locator(".proof")
    expect(proof).to_contain_text(f"{builder.t('actual: ')}7")
    expect(proof).to_contain_text(re.compile("1[,\u00a0]000"))
    expect(page.get_by_text(builder.t("Smallest change that would make it run:"))).to_be_visible()
    page.goto(address)
    builder.switch().click()
    expect(builder.switch()).not_to_be_checked()


def test_lists_are_searched_and_conditions_dragged(builder: Builder) -> None:
    page = builder.page
    builder.create(f"Dragged {builder.language}")
    builder.add("Add group", 0)
    builder.add("Add condition", -1)
    about = page.get_by_role("button", name=builder.t("Field of condition {number}", number="2"))
    about.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type({"ru": "БЮДЖ", "en": "budg"}[builder.language])
    options = page.locator(".picker-option:visible")
    expect(options).to_have_count(1)
    page.keyboard.press("Enter")
    expect(about).to_contain_text(builder.t("Lead budget"))
    page.get_by_label(builder.t("Operator of condition {number}", number="2"), exact=True).select_option("empty")

    def shape() -> str:
        draft = json.loads(builder.draft())["condition"]
        return str([[leaf["fact"] for leaf in one["of"]] if "of" in one else one["fact"] for one in draft["of"]])

    wait_for(lambda: shape() == "[['lead.stage'], 'lead.budget']")
    wait_for(lambda: '"operator": "empty"' in builder.draft())
    expect(page.locator(".condition-line").nth(3).locator("input:visible")).to_have_count(0)
    lines = page.locator(".condition-line")
    drag(lines.nth(3).locator(".grip"), lines.nth(1))
    wait_for(lambda: shape() == "[['lead.budget', 'lead.stage']]")
    menu = page.get_by_role("button", name=builder.t("Menu of row {number}", number="1.2"))
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name=builder.t("Move row {number} down", number="1.2")).focus()
    page.keyboard.press("Enter")
    wait_for(lambda: shape() == "[['lead.budget'], 'lead.stage']")
    expect(page.get_by_role("button", name=builder.t("Menu of row {number}", number="2"), exact=True)).to_be_focused()
    page.get_by_role("button", name=builder.t("Field of condition {number}", number="1.1")).click()
    page.keyboard.type("nothing is called so")
    expect(page.get_by_role("status").filter(has_text=builder.t("No results. Try another search."))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".picker-sheet")).to_have_count(0)


def test_a_draft_is_tried_on_the_past(builder: Builder) -> None:
    page = builder.page
    builder.create(f"Past {builder.language}")
    builder.add("Add condition", 0)
    builder.condition("1", "message.text", "contains", "e")
    builder.action("send_message", "1", {"Text": "Nobody is sent this"})
    events = page.get_by_label(builder.t("Event to try the draft on"), exact=True)
    events.focus()
    events.select_option(index=1)
    trial = page.locator(".trial")
    expect(trial).to_be_visible()
    page.get_by_role("button", name=builder.t("Run the backtest"), exact=True).last.click()
    expect(page.locator("#backtest")).to_be_visible()
    expect(page.locator("#backtest")).to_contain_text(re.compile(r"\d+"))
    page.get_by_role("list", name=builder.t("Samples")).get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/events/[0-9a-f]{32}\?.*rule="))
    expect(page.locator(".proof")).to_be_visible()
    assert builder.recorded.one("SELECT count(*) FROM message WHERE text = ?", "Nobody is sent this") == 0

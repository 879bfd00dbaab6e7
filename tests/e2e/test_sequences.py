"""Sequences: built in the console, they start on their event, keep their appointments, and end on a reply."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import forget_process_state, wait_for
from tests.e2e.conftest import NewPerson, Recorded, platform_environment, started_platform
from tests.e2e.story import AtAgent
from tests.fake_provider import serving

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """The whole platform with a clock that can be moved."""
    folder = tmp_path_factory.mktemp("moving")
    with pytest.MonkeyPatch.context() as env:
        for provider in serving(env):
            given = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": "sk-moving", "PLATFORM_TEST_CLOCK": "true"}
            for address in started_platform(platform_environment(folder / "data") | given, folder):
                yield Recorded(address, provider, folder / "data")
    forget_process_state()


class Builder(AtAgent):
    """A person at the sequences."""

    def create(self, name: str) -> str:
        """Make a sequence from nothing; return its address."""
        self.page.goto(f"{self.home}/sequences")
        self.loaded()
        self.page.get_by_role("button", name=self.t("Create sequence")).click()
        self.page.get_by_role("menuitem", name=self.t("Start from scratch")).click()
        self.page.wait_for_url(re.compile(r"/sequences/[0-9a-f]{32}"))
        self.page.locator("#name").fill(name)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
        return self.page.url

    def select(self, label: str, value: str) -> None:
        """Choose from a native list by the option's value."""
        self.page.get_by_label(label, exact=True).select_option(value)

    def trigger(self, kind: str) -> None:
        """Choose what starts the sequence."""
        self.page.locator("#trigger").click()
        self.page.locator(f'.picker-option[data-option="{kind}"]:visible').click()
        wait_for(lambda: f'"trigger": "{kind}"' in self.draft())

    def draft(self) -> str:
        """Return the draft of the open sequence as it is kept."""
        return str(self.recorded.one("SELECT draft FROM sequence WHERE id = ?", self.page.url.rsplit("/", 1)[-1]))

    def add(self, what: str, number: str, where: str = "") -> None:
        """Add a step at the end, or in a branch; it is open then."""
        label = where or self.t("Add a step…")
        button, option = self.page.get_by_role("button", name=label).last, self.page.locator(f'[data-option="{what}"]')
        wait_for(lambda: option.locator("visible=true").count() or button.click(), 20, 0.5)  # it may be drawn anew
        option.locator("visible=true").first.click()
        expect(self.page.get_by_label(self.t("Delay of step {number}", number=number), exact=True)).to_be_visible()

    def fill(self, number: str, words: str, text: str) -> None:
        """Fill a field of the open step's action."""
        label = self.t("{words} of step {number}", words=self.t(words), number=number)
        self.page.get_by_label(label, exact=True).fill(text)
        wait_for(lambda: text in self.draft())

    def wait_days(self, number: str, days: str) -> None:
        """Let the open step wait for so many days."""
        self.select(self.t("Delay of step {number}", number=number), "span")
        count = self.page.get_by_label(self.t("How long step {number} waits", number=number), exact=True)
        count.fill(days)
        wait_for(lambda: f'"count": {days}' in self.draft())

    def condition(self, fact: str, operator: str, value: str) -> None:
        """Fill the first line of the conditions of the open step."""
        self.page.locator(".sequence-open").get_by_role("button", name=self.t("Add condition"), exact=True).click()
        self.pick(self.t("Field of condition {number}", number="1"), fact)
        self.select(self.t("Operator of condition {number}", number="1"), operator)
        box = self.page.get_by_label(self.t("Value of condition {number}", number="1"), exact=True)
        expect(box).to_be_visible()
        box.fill(value)
        wait_for(lambda: f'"value": "{value}"' in self.draft())

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

    def move_clock(self, words: str) -> None:
        """Move the platform's clock in the settings."""
        self.page.goto(f"{self.home}/settings")
        self.loaded()
        before = self.page.locator("#clock").inner_text()
        self.page.get_by_role("button", name=self.t(words), exact=True).click()
        expect(self.page.locator("#clock")).not_to_have_text(before)

    def taken(self, enrollment: str) -> list[str]:
        """Return the steps of an enrollment with what became of them."""
        rows = self.recorded.all(
            "SELECT kind, state FROM enrollmentstep WHERE enrollment_id = ? ORDER BY id", enrollment
        )
        return [f"{kind} {state}" for kind, state in rows]


@pytest.fixture(params=["ru", "en"])
def builder(request: pytest.FixtureRequest, moving: Recorded, new_person: NewPerson) -> Builder:
    return Builder(new_person(request.param).new_page(), moving, request.param)


def build(builder: Builder, name: str) -> str:
    """Build a sequence of five steps of different kinds; publish it and switch it on."""
    page, address = builder.page, builder.create(name)
    builder.trigger("lead_created")
    builder.add("do:create_task", "1")
    page.get_by_role("button", name=builder.t("Publish")).click()
    task = builder.t("{words} of step {number}", words=builder.t("Task"), number="1")
    expect(page.get_by_label(task, exact=True)).to_be_focused()
    builder.fill("1", "Task", f"First {name}")
    builder.add("fork", "2")
    page.get_by_role("button", name=builder.t("Change: {what}", what=builder.t("If"))).last.click()
    builder.condition("lead.budget", "greater", "1000")
    where = builder.t("Add a step to “{branch}” of step {number}", branch=builder.t("Yes"), number="2A")
    builder.add("do:add_tag", "2A.1", where)
    builder.fill("2A.1", "Tag", f"rich{builder.language}")
    builder.add("do:write_note", "3")
    builder.wait_days("3", "2")
    builder.fill("3", "Text", f"Note {name}")
    builder.add("do:create_task", "4")
    builder.wait_days("4", "3")
    builder.fill("4", "Task", f"Last {name}")
    expect(page.locator(".step-line .problem")).to_have_count(0)
    page.get_by_role("button", name=builder.t("Publish")).click()
    expect(page.get_by_role("button", name=builder.t("Publish"))).to_be_disabled()
    switch = page.get_by_role("switch", name=builder.t("On"), exact=True)
    switch.click()
    expect(switch).to_be_checked()
    return address


def shown_steps(page: Page) -> list[str]:
    return page.locator("#history > li strong").all_inner_texts()


def test_built_in_the_console_it_keeps_its_appointments(builder: Builder) -> None:
    page, name = builder.page, f"Chain {builder.language}"
    address = build(builder, name)
    sequence_id = address.rsplit("/", 1)[-1]
    lead = builder.lead("5000")
    mine = "SELECT id FROM enrollment WHERE sequence_id = ? AND lead_id = ?"
    wait_for(lambda: builder.recorded.all(mine, sequence_id, lead))
    enrollment = builder.recorded.one(mine, sequence_id, lead)
    wait_for(lambda: len(builder.taken(enrollment)) >= 2)
    page.goto(f"{builder.home}/sequences/enrollments/{enrollment}")
    builder.loaded()
    expect(page.locator("#history > li")).to_have_count(len(builder.taken(enrollment)))

    page.get_by_role("button", name=builder.t("Pause"), exact=True).click()
    expect(page.get_by_role("button", name=builder.t("Resume"), exact=True)).to_be_visible()
    page.get_by_role("button", name=builder.t("Resume"), exact=True).click()
    expect(page.get_by_role("button", name=builder.t("Pause"), exact=True)).to_be_visible()
    builder.move_clock("A week on")
    wait_for(lambda: "write_note done" in builder.taken(enrollment))
    page.goto(f"{builder.home}/sequences/enrollments/{enrollment}")
    builder.loaded()
    page.get_by_role("button", name=builder.t("Skip the next step"), exact=True).click()
    wait_for(lambda: builder.taken(enrollment)[-1] == "create_task passed")
    expect(page.locator(".page-head").get_by_text(builder.t("Completed"), exact=True)).to_be_visible()
    expect(page.locator("#history > li")).to_have_count(len(builder.taken(enrollment)))
    page.goto(f"{builder.home}/sequences/{sequence_id}/numbers")
    builder.loaded()
    expect(page.get_by_role("cell", name="1", exact=True).first).to_be_visible()


def test_simulated_nothing_happens_and_whoever_replies_leaves(builder: Builder) -> None:
    page, name = builder.page, f"Quiet {builder.language}"
    address = builder.create(name)
    sequence_id = address.rsplit("/", 1)[-1]
    builder.trigger("message_received")
    builder.select(builder.t("Re-enrollment"), "never")  # or the reply that takes it out lets it in anew
    builder.add("do:write_note", "1")
    builder.wait_days("1", "2")
    builder.fill("1", "Text", f"Never {name}")
    page.get_by_role("button", name=builder.t("Simulate"), exact=True).click()
    calendar = page.locator("#simulation li")
    expect(calendar).to_have_count(1)
    page.get_by_label(builder.t("Replies after (days)"), exact=True).fill("1")
    page.get_by_role("button", name=builder.t("Simulate"), exact=True).click()
    expect(page.locator("#simulation")).to_contain_text(builder.t("Replied"))
    expect(calendar).to_have_count(0)
    page.get_by_role("button", name=builder.t("Publish")).click()
    switch = page.get_by_role("switch", name=builder.t("On"), exact=True)
    expect(page.get_by_role("button", name=builder.t("Publish"))).to_be_disabled()
    switch.click()
    expect(switch).to_be_checked()

    page.goto(f"{builder.home}/sequences/enrollments?sequence={sequence_id}&state=all")
    builder.loaded()
    page.get_by_role("button", name=builder.t("Enroll"), exact=True).click()
    page.get_by_role("group", name=builder.t("Search leads and contacts")).get_by_role("checkbox").first.click()
    expect(page.locator("#preview li")).to_have_count(1)
    page.get_by_role("button", name=builder.t("Enroll"), exact=True).last.click()
    expect(page.locator("tbody tr")).to_have_count(1)
    reply_leaves(builder, sequence_id)


def reply_leaves(builder: Builder, sequence_id: str) -> None:
    """Say two things in a new conversation: the first lets it in, the second takes it out."""
    page = builder.page
    page.goto(f"{builder.home}/test-chat?agent={builder.agent}")
    expect(page.get_by_role("textbox", name=builder.t("Message"), exact=True)).to_be_enabled()
    builder.run_rules()
    mine = "SELECT state, leaving FROM enrollment WHERE sequence_id = ? AND conversation_id IS NOT NULL"
    for count, text in enumerate(("First", "Second"), 1):
        field = page.get_by_role("textbox", name=builder.t("Message"), exact=True)
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value("")  # the server has it; until then nothing else is sent
        wanted = [("active", None)] if count == 1 else [("left", "replied")]
        wait_for(lambda wanted=wanted: builder.recorded.all(mine, sequence_id) == wanted, 90)

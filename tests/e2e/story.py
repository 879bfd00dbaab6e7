"""Story: an operator at the console, in one of the two languages."""

import re

from playwright.sync_api import Locator, Page, expect

from platform_app.i18n import lookup
from tests.e2e.conftest import Recorded, sign_in


class AtAgent:
    """A person who has signed in, chosen a language and made an agent."""

    def __init__(self, page: Page, recorded: Recorded, language: str) -> None:
        self.page, self.recorded, self.language = page, recorded, language
        self.home = f"{recorded.address}/manage/demo"
        sign_in(page, recorded.address, language=language, at="/agents")
        expect(page.locator("html")).to_have_attribute("lang", language)
        page.get_by_role("button", name=self.t("Create agent")).first.click()
        page.get_by_role("button", name=self.t("Blank agent")).click()
        page.wait_for_url(re.compile("/agents/[0-9a-f]{32}"))
        self.agent = page.url.rstrip("/").rsplit("/", 1)[-1].split("?")[0]

    def t(self, words: str, /, **values: str) -> str:
        """Return a sentence in the person's language."""
        return lookup(self.language, words).format(**values)

    def choose(self, label: str, option: str | re.Pattern[str]) -> None:
        """Choose from a list."""
        self.page.get_by_role("combobox", name=label, exact=True).click()
        self.page.get_by_role("option", name=option).first.click()

    def pick(self, label: str, code: str) -> None:
        """Choose from a searched list by the option's code."""
        button = self.page.get_by_role("button", name=label)
        button.click()
        sheet = self.page.locator(".picker").filter(has=button)
        sheet.locator(f'[data-option="{code}"]').click()

    def act_as(self, label: str, option: str | re.Pattern[str]) -> None:
        """Choose the contact, the lead or the stage in the test chat."""
        opener = self.page.locator(".acting > button")
        opener.click()
        field = self.page.locator(".acting .picker")
        field.get_by_role("button", name=re.compile(f"^{label} ")).click()
        field.get_by_role("option", name=option).first.click()
        self.page.keyboard.press("Escape")
        expect(opener).to_have_attribute("aria-expanded", "false")

    def run_rules(self) -> None:
        """Let rules and sequences run on the open test conversation."""
        self.page.locator(".acting > button").click()
        switch = self.page.get_by_role("switch", name=self.t("Run rules"))
        switch.click()
        expect(switch).to_be_checked()
        self.page.keyboard.press("Escape")
        expect(self.page.locator(".test-bar")).to_contain_text(self.t("Rules run"))

    def loaded(self) -> None:
        """Wait until the page stands: it has its heading, and nothing on it is loading."""
        expect(self.page.locator("h1").first).to_be_attached()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)


def drag(thing: Locator, place: Locator) -> None:
    """Drag a thing to a place as a hand does: over the place for a moment, then let it go."""
    thing.hover()
    thing.page.mouse.down()
    place.hover()
    place.hover()
    thing.page.mouse.up()


def toasts_gone(page: Page) -> None:
    """Wait until no toast is shown; a pointer that rests where they come would keep them there."""
    page.mouse.move(0, 0)
    expect(page.locator("[data-sonner-toast]")).to_have_count(0)


def connect_channel(page: Page, language: str, words: str, **values: str) -> Locator:
    """Choose a kind of channel to connect by its words; return the dialog."""
    page.get_by_role("button", name=lookup(language, "Connect a channel")).click()
    page.get_by_role("menuitem", name=lookup(language, words).format(**values)).click()
    return page.get_by_role("dialog")

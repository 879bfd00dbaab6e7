"""Members: an owner invites, a colleague joins by the link, changes roles and is out at once; in both languages."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.e2e.conftest import PASSWORD, NewPerson, Recorded, sign_in
from tests.e2e.story import toasts_gone
from tests.e2e.test_pages import choose_theme, faults, keep

pytestmark = pytest.mark.e2e


class Owner:
    """The owner of the demo at the members page, and the browsers of colleagues."""

    def __init__(self, page: Page, recorded: Recorded, language: str) -> None:
        self.page, self.recorded, self.language = page, recorded, language
        self.home = f"{recorded.address}/manage/demo"
        sign_in(page, recorded.address, language=language, at="/settings/members")
        expect(page.get_by_role("table").first).to_be_visible()

    def t(self, words: str, /, **values: str) -> str:
        """Return a sentence in the owner's language."""
        return lookup(self.language, words).format(**values)

    def look(self, name: str, page: Page | None = None) -> None:
        """Look at a page as it is, in two widths: nothing that axe knows is wrong, nothing is cut off."""
        page = page or self.page
        toasts_gone(page)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 900})
            place = f"members-{name}-{self.language}-{width}"
            keep(page, place)
            assert faults(page, place) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
        page.set_viewport_size({"width": 1440, "height": 900})

    def menu(self, name: str, item: str) -> None:
        """Choose from the menu of a row."""
        self.page.get_by_role("button", name=self.t("Actions for “{title}”", title=name)).click()
        self.page.get_by_role("menuitem", name=self.t(item)).click()

    def invite(self, email: str, role: str) -> str:
        """Invite a person and return the link that is shown."""
        self.page.get_by_role("button", name=self.t("Invite"), exact=True).click()
        dialog = self.page.get_by_role("dialog")
        dialog.locator("#email").fill("no address")
        dialog.locator("#role").select_option(role)
        self.look("form")
        dialog.get_by_role("button", name=self.t("Create link")).click()
        expect(dialog.get_by_role("alert")).to_have_text(self.t("This isn’t an email address."))
        dialog.locator("#email").fill(email)
        dialog.get_by_role("button", name=self.t("Create link")).click()
        box = self.page.locator("#shown-once")
        expect(box).to_have_value(re.compile("/invitation#"))
        self.look("link")
        link = box.input_value()
        self.page.get_by_role("button", name=self.t("Close")).click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)
        assert link not in self.page.content()
        return link


@pytest.fixture(params=["ru", "en"])
def owner(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Iterator[Owner]:
    yield Owner(new_person(request.param).new_page(), recorded, request.param)


def test_invited_joined_changed_and_disabled(owner: Owner, new_person: NewPerson) -> None:
    page, name, email = owner.page, f"Cleo {owner.language}", f"cleo.{owner.language}@colleagues.test"
    link = owner.invite(email, "viewer")
    row = page.get_by_role("row").filter(has_text=email)
    expect(row).to_contain_text(owner.t("Link created"))
    owner.look("invited")
    theirs = new_person(owner.language).new_page()
    theirs.goto(link)
    expect(theirs.get_by_role("heading")).to_have_text(owner.t("Join {tenant}", tenant="Old Port"))
    assert "#" not in theirs.url
    owner.look("invitation", theirs)
    theirs.fill("#name", name)
    theirs.fill("#password", PASSWORD)
    theirs.get_by_role("button", name=owner.t("Create account and join")).click()
    theirs.wait_for_url("**/manage/demo")
    expect(theirs.locator(".updates li").first).to_be_visible()
    member = page.get_by_role("row").filter(has_text=name)
    expect(member).not_to_contain_text(owner.t("No access"))  # without a reload
    member.get_by_role("combobox", name=owner.t("Role of {name}", name=name)).click()
    page.get_by_role("option", name=owner.t("Operator")).click()
    expect(page.get_by_text(owner.t("Role changed."))).to_be_visible()
    theirs.goto(f"{owner.home}/agents")
    expect(theirs.get_by_role("button", name=owner.t("Create agent")).first).to_be_visible()
    theirs.goto(owner.home)
    expect(theirs.locator(".updates li").first).to_be_visible()
    owner.menu(name, "Disable…")
    expect(page.get_by_role("alertdialog")).to_contain_text(name)
    owner.look("disable")
    page.get_by_role("alertdialog").get_by_role("button", name=owner.t("Disable")).click()
    expect(member).to_contain_text(owner.t("No access"))
    theirs.wait_for_url("**/sign-in**", timeout=10_000)  # without a click of theirs
    refuse_used(owner, link, new_person)
    choose_theme(page, owner.home, "dark")
    page.goto(f"{owner.home}/settings/members")
    expect(page.get_by_role("table").first).to_be_visible()
    owner.look("dark")
    owner.menu(name, "Remove…")
    page.get_by_role("alertdialog").get_by_role("button", name=owner.t("Remove member")).click()
    expect(member).to_have_count(0)
    say_hours(owner)


def say_hours(owner: Owner) -> None:
    """Say working hours in two periods of a day, first so that they overlap, with the keyboard alone."""
    page, monday = owner.page, owner.t("Monday")
    choose_theme(page, owner.home, "light")
    page.goto(f"{owner.home}/settings")
    page.get_by_role("switch", name=owner.t("Available at any time")).click()
    page.get_by_role("button", name=owner.t("Add a period on {day}", day=monday)).click()
    first, last = (page.get_by_label(f"{monday}, {number}, {owner.t('until')}") for number in "12")
    begins = page.get_by_label(f"{monday}, 2, {owner.t('from')}")
    expect(begins).to_be_focused()
    page.keyboard.type("later")
    page.keyboard.press("Tab")
    expect(page.get_by_role("alert")).to_have_text(owner.t("Enter a time, for example 09:30."))
    begins.fill("13.50")
    page.keyboard.press("ArrowDown")
    expect(begins).to_have_value("13:45")
    last.fill("6 pm")
    first.fill("14")
    save = page.get_by_role("button", name=owner.t("Save working hours"))
    save.click()
    expect(page.get_by_role("alert")).to_have_text(owner.t("This period overlaps with another one of the same day."))
    expect(begins).to_be_focused()
    owner.look("hours")
    first.fill("13")
    save.click()
    expect(page.get_by_text(owner.t("Working hours saved."))).to_be_visible()
    page.reload()
    expect(first).to_have_value("13:00")
    expect(last).to_have_value("18:00")
    page.get_by_role("switch", name=owner.t("Available at any time")).click()
    save.click()
    expect(page.get_by_text(owner.t("Working hours saved."))).to_be_visible()


def refuse_used(owner: Owner, link: str, new_person: NewPerson) -> None:
    """Open a link that was used, as a stranger; then one for somebody else, as the owner, who signs out."""
    stranger = new_person(owner.language).new_page()
    stranger.goto(link)
    expect(stranger.get_by_role("alert")).to_have_text(owner.t("This invitation has already been used."))
    owner.look("refused", stranger)
    email = f"dora.{owner.language}@colleagues.test"
    other = owner.invite(email, "operator")
    sign_in(stranger, owner.recorded.address, language=owner.language)
    stranger.goto(other)
    words = "This invitation is for {email}. You are signed in as {other}."
    expect(stranger.get_by_role("alert")).to_have_text(owner.t(words, email=email, other="demo@demo.example"))
    owner.look("other", stranger)
    stranger.get_by_role("button", name=owner.t("Sign out and continue")).click()
    expect(stranger.locator("#name")).to_be_visible()
    owner.menu(email, "Revoke…")
    owner.page.get_by_role("alertdialog").get_by_role("button", name=owner.t("Revoke")).click()
    expect(owner.page.get_by_role("row").filter(has_text=email)).to_have_count(0)

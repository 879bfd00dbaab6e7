"""Unsent text: it stays with its conversation and its field over a reload, a sign-out and a lost session."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from platform_app.i18n import lookup
from tests.e2e.conftest import PASSWORD, NewPerson, Recorded
from tests.e2e.story import AtAgent


def composer(at: AtAgent) -> Locator:
    return at.page.get_by_role("textbox", name=at.t("Message"), exact=True)


def sign_in_again(page: Page) -> None:
    page.fill("#email", "demo@demo.example")
    page.fill("#password", PASSWORD)
    page.locator("button[type=submit]").click()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_message_stays_with_its_conversation(language: str, recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person(language).new_page()
    at = AtAgent(page, recorded, language)
    page.goto(f"{at.home}/test-chat?agent={at.agent}")
    composer(at).fill("first")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"\?c="))
    first = page.url
    expect(composer(at)).to_have_value("")
    composer(at).fill("not sent yet")
    page.reload()
    expect(composer(at)).to_have_value("not sent yet")
    expect(page.get_by_text(at.t("Your unsent text was restored."))).to_be_visible()
    page.goto(f"{at.home}/test-chat?agent={at.agent}")
    expect(composer(at)).to_have_value("")
    composer(at).fill("for a new one")
    page.goto(first)
    expect(composer(at)).to_have_value("not sent yet")
    page.get_by_role("button", name=re.compile("Account menu|Меню профиля")).click()
    page.get_by_role("menuitem", name=at.t("Sign out")).click()
    page.wait_for_url("**/sign-in**")
    sign_in_again(page)
    page.wait_for_url("**/manage/**")
    page.goto(first)
    expect(composer(at)).to_have_value("not sent yet")
    composer(at).press("Enter")
    expect(composer(at)).to_have_value("")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("not sent yet")
    expect(composer(at)).to_have_value("")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_instructions_typed_just_before_a_reload_are_kept(
    language: str, recorded: Recorded, new_person: NewPerson
) -> None:
    page = new_person(language).new_page()
    at = AtAgent(page, recorded, language)
    address = f"{at.home}/agents/{at.agent}?tab=instructions"
    page.goto(address)
    page.locator("#instructions").press_sequentially("Be brief.")
    page.reload()
    expect(page.locator("#instructions")).to_have_value("Be brief.")
    page.goto(f"{at.home}/agents/{at.agent}?tab=instructions")
    expect(page.locator("#instructions")).to_have_value("Be brief.")


def test_a_lost_session_is_said_and_the_text_comes_back(recorded: Recorded, new_person: NewPerson) -> None:
    context = new_person("en")
    page = context.new_page()
    at = AtAgent(page, recorded, "en")
    page.goto(f"{at.home}/test-chat?agent={at.agent}")
    composer(at).fill("written for long")
    recorded.write("DELETE FROM session")
    composer(at).press("Enter")
    page.wait_for_url(re.compile(r"/sign-in/?\?next="))
    expect(page.get_by_text(lookup("en", "Your session has ended."), exact=False)).to_be_visible()
    sign_in_again(page)
    page.wait_for_url("**/test-chat**")
    expect(composer(at)).to_have_value("written for long")


def test_nobody_else_sees_it(recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    at = AtAgent(page, recorded, "en")
    page.goto(f"{at.home}/test-chat?agent={at.agent}")
    composer(at).fill("mine alone")
    kept = page.evaluate("Object.keys(localStorage).filter((name) => name.includes('talk:'))")
    assert len(kept) == 1 and "demo@demo.example" in kept[0]
    page.evaluate(
        "(name) => localStorage.setItem(name.replace('demo@demo', 'other@demo'), localStorage[name])", kept[0]
    )
    page.evaluate("(name) => localStorage.removeItem(name)", kept[0])
    page.reload()
    expect(composer(at)).to_have_value("")

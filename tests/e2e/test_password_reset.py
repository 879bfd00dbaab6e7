"""Password reset: an owner hands a link over, the colleague sets a password and signs in; in both languages."""

import re

import pytest
from playwright.sync_api import Page, expect

from platform_app.services.accounts.password_resets import INVALID_LINK
from tests.e2e.conftest import PASSWORD, NewPerson, Recorded
from tests.e2e.test_members import Owner

pytestmark = pytest.mark.e2e
NEW = "kolik plotu 9 modrych"


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_link_sets_a_password_once(recorded: Recorded, new_person: NewPerson, language: str) -> None:
    owner = Owner(new_person(language).new_page(), recorded, language)
    name, email = f"Rita {language}", f"rita.{language}@colleagues.test"
    joined = new_person(language).new_page()
    joined.goto(owner.invite(email, "operator"))
    joined.fill("#name", name)
    joined.fill("#password", PASSWORD)
    joined.get_by_role("button", name=owner.t("Create account and join")).click()
    expect(joined.locator(".updates li").first).to_be_visible()
    owner.menu(name, "Create a password reset link")
    box = owner.page.locator("#shown-once")
    expect(box).to_have_value(re.compile("/reset-password#"))
    owner.look("password-link")
    theirs = new_person(language).new_page()
    set_password(owner, theirs, box.input_value())
    joined.goto(f"{owner.home}/agents")
    joined.wait_for_url("**/sign-in**")  # every session has ended
    theirs.goto(box.input_value())
    theirs.reload()
    expect(theirs.get_by_role("alert")).to_have_text(owner.t(INVALID_LINK))
    owner.look("password-refused", theirs)
    theirs.get_by_role("link", name=owner.t("Request a new link")).click()
    theirs.wait_for_url("**/forgot-password")
    expect(theirs.get_by_role("heading")).to_have_text(owner.t("Forgot password"))
    owner.look("forgot", theirs)
    theirs.goto(f"{owner.recorded.address}/sign-in")
    owner.look("sign-in", theirs)
    theirs.fill("#email", email)
    theirs.fill("#password", NEW)
    theirs.locator("button[type=submit]").click()
    expect(theirs.locator(".updates li").first).to_be_visible()


def set_password(owner: Owner, page: Page, link: str) -> None:
    """Open the link and set a password, first one that is refused."""
    page.goto(link)
    expect(page.locator("#password")).to_be_visible()
    assert "#" not in page.url
    page.fill("#password", "password1")
    page.get_by_role("button", name=owner.t("Set password")).click()
    expect(page.get_by_role("alert")).to_be_visible()
    owner.look("password-new", page)
    page.fill("#password", NEW)
    page.get_by_role("button", name=owner.t("Set password")).click()
    expect(page.get_by_role("status")).to_have_text(owner.t("Password changed. You’ve been signed out everywhere."))
    owner.look("password-done", page)

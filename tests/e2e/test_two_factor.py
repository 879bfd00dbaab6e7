"""Two-factor: an owner sets it up, signs out, and signs in with a code and with a recovery code; in both languages."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from platform_app.services.accounts.two_factor import WRONG_CODE
from tests.e2e.conftest import PASSWORD, NewPerson, Recorded
from tests.e2e.test_pages import faults, keep

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_code_of_the_app_is_asked_for(recorded: Recorded, new_person: NewPerson, language: str) -> None:
    page, email = new_person(language).new_page(), f"two.factor.{language}@safe.example"
    home = register(page, recorded.address, email, f"Safe {language}")
    page.goto(f"{home}/settings/security")
    press(page, language, "Set up")
    key = page.locator("#shown-once")
    expect(key).to_have_value(re.compile("^[A-Z2-7]{32}$"))
    expect(page.locator("#two-factor-qr")).to_have_attribute("src", re.compile("^data:image/svg"))
    look(page, f"two-factor-{language}")
    app = pyotp.TOTP(key.input_value())
    turn_on(page, language, app.now())
    codes = page.locator("#recovery-codes")
    expect(codes).to_have_value(re.compile(r"^(?:\S+\n){9}\S+$"))
    look(page, f"recovery-codes-{language}")
    recovery = codes.input_value().split("\n")
    press(page, language, "I have saved the codes")
    expect(page.locator(".page").get_by_text(lookup(language, "Two-factor is on"))).to_be_visible()
    look(page, f"security-{language}")
    page.context.clear_cookies()
    enter_password(page, recorded.address, email)
    page.fill("#code", "12345 67")
    press(page, language, "Continue")
    expect(page.get_by_role("alert")).to_have_text(lookup(language, WRONG_CODE))
    look(page, f"code-{language}")
    page.fill("#code", next_code(app))
    press(page, language, "Continue")
    expect(page.locator(".page h1")).to_be_visible()
    page.context.clear_cookies()
    enter_password(page, recorded.address, email)
    page.fill("#code", recovery[3])
    press(page, language, "Continue")
    expect(page.get_by_role("heading")).to_have_text(lookup(language, "You used a recovery code"))
    expect(page.get_by_text("9")).to_be_visible()
    press(page, language, "Continue")
    expect(page.locator(".page h1")).to_be_visible()


def turn_on(page: Page, language: str, code: str) -> None:
    """Turn two-factor on with a code of the app, after a password that is wrong."""
    page.fill("#code", code)
    page.fill("#password", "wrong")
    press(page, language, "Turn on")
    expect(page.get_by_role("alert")).to_have_text(lookup(language, "Current password is incorrect."))
    expect(page.locator("#password")).to_be_focused()
    page.fill("#password", PASSWORD)
    press(page, language, "Turn on")


def register(page: Page, address: str, email: str, tenant: str) -> str:
    """Register an owner with a tenant; return the address of its dashboard."""
    page.goto(f"{address}/register")
    for name, value in {"tenant": tenant, "name": "Ann", "email": email, "password": PASSWORD}.items():
        page.fill(f"#{name}", value)
    page.locator("button[type=submit]").click()
    page.wait_for_url("**/manage/*")
    return page.url.rstrip("/")


def enter_password(page: Page, address: str, email: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page.locator("#code")).to_be_focused()


def next_code(app: pyotp.TOTP) -> str:
    """Return the code after the one that was used to set the app up; clocks may differ by so much."""
    return app.at(int(time.time()) + app.interval)


def look(page: Page, place: str) -> None:
    """Look at a page as it is, in two widths: nothing that axe knows is wrong, nothing is cut off."""
    for width in (390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        keep(page, f"{place}-{width}")
        assert faults(page, place) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place


def press(page: Page, language: str, name: str) -> None:
    page.get_by_role("button", name=lookup(language, name), exact=True).click()

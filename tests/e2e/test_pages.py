"""Pages: every page in both themes, both languages and two widths has no fault that axe knows."""

import json
import os
from pathlib import Path

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import PASSWORD, NewPerson

pytestmark = pytest.mark.e2e

PAGES = ("", "/test-chat", "/agents", "/knowledge", "/jobs", "/settings")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PICTURES = os.environ.get("PLATFORM_PICTURES", "")  # a folder: pictures of the pages are put there


def sign_in(context: BrowserContext, platform: str) -> Page:
    """Sign in to the demo."""
    page = context.new_page()
    page.goto(f"{platform}/sign-in")
    page.fill("#email", "demo@demo.example")
    page.fill("#password", PASSWORD)
    page.locator("button[type=submit]").click()
    expect(page.locator(".updates li").first).to_be_visible()
    return page


def faults(page: Page, place: str) -> list[str]:
    """Return what axe finds, in a line each."""
    found = Axe().run(page, options=RULES)["violations"]
    return [f"{place}: {one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}" for one in found]


def show(page: Page, theme: str, width: int) -> None:
    """Set theme and width."""
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_has_a_fault(language: str, platform: str, new_person: NewPerson) -> None:
    page = sign_in(new_person(language), platform)
    page.get_by_role("button", name="Your menu").click()
    page.get_by_role("menuitem", name={"ru": "Русский", "en": "English"}[language]).click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    found: list[str] = []
    for theme in ("light", "dark"):
        for width in (1440, 390):
            show(page, theme, width)
            for path in PAGES:
                page.goto(f"{platform}/manage/demo{path}")
                expect(page.locator("h1").first).to_be_attached()
                expect(page.locator("[aria-busy=true]")).to_have_count(0)
                found += faults(page, f"{path or '/'} {theme} {width}")
                if PICTURES:
                    name = f"{path.strip('/') or 'dashboard'}-{theme}-{language}-{width}.png"
                    page.screenshot(path=str(Path(PICTURES) / name))
    page.get_by_role("button", name={"ru": "Навигация", "en": "Navigation"}[language]).click()
    assert found == []


def test_no_page_before_the_sign_in_has_a_fault(platform: str, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    found: list[str] = []
    for path in ("/sign-in", "/register"):
        page.goto(f"{platform}{path}")
        expect(page.locator("#email")).to_be_visible()
        found += faults(page, path)
    assert found == []

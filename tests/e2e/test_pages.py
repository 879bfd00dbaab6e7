"""Pages: every page in both themes, both languages and two widths has no fault that axe knows.

By default in combinations of theme, language and width that hold every pair of their values; all with `make test-full`.
"""

import json
import os
import re
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from platform_app.i18n import lookup
from tests.conftest import FULL
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.pairwise import covering

pytestmark = pytest.mark.e2e

PAGES = ("", "/test-chat", "/contacts", "/contacts/import", "/leads", "/agents", "/rules", "/rules/runs", "/events")
PAGES += ("/inbox", "/tasks", "/knowledge", "/jobs", "/webhooks", "/settings", "/sequences", "/sequences/calendar")
MORE = {
    "agent-new": "/agents/new",
    "settings-crm": "/settings/crm",
    "settings-mail": "/settings/mail",
    "settings-channels": "/settings/channels",
    "settings-tools": "/settings/tools",
    "settings-tool-new": "/settings/tools/new",
    "settings-mcp-new": "/settings/tools/mcp/new",
    "settings-budgets": "/settings/budgets",
    "settings-audit": "/settings/audit",
    "settings-data": "/settings/data",
    "settings-providers": "/settings/providers",
    "search-settings": "/knowledge/search",
    "settings-provider-new": "/settings/providers/new",
    "leads-list": "/leads?view=list",
}
MORE |= {
    "enrollments": "/sequences/enrollments",
    "settings-members": "/settings/members",
    "settings-notifications": "/settings/notifications",
    "settings-security": "/settings/security",
}
MORE |= {"settings-bin": "/settings/bin", "integrations": "/integrations", "settings-api-keys": "/settings/api-keys"}
MORE |= {"knowledge-questions": "/knowledge/questions", "knowledge-site-new": "/knowledge/sites/new"}
MORE |= {"agents-shadow": "/agents/shadow"}
MORE |= {"analytics": "/analytics", "analytics-dates": "/analytics?from=2026-01-01&to=2026-02-01&by=member"}
MORE |= {"webhooks-outgoing": "/webhooks?tab=outgoing", "webhooks-sent": "/webhooks?tab=sent"}
# What passes is counted and not described: to describe it takes longer than to look.
RULES: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
RULES |= {"resultTypes": ["violations"], "preload": False}
# Contrast takes most of the time; the words of another language have the same colors.
RULES_BUT_COLORS = RULES | {"rules": {"color-contrast": {"enabled": FULL}}}
# Opens a page without loading the console anew; the heading of the page before is marked.
NAVIGATE = """path => {
    document.querySelectorAll("h1").forEach(heading => heading.setAttribute("data-left", ""));
    return window.__reactRouterDataRouter.navigate(path);
}"""
MEASURES = (Path(__file__).parent / "measures.js").read_text()
PSEUDO = (Path(__file__).parent / "pseudo.js").read_text()
PICTURES = os.environ.get("PLATFORM_PICTURES", "")  # a folder: pictures of the pages are put there


def signed_in(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    sign_in(page, address)
    return page


STILL = """() => Promise.all(document.getAnimations()
    .filter(one => one.effect.getComputedTiming().iterations !== Infinity)
    .map(one => one.finished.catch(() => null)))"""


def faults(page: Page, place: str) -> list[str]:
    """Return what axe finds, in a line each, once nothing fades in or out."""
    page.evaluate(STILL)
    options = RULES_BUT_COLORS if "-ru-" in place else RULES
    found = Axe().run(page, options=options).response["violations"]
    return [f"{place}: {one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}" for one in found]


SHOW_THEME = """theme => {
    document.documentElement.classList.remove("light", "dark");
    document.documentElement.classList.add(theme);
    document.documentElement.style.colorScheme = theme;
    return new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
THEMES = {"light": re.compile("Light|Светлая"), "dark": re.compile("Dark|Тёмная")}
MENU = re.compile("Account menu|Меню профиля")
LOOKS = list((product if FULL else covering)(("en", "ru"), tuple(THEMES), (1440, 390)))


def choose_theme(page: Page, home: str, theme: str) -> None:
    """Choose a theme in the person's menu."""
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(home)
    page.get_by_role("button", name=MENU).click()
    page.get_by_role("menuitem", name=THEMES[theme]).click()
    expect(page.locator("html")).to_have_class(re.compile(theme))
    expect(page.get_by_role("menu")).to_have_count(0)


def keep(page: Page, name: str) -> None:
    """Take a picture, where pictures are wanted."""
    if PICTURES:
        page.evaluate(STILL)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def let_rules_run(page: Page, home: str, language: str) -> None:
    """Create a lead, at which a rule of the demo looks, and wait until that is in the log."""
    page.goto(f"{home}/leads")
    page.get_by_role("button", name=lookup(language, "Create lead")).click()
    page.wait_for_url(re.compile("/leads/[0-9a-f]{32}"))
    page.goto(f"{home}/rules/runs")
    expect(page.locator("table tbody a").first).to_be_visible()


def addresses(page: Page, home: str) -> dict[str, str]:
    """Return the pages to look at by their names, those of one agent, source and conversation among them."""
    found = {path.strip("/").replace("/", "-") or "dashboard": home + path for path in PAGES}
    found |= {name: home + path for name, path in MORE.items()}
    for name, path, link in (
        ("agent", "/agents", "table a:has-text('Bicycle')"),  # other tests leave agents behind
        ("source", "/knowledge", "table a:has-text('Warranty')"),
        ("contact", "/contacts", "table a:has-text('Lucy Hart')"),
        ("lead", "/leads", ".lead-card a:has-text('made to order')"),
        ("rule", "/rules", "table a:has-text('large')"),
        ("event", "/events", "table a"),
        ("run", "/rules/runs", "table tbody a"),
        ("sequence", "/sequences", "table tbody tr:first-child a"),
        ("enrollment", "/sequences/enrollments", "table tbody a"),
        ("talk", "/test-chat", "a.conversation"),
    ):
        page.goto(home + path)
        found[name] = page.evaluate("link => link.href", page.locator(link).first.element_handle())
    found["agent-pipelines"] = found["agent"].split("?")[0] + "?tab=pipelines"
    found["numbers"] = found["sequence"] + "/numbers"
    found["scripts"] = found["agent"].split("?")[0] + "/scripts"
    page.goto(found["scripts"])
    for name, link in (("script", "table a"), ("guided", "table a:has-text('Test ride')")):
        found[name] = page.evaluate("link => link.href", page.locator(link).first.element_handle())
    return {name: address for name, address in found.items() if name != "talk"} | {"talk": found["talk"]}


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """The platform that the tests of every page share; for pictures one with the offline model."""
    if PICTURES:
        return str(request.getfixturevalue("platform"))
    recorded: Recorded = request.getfixturevalue("recorded")
    return recorded.address


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_page_has_a_fault(language: str, address: str, new_person: NewPerson) -> None:
    page = signed_in(new_person(language), address)
    page.get_by_role("button", name=MENU).click()
    page.get_by_role("menuitem", name={"ru": "Русский", "en": "English"}[language]).click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    found: list[str] = []
    let_rules_run(page, f"{address}/manage/demo", language)
    places = addresses(page, f"{address}/manage/demo")
    looks = [(theme, width) for spoken, theme, width in LOOKS if spoken == language]
    for name, target in places.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        go_to(page, address, target)
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        for theme, width in looks:
            look(page, theme, width)
            place = f"{name}-{theme}-{language}-{width}"
            keep(page, place)
            found += faults(page, place)
            found += [f"{place}: {line}" for line in page.evaluate(MEASURES)]  # sizes off the scale
            if name == "rule":
                found += faults_of_list(page, place)
            if name == "sequence":
                found += faults_of_step(page, place, language)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
            if name == "talk":
                found += faults_of_trace(page, f"trace-{theme}-{language}-{width}", language)
        found += reflowed(page, name)
    page.set_viewport_size({"width": 390, "height": 900})
    page.get_by_role("button", name={"ru": "Навигация", "en": "Navigation"}[language]).click()
    found += faults(page, "navigation")
    assert "\n".join(found) == ""


def go_to(page: Page, address: str, target: str) -> None:
    """Open a page of the console; the same page with another query is loaded anew, as its texts were changed."""
    if page.url.split("?")[0] == target.split("?")[0]:
        page.goto(target)
    else:
        page.evaluate(NAVIGATE, target.removeprefix(address))
        page.wait_for_url(target)
    expect(page.locator("h1:not([data-left])").first).to_be_attached()


def reflowed(page: Page, name: str) -> list[str]:
    """Return what does not fit at four times the size (320 px), and, on a desk, with texts 40 per cent longer."""
    page.set_viewport_size({"width": 320, "height": 900})
    with suppress(PlaywrightTimeout):  # charts are drawn anew
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=2_000)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
    cut = page.evaluate(PSEUDO)
    return [f"{name}: {wide} px too wide at 320"] * (wide > 0) + [f"{name}: {line}" for line in cut]


def look(page: Page, theme: str, width: int) -> None:
    """Show the open page in a theme and a width, as the console does when the person chooses the theme."""
    page.mouse.move(0, 0)  # over nothing that a pointer changes
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(SHOW_THEME, theme)


def faults_of_trace(page: Page, place: str, language: str) -> list[str]:
    """Open the trace of a reply, take its picture, and return what axe finds."""
    page.get_by_role("button", name=lookup(language, "Why this reply?")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text(lookup(language, "Retrieved passages"))
    keep(page, place)
    found = faults(page, place)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    return found


def faults_of_list(page: Page, place: str) -> list[str]:
    """Open the list of actions of a rule, take its picture, and return what axe finds."""
    page.locator(".picker-button").last.click()
    expect(page.locator(".picker-option").first).to_be_visible()
    keep(page, f"actions-{place}")
    found = faults(page, f"actions {place}")
    page.keyboard.press("Escape")
    return found


def faults_of_step(page: Page, place: str, language: str) -> list[str]:
    """Simulate a sequence, open its first step, take a picture of each, and return what axe finds."""
    page.get_by_role("button", name=lookup(language, "Simulate"), exact=True).click()
    expect(page.locator("#simulation li").first).to_be_visible()
    page.locator("#simulation").scroll_into_view_if_needed()
    keep(page, f"simulation-{place}")
    page.locator(".sequence-step .card-title").first.click()
    expect(page.locator(".sequence-open")).to_be_visible()
    page.locator(".sequence-open").scroll_into_view_if_needed()
    keep(page, f"step-{place}")
    found = faults(page, f"step {place}")
    page.locator(".sequence-step .card-title").first.click()
    expect(page.locator(".sequence-open")).to_have_count(0)
    return found


def test_no_page_before_the_sign_in_has_a_fault(address: str, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    found: list[str] = []
    for path in ("/sign-in", "/register"):
        page.goto(f"{address}{path}")
        expect(page.locator("button[type=submit]")).to_be_enabled()  # until then it has colors of both
        found += faults(page, path)
    assert "\n".join(found) == ""


def test_theme_and_language_come_along_to_another_browser(address: str, new_person: NewPerson) -> None:
    page = signed_in(new_person("en"), address)
    choose_theme(page, f"{address}/manage/demo", "dark")
    page.get_by_role("button", name=MENU).click()
    page.get_by_role("menuitem", name="Русский").click()
    expect(page.get_by_role("heading", name="Обзор")).to_be_visible()
    elsewhere = new_person("en").new_page()
    sign_in(elsewhere, address, language="ru")
    expect(elsewhere.get_by_role("heading", name="Обзор")).to_be_visible()
    expect(elsewhere.locator("html")).to_have_class(re.compile("dark"))
    choose_theme(elsewhere, f"{address}/manage/demo", "light")
    elsewhere.get_by_role("button", name=MENU).click()
    elsewhere.get_by_role("menuitem", name="English").click()
    expect(elsewhere.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_a_source_is_handed_back_as_a_file(address: str, new_person: NewPerson) -> None:
    page = signed_in(new_person("en"), address)
    page.goto(f"{address}/manage/demo/knowledge")
    page.locator("table a:has-text('Warranty')").first.click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the file").click()
    assert Path(download.value.path()).read_text().startswith("# Warranty")

"""First look: what a person sees before a page stands, when it is not there, and while the server is not reached."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import NewPerson, Recorded, sign_in

pytestmark = pytest.mark.e2e
UNKNOWN = "0" * 32
PAINTED = """
window.painted = new Set();
const look = () => {
  const root = document.querySelector(".radix-themes");
  if (root) window.painted.add(getComputedStyle(root).backgroundColor);
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
LOADED = """() => {
  const bytes = (end) => performance.getEntriesByType("resource")
    .filter((one) => one.name.endsWith(end)).reduce((sum, one) => sum + one.encodedBodySize, 0);
  return {js: bytes(".js"), css: bytes(".css")};
}"""
# What takes a press beside itself: the box of a switch, or of its label, that is wider than what it shows.
WIDE = """() => [...document.querySelectorAll("[role=switch], [role=checkbox], [type=checkbox]")].flatMap((one) => {
  const wide = one.getBoundingClientRect().width > 48 ? [one.outerHTML.slice(0, 120)] : [];
  for (const label of one.labels ?? []) {
    const shown = document.createRange();
    shown.selectNodeContents(label);
    const free = label.getBoundingClientRect().width - shown.getBoundingClientRect().width;
    if (free > 16) wide.push(`${free} free in the label ${label.textContent}`);
  }
  return wide;
})"""


@pytest.fixture
def russian(browser: Browser) -> Iterator[BrowserContext]:
    """A browser in Russian whose system is dark; errors of its console are its own affair."""
    context = browser.new_context(locale="ru-RU", color_scheme="dark", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    yield context
    context.close()


def standing(page: Page) -> None:
    expect(page.locator("h1").first).to_be_attached()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def test_a_dark_page_is_dark_from_its_first_frame(recorded: Recorded, russian: BrowserContext) -> None:
    russian.add_init_script(PAINTED)
    page = russian.new_page()
    for _ in range(3):
        page.goto(f"{recorded.address}/sign-in")
        expect(page.locator("button[type=submit]")).to_be_enabled()
        page.wait_for_function("() => document.documentElement.lang === 'ru'")
        assert page.evaluate("[...window.painted]") == ["rgb(17, 17, 19)"]
    expect(page.locator("html")).to_have_class(re.compile("dark"))


def test_a_page_loads_what_it_shows(recorded: Recorded, new_person: NewPerson) -> None:
    """Without that, Reflex bundles all of the theme into every page, and its sheet has every component."""
    page = new_person("en").new_page()
    sign_in(page, recorded.address, at="/rules")
    loaded = page.evaluate(LOADED)
    assert 0 < loaded["js"] < 290_000 and 0 < loaded["css"] < 75_000, loaded
    assert page.evaluate("Object.keys(window.__reflex ?? {}).includes('@radix-ui/themes')") is False


def test_the_outline_of_the_frame_is_there_before_the_scripts(recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    sign_in(page, recorded.address)
    page.route("**/assets/*.js", lambda route: None)  # never answered
    page.goto(f"{recorded.address}/manage/demo/contacts", wait_until="commit")
    root = page.locator(".radix-themes")
    expect(root).to_be_empty()
    expect(root).to_have_css("background-image", re.compile("svg"))
    page.unroute("**/assets/*.js")
    page.goto(f"{recorded.address}/manage/demo/contacts")
    expect(page.locator("tbody tr").first).to_be_visible()
    expect(root).to_have_css("background-image", "none")


def test_a_lost_connection_is_said_in_the_person_s_language(recorded: Recorded, russian: BrowserContext) -> None:
    page = russian.new_page()
    page.goto(f"{recorded.address}/sign-in")
    expect(page.locator("button[type=submit]")).to_be_enabled()
    page.fill("#email", "half typed")
    russian.set_offline(True)
    expect(page.locator(".connection-notice")).to_contain_text("Нет связи с сервером")
    assert "websocket" not in page.locator("body").inner_text().lower()
    russian.set_offline(False)
    expect(page.locator(".connection-notice")).to_have_count(0)
    expect(page.locator("#email")).to_have_value("half typed")


def test_what_is_not_there_is_said_inside_the_frame(recorded: Recorded, russian: BrowserContext) -> None:
    page = russian.new_page()
    page.goto(f"{recorded.address}/no/such/page")
    expect(page.get_by_role("heading", name="Не найдено")).to_be_visible()
    sign_in(page, recorded.address, at="/settings")
    page.get_by_role("button", name=re.compile("Account menu|Меню профиля")).click()
    page.get_by_role("menuitem", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    for path in ("/leads/" + UNKNOWN, "/agents/%D1%8F", "/no/such/page", "/rules/runs/..."):
        page.goto(f"{recorded.address}/manage/demo{path}")
        expect(page.get_by_role("heading", name="Не найдено")).to_be_visible()
        expect(page.locator("aside.sidebar")).to_be_visible()
        expect(page.locator("[data-sonner-toast]")).to_have_count(0)
    page.get_by_role("main").get_by_role("link", name="Обзор").click()
    expect(page.get_by_role("heading", name="Обзор")).to_be_visible()


def test_a_collapsed_sidebar_shows_icons_alone(recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    sign_in(page, recorded.address)
    words = page.locator(".sidebar .word:visible")
    expect(words.first).to_be_visible()
    page.get_by_role("button", name="Collapse sidebar").click()
    expect(words).to_have_count(0)
    expect(page.get_by_role("link", name="Contacts", exact=True)).to_be_visible()
    page.get_by_role("button", name="Expand sidebar").click()
    expect(words.first).to_be_visible()


def test_a_press_beside_a_switch_changes_nothing(recorded: Recorded, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    sign_in(page, recorded.address)
    home = f"{recorded.address}/manage/demo"
    found: list[str] = []
    opened = {path: page_of(page, home, path, link) for path, link in (("/agents", "Bicycle"), ("/rules", "large"))}
    shown = [opened["/agents"], f"{opened['/agents'].split('?')[0]}?tab=pipelines", opened["/rules"]]
    for address in (*shown, f"{home}/webhooks", f"{home}/sequences/enrollments", f"{home}/test-chat"):
        page.goto(address)
        standing(page)
        found += [f"{address}: {one}" for one in page.evaluate(WIDE)]
    assert found == []


def page_of(page: Page, home: str, path: str, link: str) -> str:
    """Return the address of a row of a list."""
    page.goto(home + path)
    address: str = page.evaluate("one => one.href", page.locator(f"table a:has-text('{link}')").first.element_handle())
    return address

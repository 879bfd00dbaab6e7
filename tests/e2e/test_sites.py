"""Sites: a web address is added and read, a reply cites its page, and the answer changes when the page does."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.documents import pdf
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.fake_provider import Answer, says
from tests.fakes.site import Site

pytestmark = pytest.mark.e2e
TITLES = {"en": "Gondola rides", "ru": "Поездки на гондоле"}
TEXTS = {"en": "A ride in the gondola costs {price} rubles.", "ru": "Поездка на гондоле стоит {price} рублей."}
QUESTIONS = {"en": "How much is a ride in the gondola?", "ru": "Сколько стоит поездка на гондоле?"}


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as made:
        made.put("/terms.pdf", pdf("Life jackets are given out at the pier."), content_type="application/pdf")
        yield made


def set_price(site: Site, language: str, price: int) -> None:
    site.page("/", TITLES[language], TEXTS[language].format(price=price), "/terms.pdf")


async def reads_the_price(answer: Answer) -> None:
    """Reply with the price that the prompt holds, if it holds one."""
    prompt = " ".join(str(message["content"]) for message in answer.asked.body["messages"])
    prices = re.findall(r"(?:costs|стоит) (\d{4}) ", prompt)
    await says(f"{prices[0]} [1]." if prices else "I don’t know.")(answer)


def ask(page: Page, recorded: Recorded, language: str, price: int) -> None:
    """Ask in a new test conversation: the reply has the price and cites the page of the site."""
    agent = recorded.one("SELECT id FROM agent WHERE is_demo AND deleted_at IS NULL")  # other stories leave agents
    page.goto(f"{recorded.address}/manage/demo/test-chat?agent={agent}")
    page.get_by_role("textbox", name=lookup(language, "Message"), exact=True).fill(QUESTIONS[language])
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=lookup(language, "Why this reply?"))).to_be_visible()
    expect(page.get_by_role("log")).to_contain_text(str(price))
    expect(page.locator(".chip").filter(has_text=TITLES[language])).to_be_visible()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_site_is_read_cited_and_read_again(
    language: str, recorded: Recorded, new_person: NewPerson, site: Site
) -> None:
    def t(words: str) -> str:
        return lookup(language, words)

    def wait_until_indexed() -> None:
        states = "SELECT state FROM source WHERE address LIKE ? AND deleted_at IS NULL"
        wait_for(lambda: recorded.all(states, f"{site.address}/%") == [("ready",)] * 2, 60)

    recorded.provider.will(reads_the_price)
    set_price(site, language, 4711)
    page, home = new_person(language).new_page(), f"{recorded.address}/manage/demo"
    sign_in(page, recorded.address, language=language)
    page.goto(f"{home}/knowledge")
    page.get_by_role("link", name=t("Add a web address")).click()
    page.locator("#address").fill(f"{site.address}/")
    page.locator("#scope").select_option("site")
    page.get_by_role("button", name=t("Add and read")).click()
    page.wait_for_url(re.compile("/knowledge/sites/[0-9a-f]{32}"))
    address = page.url
    expect(page.get_by_role("rowheader", name="terms.pdf")).to_be_visible(timeout=60_000)
    wait_until_indexed()
    ask(page, recorded, language, 4711)

    set_price(site, language, 5000)
    page.goto(address)
    page.get_by_role("button", name=t("Read now")).click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=TITLES[language]))
    expect(row).to_contain_text(t("Changed|page"), timeout=60_000)
    wait_until_indexed()
    ask(page, recorded, language, 5000)

    page.goto(address)
    page.get_by_role("button", name=t("Delete"), exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name=t("Delete"), exact=True).click()
    page.wait_for_url(re.compile("/knowledge$"))

"""Main story: from registration to a reply with its source, in both languages."""

import re
from pathlib import Path

import pytest
from docx import Document
from playwright.sync_api import Page, expect
from reportlab.pdfgen.canvas import Canvas

from platform_app.i18n import lookup, plural
from tests.e2e.conftest import PASSWORD, NewPerson

pytestmark = pytest.mark.e2e

DOCUMENTS = {
    "en": {
        "Parking.md": "# Parking\n\nGuests park in the yard behind the mill. The gate code is 4711 and changes in May.",
        "Breakfast.docx": "Breakfast is served from seven to ten in the winter garden, on Sundays until eleven.",
    },
    "ru": {
        "Парковка.md": "# Парковка\n\nГости ставят машины во дворе за мельницей. Код ворот 4711, он меняется в мае.",
        "Завтрак.docx": "Завтрак подают с семи до десяти в зимнем саду, по воскресеньям до одиннадцати.",
    },
}
QUESTIONS = {"en": ("What is the gate code for parking?", "4711"), "ru": ("Какой код ворот на парковке?", "4711")}
PDF_TEXT = "The sauna opens at noon. Towels lie at the reception desk of the bath house."


def files(language: str, folder: Path) -> list[Path]:
    """Write a PDF, a DOCX and a Markdown file."""
    made = []
    for name, text in DOCUMENTS[language].items():
        path = folder / name
        if path.suffix == ".docx":
            document = Document()
            document.add_paragraph(text)
            document.save(str(path))
        else:
            path.write_text(text)
        made.append(path)
    pdf = folder / "Sauna.pdf"
    canvas = Canvas(str(pdf))
    canvas.drawString(72, 720, PDF_TEXT)
    canvas.save()
    return [*made, pdf]


def register(page: Page, address: str, language: str) -> None:
    """Register a new tenant and come to its dashboard."""
    page.goto(f"{address}/register")
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.fill("#tenant", f"Mill {language} {page.evaluate('crypto.randomUUID()')}")
    page.fill("#name", "Vera")
    page.fill("#email", f"{page.evaluate('crypto.randomUUID()')}@mill.example")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name=lookup(language, "Sign up")).click()
    page.wait_for_url(re.compile(r"/manage/mill-[\w-]+"))
    expect(page.get_by_role("heading", name=lookup(language, "Dashboard"))).to_be_visible()


def make_agent(page: Page, tenant: str, language: str) -> None:
    """Create an agent and give it a name."""
    page.goto(f"{tenant}/agents")
    page.get_by_role("button", name=lookup(language, "Create agent")).first.click()
    page.get_by_role("button", name=lookup(language, "Blank agent")).click()
    page.wait_for_url(re.compile(r"/agents/[0-9a-f]{32}"))
    page.locator("#name").fill("Portier")
    expect(page.get_by_role("heading", level=1)).to_have_text("Portier")


def upload(page: Page, tenant: str, language: str, folder: Path) -> None:
    """Upload three documents and wait until all are indexed."""
    page.goto(f"{tenant}/knowledge")
    page.locator("#files").set_input_files(files(language, folder))
    for title in ("Sauna", *(Path(name).stem for name in DOCUMENTS[language])):
        row = page.get_by_role("row").filter(has_text=title)
        expect(row.get_by_text(lookup(language, "Ready"), exact=True)).to_be_visible(timeout=60_000)


def ask(page: Page, language: str) -> None:
    """Ask the agent in the test chat."""
    page.get_by_role("textbox", name=lookup(language, "Message"), exact=True).fill(QUESTIONS[language][0])
    page.keyboard.press("Enter")


def open_source(page: Page, language: str) -> None:
    """Wait for the reply with its source, and open the passage."""
    answer = QUESTIONS[language][1]
    chip = page.locator(".chip").filter(has_text=Path(next(iter(DOCUMENTS[language]))).stem)
    expect(chip).to_be_visible(timeout=30_000)
    expect(page.get_by_role("log")).to_contain_text(answer)
    chip.click()
    expect(page.get_by_role("dialog")).to_contain_text(answer)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("language", ["ru", "en"])
def test_from_registration_to_the_source_of_a_reply(
    language: str, platform: str, new_person: NewPerson, tmp_path: Path
) -> None:
    person = new_person(language)
    page = person.new_page()
    register(page, platform, language)
    tenant = page.url.rstrip("/")
    make_agent(page, tenant, language)
    upload(page, tenant, language, tmp_path)
    page.goto(f"{tenant}/test-chat")
    ask(page, language)
    open_source(page, language)
    page.reload()
    expect(page.get_by_role("log")).to_contain_text(QUESTIONS[language][1])
    page.get_by_role("button", name=lookup(language, "Why this reply?")).click()
    expect(page.get_by_role("dialog")).to_contain_text(lookup(language, "Retrieved passages"))
    page.keyboard.press("Escape")

    second, dashboard = person.new_page(), person.new_page()
    second.goto(page.url)
    expect(second.locator("article.message")).to_have_count(2)
    dashboard.goto(tenant)
    updates = dashboard.locator(".updates li")
    expect(updates.first).to_contain_text("Portier")
    ask(page, language)
    expect(page.locator("article.message")).to_have_count(4, timeout=30_000)
    expect(second.locator("article.message")).to_have_count(4, timeout=4_000)
    reply = lookup(language, "“{agent}” replied in “{title}”").format(agent="Portier", title=QUESTIONS[language][0])
    twice = plural(language, "{count} time", "{count} times", 2)
    expect(updates.filter(has_text=reply)).to_contain_text(twice, timeout=4_000)
    words = dashboard.locator(".update-line").all_text_contents()  # those about the same conversation are folded
    started = lookup(language, "Conversation with “{agent}” started").format(agent="Portier")
    indexed = lookup(language, "Source “{title}” indexed").format(title="Sauna")
    created = lookup(language, "Agent “{name}” created").split("{name}")[0]
    order = [next(i for i, text in enumerate(words) if part in text) for part in (reply, started, indexed, created)]
    assert order == sorted(order)


def test_the_demo_signs_in_and_another_tenants_address_is_not_found(platform: str, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    page.goto(f"{platform}/sign-in")
    page.fill("#email", "demo@demo.example")
    page.fill("#password", "wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Incorrect email or password.")
    page.fill("#email", "demo@demo.example")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/manage/demo"))
    expect(page.locator(".updates li").first).to_be_visible()
    page.goto(f"{platform}/manage/nobody")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()

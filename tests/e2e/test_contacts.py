"""Contacts and leads: written, imported, merged, moved over the board, in both languages."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from platform_app.i18n import lookup
from tests.conftest import wait_for
from tests.e2e.conftest import NewPerson, Recorded, sign_in
from tests.e2e.story import drag
from tests.e2e.test_pages import faults, keep

pytestmark = pytest.mark.e2e


class Desk:
    """A person at the contacts and leads of the demo."""

    def __init__(self, page: Page, recorded: Recorded, language: str) -> None:
        self.page, self.recorded, self.language = page, recorded, language
        self.home = f"{recorded.address}/manage/demo"
        sign_in(page, recorded.address, language=language, at="/contacts")
        expect(page.locator("html")).to_have_attribute("lang", language)

    def t(self, words: str, **values: object) -> str:
        return lookup(self.language, words).format(**values)

    def open(self, path: str) -> None:
        self.page.goto(self.home + path)
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    def delete(self, name: str) -> None:
        """Delete a row of the list by its menu."""
        self.page.get_by_role("button", name=self.t("Actions for “{title}”", title=name)).click()
        self.page.get_by_role("menuitem", name=self.t("Delete")).click()

    def create_contact(self, name: str, phone: str = "") -> None:
        self.open("/contacts")
        self.page.get_by_role("button", name=self.t("Create contact")).click()
        self.page.wait_for_url(re.compile("/contacts/[0-9a-f]{32}"))
        self.page.locator("#name").fill(name)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(name)
        if phone:
            self.page.locator("#phones").fill(phone)
            wait_for(lambda: phone in self.recorded.one("SELECT phones FROM contact WHERE name = ?", name))


@pytest.fixture(params=["ru", "en"])
def desk(request: pytest.FixtureRequest, recorded: Recorded, new_person: NewPerson) -> Desk:
    return Desk(new_person(request.param).new_page(), recorded, request.param)


def test_a_contact_is_written_found_tagged_and_deleted(desk: Desk) -> None:
    page, name = desk.page, f"Ёлкин {desk.language}"
    desk.create_contact(name)
    page.locator("#phones").fill("12")
    expect(page.get_by_role("alert")).to_contain_text(desk.t("Not a valid phone number: {what}", what="12"))
    page.locator("#phones").fill("+7 911 000-11-22")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.locator("#task").fill("Call back")
    page.get_by_role("button", name=desk.t("Add task")).click()
    task = page.get_by_role("checkbox", name=desk.t("Done: {title}", title="Call back"))
    task.click()
    expect(task).to_be_checked()
    page.locator("#note").fill("Likes green")
    page.get_by_role("button", name=desk.t("Add note")).click()
    expect(page.locator(".card-line").filter(has_text="Likes green")).to_be_visible()
    expect(page.locator("main")).to_contain_text(desk.t("Task done: {text}", text="Call back"))

    desk.open("/contacts")
    page.get_by_role("textbox", name=desk.t("Search by name, phone or email")).fill("елкин " + desk.language)
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]q="))
    page.get_by_role("checkbox", name=desk.t("Select “{title}”", title=name)).click()
    page.get_by_role("textbox", name=desk.t("Tag"), exact=True).fill("vip")
    page.get_by_role("button", name=desk.t("Add tag")).click()
    expect(page.locator("tbody tr")).to_contain_text("vip")
    desk.delete(name)
    expect(page.locator("tbody tr")).to_have_count(0)
    page.get_by_role("button", name=desk.t("Undo")).click()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_several_are_deleted_together_and_come_back(desk: Desk) -> None:
    page, name = desk.page, f"Several {desk.language}"
    for number in ("first", "second"):
        desk.create_contact(f"{name} {number}")
    desk.open(f"/contacts?q={name}")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("checkbox", name=desk.t("Select all on this page")).click()
    page.get_by_role("region", name=desk.t("Selected rows")).get_by_role("button", name=desk.t("Delete")).click()
    expect(page.locator("tbody tr")).to_have_count(0)
    page.get_by_role("button", name=desk.t("Undo")).click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_filters_are_saved_as_a_view_opened_and_removed(desk: Desk) -> None:
    page, name = desk.page, f"Viewed {desk.language}"
    desk.create_contact(name)
    desk.open("/contacts")
    opener = page.get_by_role("button", name=desk.t("Saved views"))
    opener.click()
    views = page.get_by_role("dialog", name=desk.t("Saved views"))
    expect(views).to_contain_text(desk.t("Set filters, a search or an order to save them as a view."))
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name=desk.t("Search by name, phone or email")).fill(name)
    expect(page.locator("tbody tr")).to_have_count(1)
    opener.click()
    for given in ("", name):
        views.get_by_label(desk.t("Name")).fill(given)
        views.get_by_role("button", name=desk.t("Save these filters")).click()
        if not given:
            expect(views.get_by_role("alert")).to_be_visible()
    expect(views.get_by_role("link", name=name)).to_have_attribute("aria-current", "true")
    expect(views.get_by_label(desk.t("Name"))).to_have_value("")

    desk.open("/contacts")
    expect(page.locator("tbody tr").nth(1)).to_be_visible()
    opener.click()
    views.get_by_role("link", name=name).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"[?&]q="))
    expect(views).to_be_hidden()  # it closes when the view is shown
    opener.click()
    views.get_by_role("button", name=desk.t("Remove the view “{name}”", name=name)).click()
    expect(views.get_by_role("link", name=name)).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=desk.t("Undo")).click()
    opener.click()
    expect(views.get_by_role("link", name=name)).to_be_visible()


def test_deleted_ones_come_back_from_the_bin_or_go_for_good(desk: Desk) -> None:
    page, name = desk.page, f"Binned {desk.language}"
    for number in ("first", "second"):
        desk.create_contact(f"{name} {number}")
        desk.open(f"/contacts?q={name}")
        desk.delete(f"{name} {number}")
        expect(page.locator("tbody tr")).to_have_count(0)
    desk.open("/settings/bin?kind=contact")
    page.get_by_role("textbox", name=desk.t("Search by name")).fill(name)
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name=desk.t("Restore “{title}”", title=f"{name} first")).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name=desk.t("Permanently delete “{title}”", title=f"{name} second")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("another")
    dialog.get_by_role("button", name=desk.t("Delete permanently")).click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_role("textbox").fill(f"{name} second")
    dialog.get_by_role("button", name=desk.t("Delete permanently")).click()
    expect(page.locator("tbody tr")).to_have_count(0)
    left = "SELECT count(*) FROM contact WHERE name LIKE ?"
    wait_for(lambda: desk.recorded.one(left, f"{name}%") == 1)  # the worker has removed the other
    desk.open(f"/contacts?q={name}")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_two_contacts_become_one(desk: Desk) -> None:
    page, name = desk.page, f"Twin {desk.language}"
    desk.create_contact(f"{name} second", "+7 922 000-00-01")
    desk.create_contact(f"{name} first")
    page.get_by_role("button", name=desk.t("Merge…")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(f"{name} second")
    dialog.get_by_role("button", name=re.compile("second")).click()
    expect(page.locator("#outcome")).to_contain_text("+7 922 000-00-01")
    expect(page.locator("#outcome")).to_contain_text(f"{name} second")
    page.get_by_role("alertdialog").get_by_role("button", name=desk.t("Merge"), exact=True).click()
    expect(page.locator("#phones")).to_have_value("+7 922 000-00-01")
    desk.open(f"/contacts?q={name}")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_table_is_imported_and_what_is_refused_handed_back(desk: Desk, tmp_path: Path) -> None:
    page, language = desk.page, desk.language
    table = tmp_path / f"people-{language}.csv"
    rows = [f"Импорт {language} {number};+7933{language == 'ru':d}{number:06}" for number in range(300)]
    table.write_text("Имя;Телефон\n" + "\n".join(rows) + "\nNobody;x\n;y\n", encoding="utf-8")
    desk.open("/contacts/import")
    page.locator("#files").set_input_files(table)
    expect(page.get_by_label(desk.t("Where the column “{title}” goes", title="Имя"))).to_have_value("name")
    page.get_by_role("button", name=desk.t("Import ({count})", count=302)).click()
    words = desk.t("{created} created, {changed} updated, {refused} rejected", created=301, changed=0, refused=1)
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("link", name=desk.t("Download them with the reasons")).click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert all(desk.t("Not a valid phone number: {what}", what=what) in text for what in "xy") and "Nobody" in text
    page.reload()
    expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()
    desk.recorded.write("UPDATE contactimport SET state = 'failed' WHERE file_name = ?", table.name)
    page.reload()
    stopped = desk.t("The import has stalled. Imported rows are kept.")
    expect(page.get_by_role("alert")).to_contain_text(stopped)
    keep(page, f"import-failed-{language}")
    assert faults(page, "a failed import") == []
    page.get_by_role("button", name=desk.t("Import another file")).click()
    expect(page.locator("#files")).to_be_attached()
    expect(page.locator("main")).to_contain_text(desk.t("Stalled"))
    desk.open(f"/contacts?q=Импорт+{language}")
    expect(page.locator("tbody tr")).to_have_count(25)


def test_a_lead_goes_over_the_board_by_hand_and_by_keyboard(desk: Desk) -> None:
    page, title = desk.page, f"Deal {desk.language}"
    desk.open("/leads")
    page.get_by_role("button", name=desk.t("Create lead")).click()
    page.wait_for_url(re.compile("/leads/[0-9a-f]{32}"))
    page.locator("#title").fill(title)
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.locator("#budget").fill("much")
    expect(page.get_by_role("alert")).to_contain_text(desk.t("The budget is a number."))
    page.locator("#budget").fill("1 500")
    expect(page.get_by_role("alert")).to_have_count(0)

    desk.open("/leads")
    column = page.locator(".column")
    card = page.locator(".lead-card").filter(has_text=title)
    expect(column.nth(0)).to_contain_text(title)
    drag(card, column.nth(1))
    expect(column.nth(1)).to_contain_text(title)
    mover = page.get_by_label(desk.t("Stage of “{title}”", title=title))
    mover.focus()
    page.keyboard.press("ArrowDown")
    expect(column.nth(2)).to_contain_text(title)
    card.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text(desk.t("The stage changed: {old} → {new}", old="New", new="Choosing"))

    desk.open(f"/leads?view=list&q={title}")
    page.get_by_role("checkbox", name=desk.t("Select “{title}”", title=title)).click()
    page.get_by_label(desk.t("Move to the stage…")).select_option(label="Sales · Paid")
    expect(page.locator("tbody tr").first).to_contain_text("Paid")


def test_a_field_of_ones_own_reaches_cards_and_scripts(desk: Desk) -> None:
    page, name = desk.page, f"Size {desk.language}"
    desk.open("/settings/crm")
    page.get_by_role("textbox", name=desk.t("New field")).fill(name)
    page.get_by_role("button", name=desk.t("Add field")).click()
    variable = "{{ contact.field.size_" + desk.language + " }}"
    expect(page.get_by_text(variable)).to_be_visible()
    desk.create_contact(f"Fielded {desk.language}")
    page.get_by_label(name).fill("XL")
    query = "SELECT fields FROM contact WHERE name = ?"
    wait_for(lambda: "XL" in desk.recorded.one(query, f"Fielded {desk.language}"))
    desk.open("/agents")
    agent = page.locator("table a").first.get_attribute("href")
    page.goto(f"{desk.recorded.address}{agent}/scripts")
    page.get_by_role("button", name=desk.t("Create script")).click()
    expect(page.get_by_role("button", name=re.compile(re.escape(variable)))).to_be_attached()


def test_a_lead_has_several_contacts(desk: Desk) -> None:
    page, names = desk.page, [f"{name} {desk.language}" for name in ("Anna", "Boris")]
    for name in names:
        desk.create_contact(name, "+7 911 000-22-33")
    desk.open("/leads")
    page.get_by_role("button", name=desk.t("Create lead")).click()
    page.wait_for_url(re.compile("/leads/[0-9a-f]{32}"))
    others = page.locator("#other_contacts")
    for button, name in (("Change contact…", names[0]), ("Add contact…", names[1])):
        page.get_by_role("button", name=desk.t(button), exact=True).click()
        page.get_by_label(desk.t("Search by name, phone or email")).fill(name)
        page.get_by_role("dialog").get_by_role("button", name=re.compile(name)).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
    expect(others.get_by_role("link")).to_have_text([names[1]])
    for width, scheme in ((1440, "light"), (1440, "dark"), (390, "light")):
        page.set_viewport_size({"width": width, "height": 1000})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        keep(page, f"lead-contacts-{desk.language}-{width}-{scheme}")
    page.set_viewport_size({"width": 1440, "height": 1000})
    page.get_by_role("button", name=desk.t("Make main: “{title}”", title=names[1])).click()
    expect(others.get_by_role("link")).to_have_text([names[0]])
    others.get_by_role("link").click()
    expect(page.get_by_text(desk.t("Main contact: {name}", name=names[1]))).to_be_visible()
    page.go_back()
    page.get_by_role("button", name=desk.t("Remove “{title}” from this lead", title=names[0])).click()
    expect(others).to_have_count(0)
    assert faults(page, "contacts of a lead") == []

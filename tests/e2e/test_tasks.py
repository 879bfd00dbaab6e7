"""Tasks: created for a contact, completed, taken back and postponed, in both languages."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import NewPerson, Recorded
from tests.e2e.test_contacts import Desk
from tests.e2e.test_pages import faults

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("language", ["ru", "en"])
def test_a_task_is_created_completed_taken_back_and_postponed(
    language: str, recorded: Recorded, new_person: NewPerson
) -> None:
    desk = Desk(new_person(language).new_page(), recorded, language)
    page, text = desk.page, f"Позвонить {language}"
    desk.open("/tasks")
    page.get_by_role("button", name=desk.t("Create task")).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(desk.t("Task")).fill(text)
    due = dialog.get_by_label(desk.t("Due"))
    due.fill("31.02.2020")
    due.press("Tab")
    wrong = desk.t("Enter a date and a time, for example Nov 29, 2026, 13:24.")
    expect(dialog.get_by_role("alert")).to_have_text(wrong)
    due.fill({"ru": "5 мая 2020 17:30", "en": "May 5, 2020 17:30"}[language])
    for key in ("ArrowDown", "ArrowRight", "Enter"):  # opens the calendar, goes a day on, takes it
        page.keyboard.press(key)
    expect(due).to_be_focused()
    expect(due).to_have_value({"ru": "6 мая 2020, 17:30", "en": "May 6, 2020, 17:30"}[language])
    dialog.get_by_label(desk.t("Contact or lead")).fill("lucy")
    dialog.locator(".plain-list button").first.click()
    assert faults(page, f"form {language}") == []
    dialog.get_by_role("button", name=desk.t("Create task")).click()
    row = page.locator("tbody tr").filter(has_text=text)
    expect(row).to_contain_text(desk.t("Overdue · {when}", when="").strip())
    expect(row.locator("a[href*='/contacts/']")).to_have_count(1)
    row.get_by_role("button", name=desk.t("Complete “{title}”", title=text)).click()
    expect(row).to_have_count(0)
    page.get_by_role("button", name=desk.t("Undo")).click()
    row.get_by_role("button", name=desk.t("Actions for “{title}”", title=text)).click()
    page.get_by_role("menuitem", name=desk.t("Postpone")).click()
    page.get_by_role("menuitem", name=desk.t("Tomorrow")).click()
    expect(row).to_contain_text(f"{desk.t('Tomorrow')}, 17:30")
    page.get_by_role("link", name=re.compile(f"^{desk.t('Upcoming')}")).click()
    expect(page).to_have_url(re.compile("view=upcoming"))
    expect(row).to_have_count(1)
    restore_from_bin(desk, text)


def restore_from_bin(desk: Desk, text: str) -> None:
    """Delete an upcoming task, and restore it from the bin with its contact."""
    page = desk.page
    row = page.locator("tbody tr").filter(has_text=text)
    desk.delete(text)
    expect(row).to_have_count(0)
    desk.open("/settings/bin?kind=task")
    page.get_by_role("button", name=desk.t("Restore “{title}”", title=text)).click()
    expect(page.get_by_text(desk.t("“{name}” restored.", name=text))).to_be_visible()
    desk.open("/tasks?view=upcoming")
    expect(row.locator("a[href*='/contacts/']")).to_have_count(1)

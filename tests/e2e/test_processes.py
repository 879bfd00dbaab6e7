"""Processes: the dashboard has one line about them, which opens their table, and names what is wrong."""

import json

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import FOLDERS, NewPerson, change, sign_in

pytestmark = pytest.mark.e2e
ADDED = """INSERT INTO workerbeat (id, created_at, beat_at, kind, snapshot)
    VALUES ('other', '2026-01-01 00:00:00.000000', '2099-01-01 00:00:00.000000', 'hooks', ?)"""


def test_the_line_opens_the_table_and_an_old_version_is_named(platform: str, new_person: NewPerson) -> None:
    page = new_person("en").new_page()
    sign_in(page, platform)
    line = page.locator(".process-line summary")
    expect(line).to_have_text("1 worker connected · 1 console")
    rows = page.get_by_role("region", name="Processes").locator("tbody tr")
    expect(rows.first).not_to_be_visible()
    line.click()
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Console")
    expect(rows.first).to_contain_text("open tab")

    process = {"machine": "hooks-1", "pid": 12, "version": "9.9", "aheadSeconds": 3.5, "doing": {"requests": 7}}
    change(FOLDERS[platform], ADDED, json.dumps({"status": "ok", "process": process}))
    try:
        page.reload()
        expect(line).to_have_text("1 worker connected · 1 console · 1 webhook server")
        card = page.locator("section:has(> .process-line)")
        expect(card).to_contain_text("9.9: hooks-1 (12)")
        expect(card).to_contain_text("The clock of “hooks-1” is 3.5 s ahead of the database’s.")
        expect(card.get_by_role("link", name="Background jobs")).to_be_visible()
    finally:
        change(FOLDERS[platform], "DELETE FROM workerbeat WHERE id = 'other'")

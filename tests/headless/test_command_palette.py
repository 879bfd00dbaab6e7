"""Palette: pages, agents, contacts and leads are found, also when typed on the other keyboard layout."""

import pytest

from platform_app.db import session_scope
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads, pipelines
from platform_app.state.console.command_palette import PaletteState
from tests.headless.harness import Tab, sign_in


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("анн", ["Анна Ли"]),
        ("fyyf", ["Анна Ли"]),
        ("7900", ["Анна Ли"]),
        ("bike", ["Bike for Vera"]),
        ("ишлу", ["Bike for Vera"]),
        ("сделки", ["Leads"]),
    ],
)
async def test_found_by_what_is_typed(who: Identity, other: Identity, wanted: str, found: list[str]) -> None:
    for one, name in ((who, "Анна Ли"), (other, "Анна чужая")):
        with session_scope(one.tenant_id) as session:
            contacts.create(session, one, name=name, phones="+7 900 111-22-33")
            pipelines.create(session, one, "Sales", [("New", "open")])  # type: ignore[list-item]
            stage = pipelines.list_pipelines(session, one)[0][1][0].id
            leads.create(session, one, title="Bike for Vera", stage_id=stage)
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings")
        await tab.send(PaletteState.search(wanted))
        entries = tab.get(PaletteState, "entries")
        assert [entry.words for entry in entries if "Sales" not in entry.words][: len(found)] == found
        assert all(entry.address.startswith("/manage/acme") for entry in entries)

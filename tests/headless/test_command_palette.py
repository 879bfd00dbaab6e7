"""Palette: pages, agents, contacts and leads are found, also when typed on the other keyboard layout."""

import pytest

from platform_app.db import session_scope, unscoped
from platform_app.models.person import Identity, Member, Role
from platform_app.services.agents import agents
from platform_app.services.crm import contacts, leads, pipelines
from platform_app.state.console.base import CurrentUser
from platform_app.state.console.command_palette import CREATED, PaletteState
from tests.headless.harness import Tab, sign_in


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("анна", ["Анна Ли"]),
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


async def test_commands_create_and_change_the_look(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/settings")
        await tab.send(PaletteState.search("theme"))
        assert [entry.command for entry in tab.get(PaletteState, "entries")] == ["light", "dark", "system"]
        await tab.send(PaletteState.run_command("dark"))
        assert tab.get(CurrentUser, "theme") == "dark" and not tab.get(PaletteState, "is_open")
        await tab.send(PaletteState.run_command("ru"))
        await tab.send(PaletteState.search("создать"))
        assert {entry.command for entry in tab.get(PaletteState, "entries")} == set(CREATED)
        await tab.send(PaletteState.open_selected({"wanted": "создать агента"}))
        assert "/manage/acme/agents/new" in tab.scripts()
        await tab.send(PaletteState.open_selected({"wanted": "создать контакт"}))
        with session_scope(who.tenant_id, read_only=True) as session:
            (row,) = contacts.list_contacts(session, who)[0]
        assert row.name == "Новый контакт" and f"/manage/acme/contacts/{row.id}" in tab.scripts()
        await tab.send(PaletteState.run_command("nothing"))
        await tab.send(PaletteState.create_row("nothing"))
        assert tab.scripts().count("Недопустимое значение.") == 2


async def test_a_viewer_is_offered_no_creation(who: Identity) -> None:
    viewer = Identity(**(vars(who) | {"role": Role.VIEWER}))
    with session_scope(reason="tests") as session:
        (member,) = session.exec(unscoped(Member).where(Member.user_id == who.user_id)).all()
        member.role = Role.VIEWER
    async with Tab(sign_in(viewer)) as tab:
        await tab.goto("/manage/acme/settings")
        await tab.send(PaletteState.search("create"))
        assert tab.get(PaletteState, "entries") == []
        await tab.send(PaletteState.run_command("agent"))
        with session_scope(who.tenant_id, read_only=True) as session:
            assert agents.list_agents(session, who)[0] == []

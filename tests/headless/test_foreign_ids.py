"""Foreign ids: who names a row of another tenant, to a handler or in an address, gets and changes nothing."""

from itertools import product
from typing import Any

import pytest

from platform_app.db import owned, owned_tables, session_scope
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.pages.registry import every_page
from platform_app.services.demo import demo
from platform_app.state.console.frame import FrameState
from tests.conftest import FULL
from tests.headless.harness import Tab, sign_in
from tests.headless.test_authorization import GUARDED, argument_names, registered_background, rows

QUIET = "/manage/globex/settings"
OTHERS = 3  # ids of tables that a handler's name does not tell of
TOGETHER = 1 if FULL else 8  # handlers of one tab: with their ids below the burst that a tab may send


@pytest.fixture
def acme(who: Identity) -> Identity:
    """A tenant that has nearly every kind of row."""
    with session_scope(who.tenant_id) as session:
        demo.load(session, who)
    return who


def one_of_each(who: Identity) -> dict[str, str]:
    """Return the id of one row of each table of a tenant."""
    found: dict[str, str] = {}
    with session_scope(who.tenant_id, read_only=True) as session:
        for name, model in owned_tables().items():
            row: Any = session.exec(owned(model, who.tenant_id)).first()
            if row is not None:
                found[name] = row.id
    return found


def theirs(who: Identity) -> dict[str, list[str]]:
    """Return every row of a tenant, by table."""
    return {name: [row for row in found if who.tenant_id in row] for name, found in rows().items()}


def words(who: Identity) -> set[str]:
    """Return what only this tenant has: names, addresses and titles."""
    with session_scope(who.tenant_id, read_only=True) as session:
        people = session.exec(owned(Contact, who.tenant_id)).all()
        deals = session.exec(owned(Lead, who.tenant_id)).all()
        return {one.name for one in people} | {one.email for one in people if one.email} | {one.title for one in deals}


def read(tab: Tab, secret: set[str]) -> set[str]:
    """Return what of a tenant's words has come to a tab."""
    shown = f"{tab.seen} {tab.scripts()}"
    return {word for word in secret if word in shown}


def tried_with(handler: str, place: int, ids: dict[str, str]) -> list[str]:
    """Return the ids that a handler is given: those of the tables that its name tells of, and some of the others.

    The others come in turn; a run in full size gives every handler every id.
    """
    told = handler.replace("_", "").lower()
    meant = [row_id for table, row_id in ids.items() if table in told]
    others = [row_id for table, row_id in ids.items() if table not in told]
    turned = [others[(place * OTHERS + step) % len(others)] for step in range(min(OTHERS, len(others)))]
    return meant + (others if FULL else turned)


async def test_to_a_handler(acme: Identity, other: Identity) -> None:
    ids, before, secret, cookie = one_of_each(acme), theirs(acme), words(acme), sign_in(other)
    assert len(ids) > 20
    names = [name for name in GUARDED if argument_names(name) and not registered_background(name)]
    for first in range(0, len(names), TOGETHER):  # a tab that sends too much is not listened to
        async with Tab(cookie) as tab:
            await tab.goto(QUIET)
            for place, name in enumerate(names[first : first + TOGETHER], first):
                for row_id in tried_with(name, place, ids):
                    await tab.raw(name, dict.fromkeys(argument_names(name), row_id))
                assert tab.errors == [], f"{name}: {tab.errors}"
                assert read(tab, secret) == set(), f"read through {name}"
            assert await is_heard(tab)
    assert theirs(acme) == before


async def is_heard(tab: Tab) -> bool:
    """Return whether a tab's events still have an effect."""
    before = tab.get(FrameState, "sidebar_collapsed")
    await tab.send(FrameState.toggle_sidebar())
    return bool(tab.get(FrameState, "sidebar_collapsed") is not before)


def forged(route: str, ids: dict[str, str]) -> list[str]:
    """Return addresses of a route in the own tenant with ids of the other in every place."""
    places = route.count("[") - 1
    chosen = [ids[name] for name in ("agent", "contact", "lead", "script", "source", "rule", "event", "conversation")]
    found = []
    for given in product(chosen, repeat=places):
        address = route.replace("[tenant]", "globex")
        for row_id in given:
            start, end = address.index("["), address.index("]")
            address = address[:start] + row_id + address[end + 1 :]
        found.append(address)
    return found


async def test_in_an_address(acme: Identity, other: Identity) -> None:
    ids, before, secret, cookie = one_of_each(acme), theirs(acme), words(acme), sign_in(other)
    tried = 0
    for page in every_page():
        if page.route.count("[") < 2:
            continue
        async with Tab(cookie) as tab:
            await tab.goto(QUIET)
            for address in forged(page.route, ids):
                tab.path = address
                for load in page.on_load:
                    if not load.is_background:
                        await tab.send(load)
                tried += 1
            assert tab.errors == [], f"{page.route}: {tab.errors}"
            assert read(tab, secret) == set(), page.route
    assert tried > 50 and theirs(acme) == before


async def test_the_owner_reads_and_changes_by_the_same_means(acme: Identity) -> None:
    """What the two tests above would see is seen when the tenant is one's own."""
    ids, secret = one_of_each(acme), words(acme)
    (page,) = (page for page in every_page() if page.route == "/manage/[tenant]/contacts/[contact_id]")
    async with Tab(sign_in(acme)) as tab:
        await tab.goto("/manage/acme/settings")
        tab.path = f"/manage/acme/contacts/{ids['contact']}"
        for load in page.on_load:
            if not load.is_background:
                await tab.send(load)
        assert read(tab, secret)

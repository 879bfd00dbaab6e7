"""Sign-in form: takes what it names and nothing else, and leads nowhere else."""

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from urllib.parse import unquote

import pytest

from platform_app.db import session_scope, unscoped
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.services.accounts import accounts, passwords, sessions, sign_in_throttle
from platform_app.state.accounts.settings import SettingsState
from platform_app.state.accounts.sign_in import SignInState
from tests.headless.harness import Tab, sign_in

FORM = {
    "email": "ann@acme.test",
    "name": "Ann",
    "password": "vyhlídka 7 plotů",
    "tenant": "Acme Bikes",
    "time_zone": "Asia/Omsk",
}


async def fill(tab: Tab, **more: object) -> None:
    await tab.goto("/register")
    await tab.send(SignInState.register({**FORM, **more}))


async def test_registration_ends_at_the_claim_route(database: str) -> None:
    async with Tab() as tab:
        await fill(tab)
        said = re.search(r"/auth/claim\?ticket=.*?\(\\*\"([\w-]{43})", tab.scripts())
    assert said, tab.scripts()
    with session_scope(reason="tests") as session:
        token = sessions.redeem_ticket(session, said[1], "")
    found = sessions.get_identity(token, "acme-bikes")
    assert found is not None
    assert (found.email, found.role, found.time_zone) == ("ann@acme.test", Role.OWNER, "Asia/Omsk")


async def test_what_else_a_form_holds_changes_nothing(who: object, database: str) -> None:
    """Mass assignment: no field of a form becomes a column that it does not name."""
    with session_scope(reason="tests", read_only=True) as session:
        acme = session.exec(unscoped(Tenant)).one()
    async with Tab() as tab:
        await fill(tab, id="f" * 32, tenant_id=acme.id, role="admin", slug="acme", is_admin=True, is_demo=True)
        assert tab.errors == []
    with session_scope(reason="tests", read_only=True) as session:
        user = session.exec(unscoped(User).where(User.email == FORM["email"])).one()
        members = session.exec(unscoped(Member).where(Member.user_id == user.id)).all()
        made = session.exec(unscoped(Tenant).where(Tenant.id == members[0].tenant_id)).one()
    assert len(members) == 1
    assert (members[0].role, made.slug, made.is_demo) == (Role.OWNER, "acme-bikes", False)
    assert acme.id not in (made.id, members[0].tenant_id)
    assert user.id != "f" * 32


@pytest.mark.parametrize("field", ["email", "name", "tenant", "password"])
async def test_a_wrong_field_is_named_in_words(database: str, field: str) -> None:
    async with Tab(language="ru") as tab:
        await fill(tab, **{field: " "})
        assert tab.get(SignInState, "problem_field") == field
        assert re.search("[а-я]", tab.get(SignInState, "problem"))
        assert tab.errors == []
    with session_scope(reason="tests", read_only=True) as session:
        assert session.exec(unscoped(User)).all() == []


async def test_wrong_passwords_are_slowed_down(database: str) -> None:
    with session_scope(reason="tests") as session:
        accounts.register(session, tenant_name="Acme", language="en", **{k: FORM[k] for k in KEYS})
    said = []
    async with Tab() as tab:
        await tab.goto("/sign-in")
        for _ in range(6):
            await tab.send(SignInState.sign_in({"email": FORM["email"], "password": "wrong"}))
            said.append(tab.get(SignInState, "problem"))
        assert "ticket" not in unquote(json.dumps(tab.scripts()))
    assert said[:5] == ["Incorrect email or password."] * 5
    assert said[5].startswith("Too many failed attempts.")


async def test_too_many_registrations_from_an_address_are_slowed_down(database: str) -> None:
    async with Tab() as tab, Tab() as elsewhere:
        for _ in range(9):
            sign_in_throttle.count_registration(tab.address)
        elsewhere.address = "203.0.113.5"
        await fill(tab)
        assert "/auth/claim" in tab.scripts()
        tab.said.clear()
        await fill(tab, email="bob@acme.test")
        assert tab.get(SignInState, "problem").startswith("Too many failed attempts. Try again in")
        assert "/auth/claim" not in tab.scripts()
        await fill(elsewhere, email="bob@acme.test")
        assert "/auth/claim" in elsewhere.scripts()


class NoRoom:
    """A place for hashing that nobody gets before it is opened."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = Event()

    def acquire(self, timeout: float) -> bool:
        self.asked += 1
        return self.open.wait(timeout)

    def release(self) -> None:
        """Nothing is held."""


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[NoRoom]:
    passwords._dummy_hash()
    made = NoRoom()
    monkeypatch.setattr(passwords, "_slots", made)
    yield made
    made.open.set()


@pytest.mark.parametrize("form", [SignInState.sign_in, SignInState.register, SettingsState.change_password])
async def test_those_who_wait_for_room_hold_up_no_page(who: Identity, no_room: NoRoom, form: Any) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    cookie = sign_in(who)
    async with Tab(cookie) as page, Tab(cookie) as one, Tab(cookie) as another:
        for tab in (one, another):
            await tab.goto("/manage/acme/settings")
            await tab.send(form(FORM), settle=False)
        await page.until(lambda: no_room.asked == 2)
        await page.goto("/manage/acme/settings", wait=5)
        assert page.get(SettingsState, "loaded") is True
        no_room.open.set()


KEYS = ("email", "name", "password", "time_zone")

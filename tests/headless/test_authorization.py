"""Gate: every handler declares its role, and nobody without it reads or writes anything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import reflex as rx
from sqlmodel import SQLModel

from platform_app import db
from platform_app.clock import now
from platform_app.db import session_scope, unscoped, unscoped_delete
from platform_app.models.agent import Agent
from platform_app.models.person import Identity, Member, Role, Session, User
from platform_app.platform_app import app
from platform_app.services.accounts import two_factor_policy
from platform_app.state.console.base import ANYONE, BEFORE_ENROLLMENT_MARK, ROLE_MARK, CurrentUser
from platform_app.state.console.frame import FrameState
from tests import shared
from tests.conftest import FULL, make_member, make_tenant
from tests.headless.harness import Tab, sign_in
from tests.second_factor import set_up
from tests.talking import call

HANDLERS = {name: registered.handler.fn for name, registered in app._registration_context.event_handlers.items()}
OURS = {name: fn for name, fn in HANDLERS.items() if fn.__module__.startswith("platform_app")}
GUARDED = sorted(name for name, fn in OURS.items() if getattr(fn, ROLE_MARK, None) != ANYONE)


def rows() -> dict[str, list[Any]]:
    """Return everything in the database, by table."""
    with db.engine().connect() as connection, session_scope(reason="tests", read_only=True) as session:
        del connection
        return {
            table.name: sorted(map(str, session.execute(table.select()).all()))
            for table in SQLModel.metadata.sorted_tables
            if table.name not in ("workerbeat",)
        }


def test_every_handler_declares_its_role() -> None:
    assert OURS, "no handler was found"
    undeclared = [name for name, fn in OURS.items() if getattr(fn, ROLE_MARK, None) is None]
    foreign = [n for n, fn in HANDLERS.items() if fn.__module__.split(".")[0] not in ("platform_app", "reflex")]
    assert undeclared == []
    assert foreign == []


def test_an_open_handler_is_a_known_one() -> None:
    """Whoever opens a handler to anyone says so here too."""
    opened = {name.rsplit(".", 1)[1] for name, fn in OURS.items() if getattr(fn, ROLE_MARK, None) == ANYONE}
    assert opened == {
        "load",
        "load_not_found",
        "sign_in",
        "enter_code",
        "continue_sign_in",
        "register",
        "change_language",
        "open_link",
        "join",
        "request",
        "set_password",
    }


def weaker(role: str) -> Role | None:
    """Return the strongest role that is not enough."""
    order = list(Role)
    place = order.index(Role(role)) + 1
    return order[place] if place < len(order) else None


@pytest.fixture
def acme(who: Identity) -> Identity:
    """A tenant with something to lose."""
    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="CANARY-ACME"))
    return who


def callers(acme: Identity) -> Iterator[tuple[str, str]]:
    """Yield who must not get in, each with a cookie."""
    yield "anonymous", ""
    yield "made-up", "session=made-up"
    yield "other tenant's owner", sign_in(make_tenant("globex"))
    signed_out = sign_in(acme)
    with session_scope(reason="tests") as session:
        session.execute(unscoped_delete(Session))
    yield "signed out", signed_out
    disabled = make_tenant("initech")
    cookie = sign_in(disabled)
    with session_scope(reason="tests") as session:
        user = session.exec(unscoped(User).where(User.id == disabled.user_id)).one()
        user.disabled_at = now()
        session.add(Member(tenant_id=acme.tenant_id, user_id=user.id, role=Role.OWNER))
    yield "disabled", cookie


QUIET = "/manage/acme/settings"  # a page that follows nothing, so that its loading ends


async def knock(cookie: str, names: list[str]) -> None:
    """Call handlers by name with empty payloads, as a person at a raw socket would; nothing may come of it."""
    async with Tab(cookie) as tab:
        await tab.goto(QUIET)
        for name in names:
            tab.seen.clear()
            await tab.raw(name, {})
            assert "CANARY" not in str(tab.seen), f"read through {name}"
            assert tab.errors == [], f"{name} ran"


async def test_nobody_else_gets_in(acme: Identity) -> None:
    for caller, cookie in callers(acme):
        await knock(cookie, [])  # when a member was seen last is written at their first visit, in their own tenant
        before = rows()
        await knock(cookie, GUARDED)
        assert rows() == before, f"{caller} wrote something"


async def test_a_role_that_is_not_enough_is_refused(acme: Identity) -> None:
    viewer = make_member(acme, Role.VIEWER)
    cookie = sign_in(viewer)
    await knock(cookie, [])  # when a member was seen last is written at their first visit
    before = rows()
    await knock(cookie, [name for name in GUARDED if weaker(getattr(OURS[name], ROLE_MARK)) is not None])
    assert rows() == before


async def test_without_a_required_second_factor_nothing_of_the_tenant_is_read_or_written(acme: Identity) -> None:
    member = make_member(acme, Role.OWNER)
    cookie = sign_in(member)
    async with Tab(cookie) as tab:
        await tab.goto(QUIET)
        set_up(acme)
        call(acme, two_factor_policy.set_required, True)
        await tab.goto(QUIET)
        assert "/two-factor?next=%2Fmanage%2Facme%2Fsettings" in tab.scripts()
        assert tab.get(CurrentUser, "view") == "loading"
        tab.said.clear()
        await tab.send(FrameState.toggle_sidebar())
        assert "/two-factor" in tab.scripts() and tab.get(FrameState, "sidebar_collapsed") is False
    before = rows()
    await knock(cookie, [name for name in GUARDED if not getattr(OURS[name], BEFORE_ENROLLMENT_MARK)])
    assert rows() == before
    opened = {name.rsplit(".", 1)[1] for name in GUARDED if getattr(OURS[name], BEFORE_ENROLLMENT_MARK)}
    assert opened == {"load", "confirm", "leave", "sign_out"}


async def test_a_role_change_counts_at_the_next_event(acme: Identity) -> None:
    async with Tab(sign_in(acme)) as tab:
        await tab.goto(QUIET)
        assert tab.get(CurrentUser, "role") == "owner"
        with session_scope(acme.tenant_id) as session:
            session.exec(db.owned(Member, acme.tenant_id)).one().role = Role.VIEWER
        await tab.send(FrameState.toggle_sidebar())
        assert tab.get(CurrentUser, "role") == "viewer"
        with session_scope(reason="tests") as session:
            session.execute(unscoped_delete(Session))
        tab.seen.clear()
        await tab.send(FrameState.toggle_sidebar())
        assert "sidebar_collapsed" not in str(tab.seen)
        assert "sign-in" in tab.scripts() or "reload" in tab.scripts()


async def test_another_persons_cookie_does_not_open_a_tabs_state(acme: Identity) -> None:
    cookie, thief = sign_in(acme), sign_in(make_tenant("globex"))
    async with Tab(cookie) as tab:
        await tab.goto(QUIET)
        assert tab.get(CurrentUser, "slug") == "acme"
        for stolen in (thief, ""):
            tab.cookie, tab.path = stolen, "/manage/globex/settings"
            tab.seen.clear()
            await tab.send(FrameState.toggle_sidebar())
            assert "acme" not in str(tab.seen)
            await tab.goto("/manage/globex/settings")
            assert "acme" not in str(tab.seen)


async def test_a_forged_path_or_variable_changes_nothing(acme: Identity) -> None:
    make_tenant("globex")
    async with Tab(sign_in(acme)) as tab:
        await tab.goto(QUIET)
        tab.path = "/manage/globex/settings?tenant=acme"
        tab.seen.clear()
        await tab.send(FrameState.toggle_sidebar())
        assert tab.seen == {} and "reload" in tab.scripts()
        await tab.goto("/manage/globex/settings?tenant=acme")
        assert tab.get(CurrentUser, "view") == "not_found"
        tab.path = QUIET
        for name in [n for n in HANDLERS if n.endswith((".setvar", ".update_vars_internal"))][:20]:
            await tab.raw(name, {"var_name": "role", "value": "owner", "vars": {"role": "x"}})
        assert tab.errors == []


async def test_what_the_library_offers_beside_is_refused() -> None:
    """Its handler for faults of the browser weighs a pattern that takes hours over a text made for it."""
    (name,) = (name for name in HANDLERS if name.endswith(".handle_frontend_exception"))
    info = "TypeError: can't access property \"" + '", ' * 30_000
    async with Tab() as tab:
        await tab.goto("/sign-in", settle=False)
        await tab.raw(name, {"info": info, "component_stack": ""}, wait=10)
        assert tab.errors == []


ANY_KIND = ({}, [], None, "x" * 900_000, 10**308, float("nan"), {"a": [{}] * 50})
TURNS = 1 if FULL else 2  # each value goes to every handler, or to every second one


@pytest.mark.parametrize("place", range(len(ANY_KIND)))
async def test_arguments_of_any_kind_are_answered(acme: Identity, place: int) -> None:
    """No handler fails on what a raw socket may send: it takes it or says so."""
    value = ANY_KIND[place]
    async with Tab(sign_in(acme)) as tab:
        await tab.goto(QUIET)
        for name in GUARDED[place % TURNS :: TURNS]:
            if registered_background(name):
                continue
            parameters = argument_names(name)
            await tab.raw(name, dict.fromkeys(parameters, value))
            assert tab.errors == [], f"{name}: {tab.errors}"


def hostile(seed: int, count: int) -> list[Any]:
    """Return texts and JSON values that have broken other programs; another part of them for each seed."""
    texts = json.loads(shared.path("corpora/blns/blns.json").read_text())
    values: list[Any] = []
    for path in sorted(shared.path("corpora/JSONTestSuite/test_parsing").glob("[yi]_*.json")):
        try:
            values.append(json.loads(path.read_bytes()))
        except (ValueError, RecursionError):
            continue
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    pool = [*texts, *values, deep, 2**70, -(10**308), 1e308, True, b"\xff".decode("latin-1"), "9" * 5000]
    return [pool[(seed + step * 37) % len(pool)] for step in range(count)]


VALUES = 12 if FULL else 4  # for each handler
TOGETHER = 8  # handlers of one tab: with their values below the burst that a tab may send
FIELDS = ("name", "title", "text", "question", "email", "password", "parent", "reply_id", "wanted", "tenant", "current")


async def test_hostile_values_are_answered(acme: Identity) -> None:
    """S9: every handler takes what has broken others, as a value and in a form, or refuses it in words."""
    cookie = sign_in(acme)
    names = [name for name in sorted(OURS) if argument_names(name) and not registered_background(name)]
    for first in range(0, len(names), TOGETHER):  # a tab that sends too much is not listened to
        async with Tab(cookie) as tab:
            await tab.goto(QUIET)
            for place, name in enumerate(names[first : first + TOGETHER], first):
                await send_hostile(tab, name, hostile(place * VALUES, VALUES))


async def send_hostile(tab: Tab, name: str, values: list[Any]) -> None:
    """Send values to a handler, each alone and in a form; the tab is heard after it, and still signed in."""
    for value in values:
        for payload in (value, dict.fromkeys(FIELDS, value)):
            await tab.raw(name, dict.fromkeys(argument_names(name), payload))
            assert tab.errors == [], f"{name} of {str(payload)[:200]}: {tab.errors}"
    before = tab.get(FrameState, "sidebar_collapsed")
    tab.seen.clear()
    await tab.send(FrameState.toggle_sidebar())
    assert tab.get(FrameState, "sidebar_collapsed") is not before, name


def argument_names(name: str) -> list[str]:
    import inspect

    return [p for p in inspect.signature(OURS[name]).parameters if p != "self"]


def registered_background(name: str) -> bool:
    return bool(app._registration_context.event_handlers[name].handler.is_background)


def test_states_hold_no_public_secret() -> None:
    names = {field for state in rx.State.get_substates() for field in state.base_vars}
    assert not {n for n in names if any(word in n for word in ("hash", "secret", "token", "password", "identity"))}

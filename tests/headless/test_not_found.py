"""Missing: an address that names nothing says so inside the frame, whatever stands in it."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
import reflex as rx

from platform_app.db import owned, session_scope
from platform_app.errors import NotFound
from platform_app.models.crm import Lead
from platform_app.models.person import Identity
from platform_app.pages.registry import every_page
from platform_app.services.agents import agents
from platform_app.services.demo import demo
from platform_app.state.agents.agent import AgentState
from platform_app.state.console import base, live_updates
from platform_app.state.console.base import CurrentUser
from platform_app.state.crm.lead import LeadState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_edit_conflicts import StillHub

WITH_IDS = sorted(page.route for page in every_page() if page.route.count("[") > 1)
UNKNOWN = "0" * 32
ODD = ("%D0%BB%D0%B8%D0%B4", "%27%20or%201=1", "a" * 3000, "%00", "%E0%A4%A")


def address_of(route: str, given: str) -> str:
    return re.sub(r"\[\w+\]", given, route.replace("[tenant]", "acme"))


def held(tab: Tab, state: type[rx.State], name: str) -> Any:
    """Return a variable as the browser holds it, or nothing where it was not sent yet."""
    try:
        return tab.get(state, name)
    except KeyError:
        return ""


def missing(tab: Tab) -> bool:
    return bool(held(tab, CurrentUser, "not_found"))


async def open_missing(tab: Tab, address: str) -> None:
    """Open an address and wait until the page says that there is nothing; no toast says it too."""
    tab.said.clear()
    tab.seen.clear()
    await tab.goto(address, settle=False)
    await tab.until(lambda: missing(tab), 5)
    assert tab.errors == [], address
    assert "toast" not in tab.scripts(), address


@pytest.mark.parametrize("route", WITH_IDS)
async def test_an_unknown_id_is_not_found(route: str, who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await open_missing(tab, address_of(route, UNKNOWN))
        await tab.goto("/manage/acme/settings")
        assert not missing(tab)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:12])
async def test_odd_letters_in_an_address_are_not_found(odd: str, who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        for route in WITH_IDS:
            await open_missing(tab, address_of(route, odd))


async def test_a_row_of_another_tenant_is_not_found(who: Identity, other: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        demo.load(session, who)
    with session_scope(who.tenant_id, read_only=True) as session:
        lead = session.exec(owned(Lead, who.tenant_id)).first().id
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/leads/{lead}", settle=False)
        await tab.until(lambda: held(tab, LeadState, "card_key"))
        assert not missing(tab)
    async with Tab(sign_in(other)) as tab:
        await open_missing(tab, f"/manage/globex/leads/{lead}")


async def test_what_is_deleted_while_its_page_is_open_is_not_found(
    who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = StillHub()
    monkeypatch.setattr(live_updates, "hub", hub)
    with session_scope(who.tenant_id) as session:
        agent = agents.create(session, who, {"name": "Short-lived"})
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/agents/{agent.id}", settle=False)
        await tab.until(lambda: held(tab, AgentState, "agent_key"))
        with session_scope(who.tenant_id) as session:
            agents.delete(session, who, agent.id)
        await tab.until(lambda: bool(hub.pages))
        hub.tell("agent", agent.id)
        await tab.until(lambda: missing(tab))
        assert tab.errors == [] and "toast" not in tab.scripts()


async def test_an_address_without_a_page_is_not_found(who: Identity) -> None:
    for address in ("/manage/acme/nowhere", "/nowhere", "/manage/acme/agents/1/2/3/4"):
        async with Tab(sign_in(who)) as tab:
            await tab.goto(address)
            assert (tab.get(CurrentUser, "view"), tab.get(CurrentUser, "slug")) == ("ok", "acme"), address
    async with Tab(language="ru") as stranger:
        await stranger.goto("/nowhere")
        assert (stranger.get(CurrentUser, "view"), stranger.get(CurrentUser, "language")) == ("ok", "ru")
        assert "/sign-in" not in stranger.scripts()


@pytest.mark.parametrize(("opened", "expected"), [("/manage/acme/leads", True), ("/manage/acme/leads/x", False)])
async def test_of_a_page_that_was_left_nothing_is_said(
    opened: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = SimpleNamespace(not_found=False)

    async def current_user(state: object) -> SimpleNamespace:
        return shown

    def watch() -> None: ...

    setattr(watch, base.ON_LOAD_MARK, True)
    monkeypatch.setattr(base, "current_user", current_user)
    page: Any = SimpleNamespace(router=SimpleNamespace(url=SimpleNamespace(path="/manage/acme/leads")))
    await base._report_error(page, watch, NotFound("Lead not found."), opened=opened, background=False)
    assert shown.not_found is expected

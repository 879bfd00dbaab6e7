"""Availability in the console: what members say of themselves, who sees it, and open tabs that count as presence."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.automation.availability import Availability
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.hub import hub
from platform_app.models.person import Identity, Member, Role
from platform_app.services.accounts import availability, member_changes
from platform_app.state.accounts.members import MembersState
from platform_app.state.accounts.working_hours import WorkingHoursState
from platform_app.state.console.frame import FrameState
from platform_app.state.console.open_tabs import OpenTabs
from platform_app.state.inbox.assignees import list_assignees
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import call

PAGE = "/manage/acme/settings"
WEEK = {f"start_{day}": "09:00" for day in range(1, 8)} | {f"end_{day}": "18:00" for day in range(1, 8)}


def states(who: Identity) -> dict[str, Availability]:
    found: dict[str, Availability] = call(who, availability.list_availability)
    return found


def last_seen(who: Identity, minutes: float) -> None:
    with session_scope(who.tenant_id) as session:
        row = session.exec(owned(Member, who.tenant_id).where(Member.user_id == who.user_id)).one()
        row.seen_at = now() - timedelta(minutes=minutes)


async def test_a_member_says_that_they_are_away(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert tab.get(FrameState, "is_away") is False and states(who)[who.user_id] == Availability.AVAILABLE
        await tab.send(FrameState.set_away(True))
        assert tab.get(FrameState, "is_away") is True and states(who)[who.user_id] == Availability.AWAY
        await tab.send(FrameState.set_away(False))
        assert states(who)[who.user_id] == Availability.AVAILABLE and "You’re online." in tab.scripts()


async def test_a_member_says_when_they_work(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        assert tab.get(WorkingHoursState, "always") is True
        await tab.send(WorkingHoursState.set_always(False))
        await tab.send(WorkingHoursState.save({**WEEK, "works_1": "on", "works_6": True, "hours_zone": "Asia/Omsk"}))
        hours = call(who, availability.get_own).hours
        periods = [(one.days, one.start, one.end) for one in hours.periods]
        assert periods == [([1], "09:00", "18:00"), ([6], "09:00", "18:00")]
        assert hours.zone == "Asia/Omsk"
        for wrong in ({"end_1": "08:00", "works_1": "on"}, {}, {"start_1": "x" * 99, "works_1": "on"}):
            await tab.send(WorkingHoursState.set_always(False))
            await tab.send(WorkingHoursState.save(WEEK | wrong))
            assert tab.get(WorkingHoursState, "problem_field") == "periods"
        assert call(who, availability.get_own).hours == hours
        await tab.send(WorkingHoursState.save({**WEEK, "works_1": "on", "hours_zone": "Mars/Olympus"}))
        assert tab.get(WorkingHoursState, "problem") == "Unknown time zone."
        await tab.send(WorkingHoursState.set_always(True))
        await tab.send(WorkingHoursState.save({"hours_zone": ""}))
        assert call(who, availability.get_own).hours.periods == []


async def test_days_off_are_added_and_removed(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)
        await tab.send(WorkingHoursState.add_days_off({"first": "2026-12-24", "last": "2027-01-02"}))
        await tab.send(WorkingHoursState.add_days_off({"first": "2026-12-01", "last": ""}))
        await tab.send(WorkingHoursState.set_always(False))
        await tab.send(WorkingHoursState.add_days_off({"first": "2026-12-01", "last": "2026-12-01"}))
        assert tab.get(WorkingHoursState, "always") is False  # what is not saved yet stays
        rows = tab.get(WorkingHoursState, "days_off")
        assert [(row.first, row.last) for row in rows] == [("2026-12-01", "2026-12-01"), ("2026-12-24", "2027-01-02")]
        assert rows[0].words == "Dec 1, 2026" and rows[1].words == "Dec 24, 2026 – Jan 2, 2027"
        for form in ({"first": "2026-12-02", "last": "2026-12-01"}, {"first": "x"}, {}):
            await tab.send(WorkingHoursState.add_days_off(form))
            assert tab.get(WorkingHoursState, "problem_field") == "days_off"
        await tab.send(WorkingHoursState.remove_days_off("2026-12-24", "2027-01-02"))
        assert len(call(who, availability.get_own).hours.days_off) == 1


async def test_others_see_it_among_the_members_and_where_they_assign(who: Identity) -> None:
    operator, viewer = make_member(who, Role.OPERATOR), make_member(who, Role.VIEWER)
    last_seen(operator, 31)
    call(viewer, availability.set_away, True)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"{PAGE}/members", settle=False)

        def rows() -> list[Any]:
            return tab.get(MembersState, "rows") if tab.seen.get(MembersState.get_full_name()) else []

        await tab.until(rows)
        assert [(row.colour, row.availability) for row in rows()] == [
            ("green", "Online"),
            ("gray", "Away: no open page"),
            ("amber", "Away"),
        ]
    names = [one.name for one in call(who, list_assignees, "ru")]
    assert names == [who.name, f"{operator.name} (Нет на месте: страница не открыта)"]


async def test_an_open_page_counts_as_presence(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, disabled = make_member(who, Role.OPERATOR), make_member(who, Role.VIEWER)
    call(who, member_changes.set_access, disabled.user_id, allowed=False)
    for one in (who, operator):
        last_seen(one, 60)
    tabs, connected = OpenTabs(), {"a", "c"}
    monkeypatch.setattr(hub, "is_connected", connected.__contains__)
    for tab, member in (("a", who), ("b", operator), ("c", disabled)):
        tabs.note(tab, member)
    await tabs.write()
    assert states(who) == {who.user_id: Availability.AVAILABLE, operator.user_id: Availability.IDLE}
    assert tabs.present() == {(who.tenant_id, who.user_id), (who.tenant_id, disabled.user_id)}
    tabs.note("a", None)
    connected.clear()
    assert tabs.present() == set()


def test_what_cannot_be_read_counts_as_no_hours(who: Identity) -> None:
    last_seen(who, 1)
    with session_scope(who.tenant_id) as session:
        row = session.exec(owned(Member, who.tenant_id)).one()
        row.working_hours = {"periods": "often"}
    assert states(who) == {who.user_id: Availability.AVAILABLE}

"""Availability in the console: what members say of themselves, who sees it, and open tabs that count as presence."""

from datetime import timedelta
from typing import Any

import pytest

from platform_app.automation.availability import BACKWARDS, EMPTY, MAX_PERIODS, OVERLAPPING, Availability
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


def week(tab: Tab, **periods: str) -> dict[str, object]:
    """Return the form with hours such as day_1="09:00-13:00 14:00-18:00"; days without any are not ticked."""
    form: dict[str, object] = {}
    for day in tab.get(WorkingHoursState, "days"):
        wanted = periods.get(f"day_{day.number}", "").split()
        form |= {f"works_{day.number}": "on"} if wanted else {}
        for row, hours in zip(day.periods, wanted, strict=False):
            form[f"start_{row.key}"], form[f"end_{row.key}"] = hours.split("-")
    return form


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
        await tab.send(WorkingHoursState.add_period(1))
        form = week(tab, day_1="09:00-13:00 14:00-00:00", day_6="10:00-12:00")
        await tab.send(WorkingHoursState.save(form | {"hours_zone": "Asia/Omsk"}))
        hours = call(who, availability.get_own).hours
        periods = [(one.days, one.start, one.end) for one in hours.periods]
        assert periods == [([1], "09:00", "13:00"), ([1], "14:00", "24:00"), ([6], "10:00", "12:00")]
        assert hours.zone == "Asia/Omsk"
        for wrong, said in (
            ("09:00-13:00 12:59-18:00", OVERLAPPING),
            ("09:00-13:00 18:00-14:00", BACKWARDS),
            ("09:00-13:00 soon-later", BACKWARDS),
        ):
            await tab.send(WorkingHoursState.save(week(tab, day_1=wrong)))
            second = tab.get(WorkingHoursState, "days")[0].periods[1].key
            assert (tab.get(WorkingHoursState, "problem"), tab.get(WorkingHoursState, "problem_key")) == (said, second)
        await tab.send(WorkingHoursState.save(week(tab)))
        assert tab.get(WorkingHoursState, "problem") == EMPTY and tab.get(WorkingHoursState, "problem_key") == ""
        assert call(who, availability.get_own).hours == hours
        await tab.send(
            WorkingHoursState.save({**week(tab, day_1="09:00-13:00 14:00-18:00"), "hours_zone": "Mars/Olympus"})
        )
        assert tab.get(WorkingHoursState, "problem") == "Unknown time zone."
        await tab.send(WorkingHoursState.set_always(True))
        await tab.send(WorkingHoursState.save({"hours_zone": ""}))
        assert call(who, availability.get_own).hours.periods == []


async def test_periods_are_added_and_removed(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto(PAGE)

        def periods(place: int = 0) -> list[Any]:
            return list(tab.get(WorkingHoursState, "days")[place].periods)

        for _ in range(MAX_PERIODS):
            await tab.send(WorkingHoursState.add_period(1))
        assert len(periods()) == MAX_PERIODS and tab.get(WorkingHoursState, "days")[0].is_full
        assert "You can add up to 6 periods a day." in tab.scripts()
        for row in periods():
            await tab.send(WorkingHoursState.remove_period(1, row.key))
        assert [row.number for row in periods()] == ["1"] and len(periods(1)) == 1
        await tab.send(WorkingHoursState.add_period(8))
        assert "isn’t allowed" in tab.scripts()


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

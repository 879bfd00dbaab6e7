"""Availability: who works when, in any time zone and over clock changes."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from platform_app.automation.availability import (
    IDLE_AFTER,
    Availability,
    DaysOff,
    Presence,
    WorkingHours,
    availability_at,
    parse_hours,
)
from platform_app.automation.calendar import Period
from platform_app.errors import Invalid

ZONES = ["UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
ZONES += ["Pacific/Apia", "America/St_Johns"]
OFFICE = [Period(days=[1, 2, 3, 4, 5], start="09:00", end="18:00")]


def state(at: datetime, hours: WorkingHours, *, zone: str = "Europe/Berlin", is_away: bool = False) -> Availability:
    return availability_at(Presence(is_away, hours, at), zone, at)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-30T07:59:59", Availability.OUTSIDE_HOURS),  # Monday 08:59:59 in Berlin
        ("2026-11-30T08:00:00", Availability.AVAILABLE),
        ("2026-11-30T16:59:59", Availability.AVAILABLE),
        ("2026-11-30T17:00:00", Availability.OUTSIDE_HOURS),
        ("2026-11-29T12:00:00", Availability.OUTSIDE_HOURS),  # Sunday
        ("2026-07-06T07:00:00", Availability.AVAILABLE),  # summer time: 09:00
        ("2026-07-06T16:00:00", Availability.OUTSIDE_HOURS),
    ],
)
def test_hours_are_those_of_the_members_clock(at: str, expected: Availability) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert state(moment, WorkingHours(periods=OFFICE)) == expected
    assert state(moment, WorkingHours(periods=OFFICE, zone="Europe/Berlin"), zone="Asia/Tokyo") == expected


def test_the_repeated_hour_counts_twice_and_the_skipped_one_never() -> None:
    night = WorkingHours(periods=[Period(days=[7], start="02:00", end="03:00")])
    autumn = datetime(2026, 10, 24, 22, tzinfo=UTC)  # 02:00 to 03:00 happens twice in Berlin on the 25th
    works = [state(autumn + timedelta(minutes=30 * step), night) == Availability.AVAILABLE for step in range(12)]
    assert sum(works) == 4
    spring = datetime(2026, 3, 28, 22, tzinfo=UTC)  # and never on the 29th
    assert not any(state(spring + timedelta(minutes=5 * step), night) == Availability.AVAILABLE for step in range(72))


def test_the_first_reason_is_said() -> None:
    at = datetime(2026, 11, 30, 3, tzinfo=UTC)
    hours = WorkingHours(periods=OFFICE, days_off=[DaysOff(first=date(2026, 11, 30), last=date(2026, 12, 2))])
    gone = at - IDLE_AFTER - timedelta(seconds=1)
    assert availability_at(Presence(True, hours, gone), "UTC", at) == Availability.AWAY
    assert availability_at(Presence(False, hours, gone), "UTC", at) == Availability.DAY_OFF
    assert availability_at(Presence(False, WorkingHours(periods=OFFICE), gone), "UTC", at) == Availability.OUTSIDE_HOURS
    assert availability_at(Presence(False, WorkingHours(), gone), "UTC", at) == Availability.IDLE
    assert availability_at(Presence(False, WorkingHours(), None), "UTC", at) == Availability.IDLE
    assert availability_at(Presence(False, WorkingHours(), at - IDLE_AFTER), "UTC", at) == Availability.AVAILABLE


def test_days_off_are_those_of_the_members_calendar() -> None:
    hours = WorkingHours(zone="Asia/Tokyo", days_off=[DaysOff(first=date(2026, 12, 1), last=date(2026, 12, 1))])
    assert state(datetime(2026, 11, 30, 14, 59, tzinfo=UTC), hours) == Availability.AVAILABLE
    assert state(datetime(2026, 11, 30, 15, 0, tzinfo=UTC), hours) == Availability.DAY_OFF
    assert state(datetime(2026, 12, 1, 15, 0, tzinfo=UTC), hours) == Availability.AVAILABLE


@pytest.mark.parametrize(
    "data",
    [
        {"periods": [{"days": [1], "start": "18:00", "end": "09:00"}]},
        {"periods": [{"days": [8]}]},
        {"periods": [{}] * 43},
        {"zone": "Mars/Olympus"},
        {"days_off": [{"first": "2026-12-02", "last": "2026-12-01"}]},
        {"days_off": [{"first": "x", "last": "y"}]},
        {"days_off": [{"first": "2026-12-01", "last": "2026-12-01"}] * 51},
    ],
)
def test_what_is_no_working_hours_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorkingHours.model_validate(data)


@pytest.mark.parametrize(
    ("periods", "field"),
    [
        ([("1", "09:00", "13:00"), ("1", "13:00", "18:00"), ("2", "09:00", "18:00")], ""),
        ([("12", "09:00", "13:00"), ("2", "12:59", "18:00")], "periods.1"),
        ([("1", "14:00", "18:00"), ("1", "09:00", "24:00")], "periods.1"),
        ([("1", "09:00", "13:00"), ("1", "14:00", "14:00")], "periods.1"),
        ([("3", f"0{hour}:00", f"0{hour}:30") for hour in range(7)], "periods.6"),
    ],
)
def test_hours_of_a_day_do_not_overlap(periods: list[tuple[str, str, str]], field: str) -> None:
    data = {"periods": [{"days": [*map(int, days)], "start": start, "end": end} for days, start, end in periods]}
    if not field:
        lunch = datetime(2026, 11, 30, 13, tzinfo=UTC)  # Monday; the first period ends as the second begins
        assert state(lunch, parse_hours(data), zone="UTC") == Availability.AVAILABLE
        return
    with pytest.raises(Invalid) as refused:
        parse_hours(data)
    assert refused.value.field == field


def test_nobody_is_available_between_two_periods() -> None:
    split = [Period(days=[1], start="09:00", end="13:00"), Period(days=[1], start="14:00", end="18:00")]
    at = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
    states = [state(at + timedelta(hours=hour), WorkingHours(periods=split), zone="UTC") for hour in range(11)]
    works = [found == Availability.AVAILABLE for found in states]
    assert works == [False, *[True] * 4, False, *[True] * 4, False]


@given(
    at=st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    days=st.sets(st.integers(1, 7), min_size=1),
    start=st.integers(0, 1438),
    length=st.integers(1, 1440),
)
def test_in_every_zone_the_wall_clock_decides(at: datetime, zone: str, days: set[int], start: int, length: int) -> None:
    end = min(start + length, 1440)
    period = Period(days=sorted(days), start=_clock(start), end=_clock(end))
    wall = at + (at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta())  # the local time, as arithmetic
    minute = wall.hour * 60 + wall.minute
    expected = wall.weekday() + 1 in days and start <= minute < end
    found = state(at, WorkingHours(periods=[period], zone=zone))
    assert (found == Availability.AVAILABLE) is expected
    assert found == state(at, WorkingHours(periods=[period]), zone=zone)  # the tenant's zone is the default


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"

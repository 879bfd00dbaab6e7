"""Calendar: delays and windows over time zones, holidays and changes of the clock, by a table and a plain search."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from platform_app.automation.calendar import Calendar, Delay, Period, Timing, WaitReason, due_time, next_opening

ZONES = ["Europe/Moscow", "Asia/Vladivostok", "America/New_York", "Europe/Kyiv", "Australia/Lord_Howe", "UTC"]
OFFICE = [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "17:00"}]
DAILY = [{"days": [1, 2, 3, 4, 5, 6, 7], "start": "10:00", "end": "12:00"}]
TWICE = [{"days": [1, 2, 3, 4, 5], "start": s, "end": e} for s, e in (("09:00", "12:00"), ("14:00", "18:00"))]
NIGHT = [{"days": [7], "start": "02:30", "end": "05:00"}]
TABLE: list[tuple[str, str, dict[str, Any], str]] = [
    # zone, arrived there, timing, due there
    ("Europe/Moscow", "2026-11-23 18:00", {"delay": (2, "days"), "periods": OFFICE}, "2026-11-26 09:00"),
    ("Europe/Moscow", "2026-11-26 09:00", {"delay": (2, "days")}, "2026-11-28 09:00"),
    ("Europe/Moscow", "2026-11-23 18:00", {}, "2026-11-23 18:00"),
    ("Europe/Moscow", "2026-11-23 18:00", {"delay": (90, "minutes")}, "2026-11-23 19:30"),
    ("Europe/Moscow", "2026-11-23 18:00", {"delay": (2, "weeks")}, "2026-12-07 18:00"),
    ("Europe/Moscow", "2026-11-23 08:59", {"periods": OFFICE}, "2026-11-23 09:00"),
    ("Europe/Moscow", "2026-11-23 09:00", {"periods": OFFICE}, "2026-11-23 09:00"),
    ("Europe/Moscow", "2026-11-23 16:59", {"periods": OFFICE}, "2026-11-23 16:59"),
    ("Europe/Moscow", "2026-11-23 17:00", {"periods": OFFICE}, "2026-11-24 09:00"),
    ("Europe/Moscow", "2026-11-27 17:00", {"periods": OFFICE}, "2026-11-30 09:00"),
    ("Europe/Moscow", "2026-11-28 12:00", {"periods": OFFICE}, "2026-11-30 09:00"),
    ("Europe/Moscow", "2026-11-23 12:30", {"periods": TWICE}, "2026-11-23 14:00"),
    ("Europe/Moscow", "2026-11-23 18:30", {"periods": TWICE}, "2026-11-24 09:00"),
    ("Europe/Moscow", "2026-12-31 18:00", {"periods": OFFICE, "not_on_holidays": True}, "2027-01-04 09:00"),
    ("Europe/Moscow", "2026-12-31 18:00", {"periods": OFFICE}, "2027-01-01 09:00"),
    ("Europe/Moscow", "2026-12-31 23:00", {"not_on_holidays": True}, "2026-12-31 23:00"),
    ("Europe/Moscow", "2027-01-01 00:00", {"not_on_holidays": True}, "2027-01-02 00:00"),
    ("Europe/Moscow", "2026-11-23 18:00", {"until": ("10:00", False)}, "2026-11-24 10:00"),
    ("Europe/Moscow", "2026-11-23 08:00", {"until": ("10:00", False)}, "2026-11-24 10:00"),
    ("Europe/Moscow", "2026-11-23 08:00", {"until": ("10:00", True)}, "2026-11-23 10:00"),
    ("Europe/Moscow", "2026-11-23 10:01", {"until": ("10:00", True)}, "2026-11-24 10:00"),
    ("Europe/Moscow", "2026-11-27 18:00", {"until": ("10:00", False)}, "2026-11-30 10:00"),
    ("Europe/Moscow", "2026-12-31 18:00", {"until": ("10:00", False), "not_on_holidays": True}, "2027-01-04 10:00"),
    ("Asia/Vladivostok", "2026-11-23 18:00", {"delay": (2, "days"), "periods": OFFICE}, "2026-11-26 09:00"),
    ("Asia/Vladivostok", "2026-11-29 23:59", {"periods": DAILY}, "2026-11-30 10:00"),
    ("America/New_York", "2026-03-07 09:00", {"delay": (1, "days")}, "2026-03-08 09:00"),  # 23 hours
    ("America/New_York", "2026-03-07 09:00", {"delay": (24, "hours")}, "2026-03-08 10:00"),
    ("America/New_York", "2026-10-31 09:00", {"delay": (1, "days")}, "2026-11-01 09:00"),  # 25 hours
    ("America/New_York", "2026-10-31 09:00", {"delay": (24, "hours")}, "2026-11-01 08:00"),
    ("America/New_York", "2026-03-07 02:30", {"delay": (1, "days")}, "2026-03-08 03:30"),  # 02:30 is left out
    ("America/New_York", "2026-03-08 00:10", {"periods": NIGHT}, "2026-03-08 03:00"),  # opens right after the gap
    ("America/New_York", "2026-11-01 00:10", {"periods": NIGHT}, "2026-11-01 02:30"),
    ("America/New_York", "2026-03-07 18:00", {"until": ("10:00", False)}, "2026-03-09 10:00"),
    ("Europe/Kyiv", "2026-03-28 12:00", {"delay": (1, "days")}, "2026-03-29 12:00"),
    ("Europe/Kyiv", "2026-03-28 12:00", {"delay": (24, "hours")}, "2026-03-29 13:00"),
    ("Europe/Kyiv", "2026-10-24 12:00", {"delay": (1, "weeks")}, "2026-10-31 12:00"),
    ("Europe/Kyiv", "2026-10-24 12:00", {"delay": (168, "hours")}, "2026-10-31 11:00"),
    ("Europe/Kyiv", "2026-03-28 03:30", {"delay": (1, "days")}, "2026-03-29 04:30"),
    ("Europe/Kyiv", "2026-03-27 18:00", {"delay": (2, "days"), "periods": OFFICE}, "2026-03-30 09:00"),
    ("Europe/Kyiv", "2026-10-23 18:00", {"delay": (2, "days"), "periods": OFFICE}, "2026-10-26 09:00"),
    ("UTC", "2028-02-28 12:00", {"delay": (1, "days")}, "2028-02-29 12:00"),
    ("UTC", "2026-11-23 23:30", {"periods": [{"days": [1], "start": "22:00", "end": "24:00"}]}, "2026-11-23 23:30"),
    ("UTC", "2026-11-24 00:00", {"periods": [{"days": [1], "start": "22:00", "end": "24:00"}]}, "2026-11-30 22:00"),
]


def timing(given: dict[str, Any]) -> Timing:
    rest = dict(given)
    if "delay" in rest:
        count, unit = rest.pop("delay")
        rest["delay"] = {"kind": "span", "count": count, "unit": unit}
    if "until" in rest:
        clock, today = rest.pop("until")
        rest["delay"] = {"kind": "until", "time": clock, "may_be_today": today}
    return Timing.model_validate(rest)


def calendar(zone: str) -> Calendar:
    return Calendar(zone, "", frozenset([date(2027, 1, 1)]))


@pytest.mark.parametrize(("zone", "arrived", "given", "wanted"), TABLE)
def test_due(zone: str, arrived: str, given: dict[str, Any], wanted: str) -> None:
    there = datetime.fromisoformat(arrived).replace(tzinfo=ZoneInfo(zone))
    found = due_time(timing(given), there.astimezone(UTC), calendar(zone)).at
    assert found is not None and found.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == wanted


def is_open(own: Timing, at: datetime, zone: ZoneInfo, holidays: frozenset[date]) -> bool:
    """Tell plainly whether a window is open at a moment."""
    there = at.astimezone(zone)
    if own.not_on_holidays and there.date() in holidays:
        return False
    clock = there.strftime("%H:%M")
    return not own.periods or any(
        there.isoweekday() in one.days and one.start <= clock < one.end for one in own.periods
    )


def searched(own: Timing, at: datetime, zone: ZoneInfo, holidays: frozenset[date]) -> datetime | None:
    """Return the first moment at which a window is open, minute by minute."""
    if is_open(own, at, zone, holidays):
        return at
    moment = at.replace(second=0, microsecond=0)
    for _ in range(60 * 24 * 16):
        moment += timedelta(minutes=1)
        if is_open(own, moment, zone, holidays):
            return moment
    return None


def made_up(chance: random.Random) -> Timing:
    """Return a window of chance."""
    periods = []
    for _ in range(chance.randint(0, 3)):
        start = chance.randrange(0, 23 * 60)
        end = min(start + chance.choice([1, 30, 240, 600]), 24 * 60)
        periods.append(
            Period(
                days=sorted(chance.sample(range(1, 8), chance.randint(1, 7))),
                start=f"{start // 60:02}:{start % 60:02}",
                end=f"{end // 60:02}:{end % 60:02}",
            )
        )
    return Timing(periods=periods, not_on_holidays=chance.random() < 0.5)


def test_a_window_opens_when_a_search_minute_by_minute_says_so() -> None:
    chance = random.Random(7)
    changes = [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)]
    changes += [datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 4, 5, tzinfo=UTC), datetime(2026, 10, 4, tzinfo=UTC)]
    for _ in range(400):
        zone, own = ZoneInfo(chance.choice(ZONES)), made_up(chance)
        at = chance.choice(changes) + timedelta(seconds=chance.randrange(-2 * 86_400, 2 * 86_400))
        days = frozenset(at.date() + timedelta(days=chance.randrange(-1, 4)) for _ in range(2))
        wanted = searched(own, at, zone, days)
        found = next_opening(own, at, Calendar(zone.key, "", days))
        assert found == wanted or wanted is None, (zone, own, at)


def test_whose_time_of_day_counts() -> None:
    at = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    ten = {"delay": {"kind": "until", "time": "10:00"}}
    both = Calendar("Europe/Moscow", "Asia/Vladivostok")
    found = [
        due_time(Timing.model_validate(ten | {"zone": zone, "fixed_zone": "UTC"}), at, both).at
        for zone in ("tenant", "contact", "fixed")
    ]
    assert [one.hour for one in found if one] == [7, 0, 10]
    unknown = Calendar("Europe/Moscow", "")
    assert due_time(Timing.model_validate(ten | {"zone": "contact"}), at, unknown).at == found[0]


def test_says_what_was_waited_for() -> None:
    own, at = (
        timing({"delay": (1, "days"), "periods": OFFICE, "not_on_holidays": True}),
        datetime(2026, 12, 30, 20, tzinfo=UTC),
    )
    assert [wait for wait, _ in due_time(own, at, calendar("UTC")).waits] == [WaitReason.DELAY, WaitReason.HOLIDAY]
    assert [wait for wait, _ in due_time(own, at - timedelta(days=2), calendar("UTC")).waits] == [
        WaitReason.DELAY,
        WaitReason.WINDOW,
    ]
    assert due_time(timing({"until": ("10:00", False)}), at, calendar("UTC")).waits[0][0] == WaitReason.UNTIL


def test_a_window_that_never_opens_is_said() -> None:
    never = Calendar("UTC", "", frozenset(date(2026, 11, 23) + timedelta(days=day) for day in range(900)))
    own = timing({"periods": OFFICE, "not_on_holidays": True})
    assert due_time(own, datetime(2026, 11, 23, tzinfo=UTC), never).at is None


@pytest.mark.parametrize(
    "given",
    [
        {"periods": [{"days": [1], "start": "17:00", "end": "09:00"}]},
        {"periods": [{"days": [], "start": "09:00", "end": "17:00"}]},
        {"periods": [{"days": [8]}]},
        {"periods": [{"start": "25:00", "end": "26:00"}]},
        {"zone": "fixed", "fixed_zone": "Nowhere/Land"},
        {"delay": {"kind": "span", "count": 0}},
        {"delay": {"kind": "span", "count": 105, "unit": "weeks"}},
        {"delay": {"kind": "until", "days": []}},
    ],
)
def test_what_is_no_timing_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Timing.model_validate(given)


def test_the_longest_delay_is_taken() -> None:
    assert Delay(kind="span", count=104, unit="weeks").count == 104

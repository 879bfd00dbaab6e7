"""Periods: days of the tenant's zone, the days before them, and weeks for a long one."""

from datetime import UTC, date, datetime, timedelta

import pytest

from platform_app.errors import Invalid
from platform_app.services.analytics import periods

NOW = datetime(2026, 3, 30, 10, tzinfo=UTC)


def test_a_span_ends_today_and_is_compared_with_as_much_of_the_days_before() -> None:
    week = periods.latest("7", "Europe/Berlin", NOW)
    assert (week.first, week.last, week.days) == (date(2026, 3, 24), date(2026, 3, 30), 7)
    assert week.range == (datetime(2026, 3, 23, 23, tzinfo=UTC), NOW)  # 155 hours: one was left out on Sunday
    begin, end = week.range_before
    assert (begin, end - begin) == (datetime(2026, 3, 16, 23, tzinfo=UTC), NOW - week.range[0])


def test_days_that_are_over_are_compared_with_whole_days() -> None:
    past = periods.between(date(2026, 3, 28), date(2026, 3, 29), "Europe/Berlin", NOW)
    assert past.range[1] - past.range[0] == timedelta(hours=47)
    assert past.range_before[1] - past.range_before[0] == timedelta(hours=48)
    assert past.range_before[1] == past.range[0]


def test_a_year_has_52_weeks() -> None:
    year = periods.latest("year", "UTC", NOW)
    assert (year.days, year.is_weekly, len(year.parts)) == (364, True, 52)
    assert year.parts[0] == year.first and year.parts[-1] == date(2026, 3, 24)
    assert len(periods.latest("90", "UTC", NOW).parts) == 90
    uneven = periods.between(date(2026, 1, 1), date(2026, 4, 9), "UTC", NOW)  # 99 days
    assert uneven.parts[:2] == [date(2026, 1, 1), date(2026, 1, 2)] and len(uneven.parts) == 15


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-03-02", "2026-03-01"),
        ("2026-04-01", "2026-04-02"),
        ("2020-01-01", "2026-01-01"),
        ("0001-01-01", "0001-01-02"),
        ("2026-03-01", ""),
        ("", "2026-03-01"),
        ("yesterday", "2026-03-01"),
        ("20260301", "20260302"),
        ("2026-02-30", "2026-03-01"),
    ],
)
def test_what_is_no_period_is_refused(first: str, last: str) -> None:
    with pytest.raises(Invalid):
        periods.parse("7", first, last, zone="UTC", now=NOW)


def test_what_an_address_names() -> None:
    assert periods.parse("", "", "", zone="UTC", now=NOW) == periods.latest("30", "UTC", NOW)
    assert periods.parse("90", "", "", zone="UTC", now=NOW).days == 90
    assert periods.parse("90", "2026-03-01", "2026-03-01", zone="UTC", now=NOW).days == 1

"""Times in words: just now, minutes, hours of the day, yesterday, weekday, date; and the same way forward."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from platform_app.i18n import day_name, duration, money, relative_time

NOW = datetime(2026, 11, 30, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "english", "russian"),
    [
        (timedelta(seconds=59), "just now", "только что"),
        (timedelta(seconds=84), "1 minute ago", "1 минуту назад"),
        (timedelta(minutes=59), "59 minutes ago", "59 минут назад"),
        (timedelta(minutes=62), "1 hour ago", "1 час назад"),
        (timedelta(hours=13), "13 hours ago", "13 часов назад"),
        (timedelta(hours=15), "yesterday 23:00", "вчера 23:00"),
        (timedelta(days=2), "Sat 14:00", "сб 14:00"),
        (timedelta(days=7), "Nov 23", "23 нояб."),
        (timedelta(days=400), "Oct 26, 2025", "26 окт. 2025"),
        (-timedelta(minutes=5), "in 5 minutes", "через 5 минут"),
        (-timedelta(hours=19), "tomorrow 09:00", "завтра 09:00"),
        (-timedelta(days=3), "Thu 14:00", "чт 14:00"),
    ],
)
def test_a_time_is_said_as_people_say_it(ago: timedelta, english: str, russian: str) -> None:
    assert relative_time("en", NOW - ago, NOW, "UTC") == english
    assert relative_time("ru", NOW - ago, NOW, "UTC") == russian


def test_days_are_those_of_the_zone() -> None:
    at = NOW - timedelta(hours=4)
    assert relative_time("en", at, NOW, "UTC") == "4 hours ago"
    assert relative_time("en", at, NOW, "Asia/Vladivostok") == "yesterday 20:00"


def test_a_duration_takes_the_largest_unit() -> None:
    assert [duration("en", minutes) for minutes in (1, 90, 120, 1440)] == ["1 minute", "90 minutes", "2 hours", "1 day"]
    assert [duration("ru", minutes) for minutes in (1, 90, 120, 2880)] == ["1 минута", "90 минут", "2 часа", "2 дня"]


def test_money_has_the_currency_of_the_company() -> None:
    amount = Decimal("47000")
    assert [money("en", amount, code) for code in ("EUR", "RUB", "")] == ["€47,000", "RUB47,000", "47,000"]
    assert [money("ru", amount, code) for code in ("RUB", "EUR", "")] == [
        "47\xa0000\xa0₽",
        "47\xa0000\xa0€",
        "47\xa0000",
    ]
    assert money("en", Decimal("590.50"), "USD") == "$590.50"


@pytest.mark.parametrize(
    ("hours", "english", "russian"),
    [(13, "Today", "Сегодня"), (15, "Yesterday", "Вчера"), (39, "November 28", "28 ноября")],
)
def test_a_day_has_a_name(hours: int, english: str, russian: str) -> None:
    at = NOW - timedelta(hours=hours)
    assert (day_name("en", at, NOW, "UTC"), day_name("ru", at, NOW, "UTC")) == (english, russian)


def test_a_day_is_that_of_the_time_zone_and_names_another_year() -> None:
    assert day_name("en", NOW - timedelta(hours=13), NOW, "America/New_York") == "Yesterday"
    assert day_name("en", NOW - timedelta(days=400), NOW, "UTC") == "October 26, 2025"
    assert day_name("ru", NOW - timedelta(days=400), NOW, "UTC") == "26 октября 2025"

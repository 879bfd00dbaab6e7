"""Calendar: when a step is due: its delay, then its sending window, in a time zone. Nothing here reads a clock.

Minutes and hours are durations; days and weeks keep the time of day over clock changes. A window that opens at a time
of day skipped by a clock change opens right after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, Field, field_validator, model_validator

MAX_DAYS_AHEAD = 750  # days to search ahead
MAX_DELAY_WEEKS = 104
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)  # 1 is Monday
_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
_END = r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"


@lru_cache
def time_zone_names() -> frozenset[str]:
    """Return the names of all time zones, read from disk once."""
    return frozenset(available_timezones())


@lru_cache
def offered_time_zones() -> tuple[str, ...]:
    """Return the names of the time zones that a person may choose, in order: those of places."""
    return tuple(sorted(name for name in time_zone_names() if "/" in name and not name.startswith("Etc/")))


class Unit(StrEnum):
    """The unit of a delay."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


_MINUTES = {Unit.MINUTES: 1, Unit.HOURS: 60, Unit.DAYS: 24 * 60, Unit.WEEKS: 7 * 24 * 60}


class DelayKind(StrEnum):
    """How a delay is given."""

    NONE = "none"
    SPAN = "span"  # a number of minutes, hours, days or weeks
    UNTIL = "until"  # a time of day, on the next of some days of the week


class ZoneSource(StrEnum):
    """Whose time zone applies."""

    TENANT = "tenant"
    CONTACT = "contact"  # the tenant's if the contact's is unknown
    FIXED = "fixed"


def _days(days: list[int]) -> list[int]:
    if any(day not in EVERY_DAY for day in days):
        raise ValueError("1 is Monday, 7 is Sunday")
    return sorted(set(days))


class Delay(BaseModel, frozen=True):
    """The time to wait before the window applies."""

    kind: DelayKind = DelayKind.NONE
    count: int = Field(default=1, ge=1, le=MAX_DELAY_WEEKS * 7 * 24 * 60)
    unit: Unit = Unit.DAYS
    time: str = Field(default="10:00", pattern=_CLOCK)
    days: list[int] = Field(default_factory=lambda: [1, 2, 3, 4, 5], min_length=1)
    may_be_today: bool = False  # of UNTIL: also later on the day of arrival

    _check_days = field_validator("days")(_days)

    @model_validator(mode="after")
    def _is_not_too_long(self) -> "Delay":
        if self.count * _MINUTES[self.unit] > MAX_DELAY_WEEKS * _MINUTES[Unit.WEEKS]:
            raise ValueError(f"at most {MAX_DELAY_WEEKS} weeks")
        return self


class Period(BaseModel, frozen=True):
    """Hours on days of the week; the end is exclusive."""

    days: list[int] = Field(default_factory=lambda: [1, 2, 3, 4, 5], min_length=1)
    start: str = Field(default="09:00", pattern=_CLOCK)
    end: str = Field(default="17:00", pattern=_END)

    _check_days = field_validator("days")(_days)

    @model_validator(mode="after")
    def _ends_later(self) -> "Period":
        if self.end <= self.start:
            raise ValueError("a period ends later than it begins")
        return self


class Timing(BaseModel, frozen=True):
    """When a step may be taken: after a delay, at the first moment within the periods; none: at any time."""

    delay: Delay = Delay()
    periods: list[Period] = Field(default_factory=list, max_length=14)
    zone: ZoneSource = ZoneSource.TENANT
    fixed_zone: str = Field(default="UTC", max_length=60)
    not_on_holidays: bool = False  # the tenant's

    @field_validator("fixed_zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in time_zone_names():
            raise ValueError("no such time zone")
        return zone


@dataclass(frozen=True)
class Calendar:
    """Time zones and holidays of a tenant and a contact."""

    tenant_zone: str = "UTC"
    contact_zone: str = ""
    holidays: frozenset[date] = frozenset()

    def zone(self, timing: Timing) -> ZoneInfo:
        """Return the time zone of a timing: a fixed one, the contact's, or else the tenant's."""
        if timing.zone == ZoneSource.FIXED:
            return ZoneInfo(timing.fixed_zone)
        return ZoneInfo((timing.zone == ZoneSource.CONTACT and self.contact_zone) or self.tenant_zone)


class WaitReason(StrEnum):
    """Why a step is not taken at once."""

    DELAY = "delay"
    UNTIL = "until"
    WINDOW = "window"
    HOLIDAY = "holiday"  # the window would have opened without the holiday


@dataclass(frozen=True)
class DueTime:
    """When a step is due, and the reasons for waiting, each with the moment at which it ended."""

    at: datetime | None  # None: its window never opens
    waits: list[tuple[WaitReason, datetime]] = field(default_factory=list)


def due_time(timing: Timing, arrived: datetime, calendar: Calendar) -> DueTime:
    """Return when a step is due that was reached at `arrived`."""
    at = _after_delay(timing, arrived, calendar)
    if at is None:
        return DueTime(None)
    waits: list[tuple[WaitReason, datetime]] = []
    if at > arrived:
        waits.append((WaitReason.UNTIL if timing.delay.kind == DelayKind.UNTIL else WaitReason.DELAY, at))
    opened = _first_opening(timing, at, calendar, holidays=calendar.holidays if timing.not_on_holidays else frozenset())
    if opened is None:
        return DueTime(None, waits)
    if opened > at:
        without = _first_opening(timing, at, calendar, holidays=frozenset())
        waits.append((WaitReason.WINDOW if without == opened else WaitReason.HOLIDAY, opened))
    return DueTime(opened.astimezone(UTC), [(wait, moment.astimezone(UTC)) for wait, moment in waits])


def next_opening(timing: Timing, at: datetime, calendar: Calendar) -> datetime | None:
    """Return the first moment from `at` on at which a step's window is open, or None; delays are ignored."""
    opening = _first_opening(
        timing, at, calendar, holidays=calendar.holidays if timing.not_on_holidays else frozenset()
    )
    return opening.astimezone(UTC) if opening else None


def _after_delay(timing: Timing, arrived: datetime, calendar: Calendar) -> datetime | None:
    delay, zone = timing.delay, calendar.zone(timing)
    if delay.kind == DelayKind.NONE:
        return arrived
    if delay.kind == DelayKind.UNTIL:
        return _at_time_of_day(timing, arrived, calendar)
    if delay.unit in (Unit.MINUTES, Unit.HOURS):
        return arrived + timedelta(minutes=delay.count * _MINUTES[delay.unit])
    there = arrived.astimezone(zone).replace(tzinfo=None, fold=0)
    days = delay.count * (7 if delay.unit == Unit.WEEKS else 1)
    return _to_utc(there + timedelta(days=days), zone)


def _at_time_of_day(timing: Timing, arrived: datetime, calendar: Calendar) -> datetime | None:
    delay, zone = timing.delay, calendar.zone(timing)
    clock = time.fromisoformat(delay.time)
    today = arrived.astimezone(zone).date()
    for day in (today + timedelta(days=ahead) for ahead in range(0 if delay.may_be_today else 1, MAX_DAYS_AHEAD)):
        is_free = timing.not_on_holidays and day in calendar.holidays
        moment = _to_utc(datetime.combine(day, clock), zone)
        if day.isoweekday() in delay.days and not is_free and moment >= arrived:
            return moment
    return None


def _to_utc(there: datetime, zone: ZoneInfo, fold: int = 0) -> datetime:
    """Return the instant of a local time: a skipped one is shifted by the gap, of a repeated one the first."""
    return there.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _first_opening(timing: Timing, at: datetime, calendar: Calendar, *, holidays: frozenset[date]) -> datetime | None:
    periods = timing.periods
    if not periods:
        if not holidays:
            return at
        periods = [Period(days=list(EVERY_DAY), start="00:00", end="24:00")]
    zone = calendar.zone(timing)
    first = at.astimezone(zone).date()
    for day in (first + timedelta(days=ahead) for ahead in range(MAX_DAYS_AHEAD)):
        if day in holidays:
            continue
        openings = [moment for period in periods for moment in _openings_of_day(period, day, at, zone)]
        if openings:
            return min(openings)
    return None


def _openings_of_day(period: Period, day: date, at: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the moments of a day, from `at` on, at which a period may open."""
    if day.isoweekday() not in period.days:
        return
    start = datetime.combine(day, time.fromisoformat(period.start))
    for moment in (at, _to_utc(start, zone), _to_utc(start, zone, fold=1), *_clock_changes(day, zone)):
        there = moment.astimezone(zone)
        if moment >= at and there.date() == day and period.start <= there.strftime("%H:%M") < period.end:
            yield moment


def _clock_changes(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the instant of a clock change on a day, if any."""
    low = int(_to_utc(datetime.combine(day, time()), zone).timestamp()) - 1
    high = int(_to_utc(datetime.combine(day + timedelta(days=1), time()), zone, fold=1).timestamp())
    before = _offset(low, zone)
    if before == _offset(high, zone):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    yield datetime.fromtimestamp(high, UTC)


def _offset(moment: int, zone: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()

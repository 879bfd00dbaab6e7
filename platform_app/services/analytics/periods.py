"""Periods: the days that analytics counts, those before them, and the parts that a chart shows."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from platform_app.errors import Invalid

SPANS = {"7": 7, "30": 30, "90": 90, "year": 364}  # in days; a year is 52 weeks, so that weekdays are compared alike
DEFAULT_SPAN = "30"
MAX_DAYS = 731
MAX_DAILY = 92  # a longer period is shown by week
Range = tuple[datetime, datetime]  # in UTC; the end is exclusive


@dataclass(frozen=True)
class Period:
    """Consecutive days of a time zone, counted up to `now` if the last one is not over."""

    first: date
    last: date  # inclusive
    zone: str
    now: datetime

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def range(self) -> Range:
        """The time of the period, up to now."""
        begin = self._midnight(self.first)
        return begin, max(begin, min(self._midnight(self.last + timedelta(days=1)), self.now))

    @property
    def before(self) -> "Period":
        """As many days right before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1), self.zone, self.now)

    @property
    def range_before(self) -> Range:
        """The time of the days before; only as much of it as has passed of this period."""
        begin, end = self.range
        begin_before, end_before = self._midnight(self.before.first), begin
        is_over = end < self.now
        return begin_before, end_before if is_over else min(begin_before + (end - begin), end_before)

    @property
    def is_weekly(self) -> bool:
        """Whether its parts are weeks, not days."""
        return self.days > MAX_DAILY

    @property
    def parts(self) -> list[date]:
        """The first days of its parts, oldest first: days, or weeks of which only the first may be shorter."""
        step = 7 if self.is_weekly else 1
        count = -(-self.days // step)
        starts = [self.last - timedelta(days=step * back - 1) for back in range(count, 0, -1)]
        return [max(start, self.first) for start in starts]

    @property
    def borders(self) -> list[datetime]:
        """The times at which its parts begin, without the first."""
        return [self._midnight(start) for start in self.parts[1:]]

    def _midnight(self, day: date) -> datetime:
        """Return the beginning of a day in UTC, so that durations are right across clock changes."""
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC)


def latest(span: str, zone: str, now: datetime) -> Period:
    """Return the period of a span of SPANS whose last day is today. An unknown span is DEFAULT_SPAN."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return Period(today - timedelta(days=SPANS.get(span, SPANS[DEFAULT_SPAN]) - 1), today, zone, now)


def between(first: date, last: date, zone: str, now: datetime) -> Period:
    """Return the period from one day to another.

    Raises Invalid if it ends before it begins, begins in the future, or has more than MAX_DAYS days.
    """
    if first > last:
        raise Invalid("The period ends before it begins.", field="to")
    if first > now.astimezone(ZoneInfo(zone)).date():
        raise Invalid("The period begins in the future.", field="from")
    if (last - first).days >= MAX_DAYS or first.year < 2000 or last.year > 9000:
        raise Invalid("A period can have up to {count} days.", field="from", count=MAX_DAYS)
    return Period(first, last, zone, now)


def parse(span: str, first: str, last: str, *, zone: str, now: datetime) -> Period:
    """Return the period that an address names: `first` to `last` as ISO dates, else a span.

    Raises Invalid as `between`, and for what is not a date.
    """
    if not first and not last:
        return latest(span, zone, now)
    try:
        days: list[date | None] = [date.fromisoformat(day) if len(day) == 10 else None for day in (first, last)]
    except ValueError:
        days = [None, None]
    if None in days:
        raise Invalid("Enter both dates of the period.", field="from")
    begin, end = (day for day in days if day is not None)
    return between(begin, end, zone, now)

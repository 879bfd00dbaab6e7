"""Week hours: the state of a form with hours of the week and days off, of a member or of a web chat."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Any

import reflex as rx
from babel.dates import format_date

from platform_app.automation.availability import MAX_PERIODS, TOO_MANY, WorkingHours
from platform_app.automation.calendar import offered_time_zones
from platform_app.errors import Invalid, LimitReached, PlatformError
from platform_app.i18n import translate
from platform_app.state.console import browser
from platform_app.state.console.base import current_user, success_toast

DAY_NUMBERS = range(1, 8)  # 1 is Monday
MIDNIGHT, END_OF_DAY = "00:00", "24:00"
USUAL_HOURS = ("09:00", "18:00")  # where a member has said none


@dataclass
class PeriodRow:
    """A period of a day, as the form shows it."""

    key: str  # part of the names of its fields
    number: str  # from "1" within its day
    start: str
    end: str


@dataclass
class DayRow:
    """The hours of a day of the week."""

    number: int
    works: bool
    periods: list[PeriodRow]
    is_full: bool = False  # no period can be added
    ticks: int = 0  # changes when a period is added, which ticks the box


@dataclass
class DaysOffRow:
    """Days off, as the form lists them."""

    first: str  # YYYY-MM-DD
    last: str
    words: str


class WeekHours(rx.State, mixin=True):
    """A mixin for a form with hours of the week and days off."""

    always: bool = True  # no hours are set: at any time
    days: list[DayRow] = []
    zone: str = ""
    zones: list[str] = []
    days_off: list[DaysOffRow] = []
    problem: str = ""
    problem_field: str = ""
    problem_key: str = ""  # the period with the problem; "": none
    form_key: int = 0
    _last_key: int = 0

    @abstractmethod
    async def _read_hours(self) -> WorkingHours:
        """Return the hours that are stored."""

    @abstractmethod
    async def _write_hours(self, data: dict[str, Any]) -> WorkingHours:
        """Store hours and return them. Raises Invalid as `parse_hours` does."""

    async def _show_hours(self) -> None:
        hours = await self._read_hours()
        self.problem = self.problem_field = ""
        self.zones = list(offered_time_zones())
        self._show_week(hours)
        await self._show_days_off(hours)

    async def _save_week(self, form: dict[str, Any], told: str) -> Any:
        """Store the hours of the week and their time zone from a form; return what the browser does."""
        keys, periods = self._read_periods(form)
        if not self.always and not periods:
            periods = [{"days": []}]  # refused
        hours = await self._store(periods=periods, zone=str(form.get("hours_zone", ""))[:64])
        if hours is None:
            field, _, place = self.problem_field.partition(".")
            self.problem_key = keys[int(place)] if place and keys else ""
            self.problem_field = field
            first = f"start_{self.problem_key}" if self.problem_key else "works_1"
            return browser.focus("hours_zone" if field == "zone" else first)
        self._show_week(hours)
        return await success_toast(self, told)

    def _read_periods(self, form: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
        """Return the periods of the days that are ticked in a form, and the keys of their rows."""
        days = [] if self.always else [day for day in self.days if _works(day.number, form)]
        found = {row.key: _period(day.number, row.key, form) for day in days for row in day.periods}
        return list(found), list(found.values())

    def _add_period(self, number: int) -> Any:
        """Add a period to a day of the week, after its last one; return what the browser does."""
        day = self._day(number)
        if len(day.periods) >= MAX_PERIODS:
            raise LimitReached(TOO_MANY, count=MAX_PERIODS)
        row = self._row(len(day.periods) + 1, "", "")
        day.works, day.ticks = True, day.ticks + 1
        _set_periods(day, [*day.periods, row])
        return browser.focus(f"start_{row.key}")

    def _remove_period(self, number: int, key: str) -> None:
        """Remove a period from a day of the week; the last one stays."""
        day = self._day(number)
        left = [row for row in day.periods if row.key != key]
        if left:
            _set_periods(day, left)

    def _day(self, number: int) -> DayRow:
        if number not in DAY_NUMBERS or not self.days:
            raise Invalid("This value isn’t allowed.")
        return self.days[number - 1]

    def _row(self, number: int, start: str, end: str) -> PeriodRow:
        self._last_key += 1
        return PeriodRow(str(self._last_key), str(number), start, end)

    async def _add_days_off(self, form: dict[str, Any], told: str) -> Any:
        first = str(form.get("first", ""))[:10]
        added = {"first": first, "last": str(form.get("last", ""))[:10] or first}
        listed = self._listed_days_off()
        return await self._store_days_off(listed if added in listed else [*listed, added], told)

    async def _remove_days_off(self, first: str, last: str, told: str) -> Any:
        left = [row for row in self._listed_days_off() if (row["first"], row["last"]) != (first, last)]
        return await self._store_days_off(left, told)

    def _listed_days_off(self) -> list[dict[str, str]]:
        return [{"first": row.first, "last": row.last} for row in self.days_off]

    async def _store_days_off(self, days_off: list[dict[str, str]], told: str) -> Any:
        hours = await self._store(days_off=days_off)
        if hours is None:
            return browser.focus("first")
        await self._show_days_off(hours)
        return await success_toast(self, told)

    async def _store(self, **changes: Any) -> WorkingHours | None:
        """Store changed parts of the hours over those that are stored; show what is wrong with them and return None."""
        self.problem = self.problem_field = self.problem_key = ""
        own = await self._read_hours()
        try:
            return await self._write_hours(own.model_dump(mode="json") | changes)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            return None

    def _show_week(self, hours: WorkingHours) -> None:
        self.always, self.zone, self.problem_key = not hours.periods, hours.zone, ""
        self._last_key = 0
        self.days = [self._day_row(number, hours) for number in DAY_NUMBERS]
        self.form_key += 1

    def _day_row(self, number: int, hours: WorkingHours) -> DayRow:
        own = sorted((period.start, period.end) for period in hours.periods if number in period.days)
        works = bool(own) if hours.periods else number <= 5
        shown = [
            self._row(place, start, end.replace(END_OF_DAY, MIDNIGHT))
            for place, (start, end) in enumerate(own or [USUAL_HOURS], 1)
        ]
        return DayRow(number, works, shown, is_full=len(shown) >= MAX_PERIODS)

    async def _show_days_off(self, hours: WorkingHours) -> None:
        language = (await current_user(self)).language
        self.days_off = [
            DaysOffRow(str(days.first), str(days.last), _days_off_words(language, days.first, days.last))
            for days in sorted(hours.days_off, key=lambda days: days.first)
        ]


def _set_periods(day: DayRow, rows: list[PeriodRow]) -> None:
    """Set the periods of a day, counted anew; what is typed in their fields stays."""
    day.periods = [PeriodRow(row.key, str(place), row.start, row.end) for place, row in enumerate(rows, 1)]
    day.is_full = len(rows) >= MAX_PERIODS


def _period(number: int, key: str, form: dict[str, Any]) -> dict[str, Any]:
    start, end = (str(form.get(f"{name}_{key}", ""))[:20] for name in ("start", "end"))
    return {"days": [number], "start": start, "end": END_OF_DAY if end == MIDNIGHT else end}


def _works(number: int, form: dict[str, Any]) -> bool:
    return str(form.get(f"works_{number}", "")) in ("on", "true", "True")


def _days_off_words(language: str, first: date, last: date) -> str:
    words = format_date(first, format="medium", locale=language)
    return words if first == last else f"{words} – {format_date(last, format='medium', locale=language)}"

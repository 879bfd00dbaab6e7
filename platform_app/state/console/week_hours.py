"""Week hours: the state of a form with hours of the week and days off, of a member or of a web chat."""

from abc import abstractmethod
from dataclasses import dataclass
from datetime import date
from typing import Any

import reflex as rx
from babel.dates import format_date

from platform_app.automation.availability import WorkingHours
from platform_app.automation.calendar import time_zone_names
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.state.console import browser
from platform_app.state.console.base import current_user, success_toast

DAY_NUMBERS = range(1, 8)  # 1 is Monday
MIDNIGHT, END_OF_DAY = "00:00", "24:00"


@dataclass
class DayRow:
    """The hours of a day of the week."""

    number: int
    works: bool
    start: str
    end: str


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
    form_key: int = 0

    @abstractmethod
    async def _read_hours(self) -> WorkingHours:
        """Return the hours that are stored."""

    @abstractmethod
    async def _write_hours(self, data: dict[str, Any]) -> WorkingHours:
        """Store hours and return them. Raises Invalid at the field "periods", "zone" or "days_off"."""

    async def _show_hours(self) -> None:
        hours = await self._read_hours()
        self.problem = self.problem_field = ""
        self.zones = sorted(zone for zone in time_zone_names() if "/" in zone and not zone.startswith("Etc/"))
        self._show_week(hours)
        await self._show_days_off(hours)

    async def _save_week(self, form: dict[str, Any], told: str) -> Any:
        """Store the hours of the week and their time zone from a form; return what the browser does."""
        periods = [] if self.always else [_period(number, form) for number in DAY_NUMBERS if _works(number, form)]
        if not self.always and not periods:
            periods = [{"days": []}]  # refused
        hours = await self._store(periods=periods, zone=str(form.get("hours_zone", ""))[:64])
        if hours is None:
            return browser.focus("hours_zone" if self.problem_field == "zone" else "start_1")
        self._show_week(hours)
        return await success_toast(self, told)

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
        self.problem = self.problem_field = ""
        own = await self._read_hours()
        try:
            return await self._write_hours(own.model_dump(mode="json") | changes)
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field
            return None

    def _show_week(self, hours: WorkingHours) -> None:
        by_day = {day: period for period in hours.periods for day in period.days}
        self.always, self.zone = not hours.periods, hours.zone
        self.days = [
            DayRow(
                number,
                number in by_day if hours.periods else number <= 5,
                by_day[number].start if number in by_day else "09:00",
                by_day[number].end.replace(END_OF_DAY, MIDNIGHT) if number in by_day else "18:00",
            )
            for number in DAY_NUMBERS
        ]
        self.form_key += 1

    async def _show_days_off(self, hours: WorkingHours) -> None:
        language = (await current_user(self)).language
        self.days_off = [
            DaysOffRow(str(days.first), str(days.last), _days_off_words(language, days.first, days.last))
            for days in sorted(hours.days_off, key=lambda days: days.first)
        ]


def _period(number: int, form: dict[str, Any]) -> dict[str, Any]:
    start, end = (str(form.get(f"{name}_{number}", ""))[:5] for name in ("start", "end"))
    return {"days": [number], "start": start, "end": END_OF_DAY if end == MIDNIGHT else end}


def _works(number: int, form: dict[str, Any]) -> bool:
    return str(form.get(f"works_{number}", "")) in ("on", "true", "True")


def _days_off_words(language: str, first: date, last: date) -> str:
    words = format_date(first, format="medium", locale=language)
    return words if first == last else f"{words} – {format_date(last, format='medium', locale=language)}"

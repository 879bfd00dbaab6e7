"""Sequence calendar: steps due in the next days, and holidays."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import reflex as rx
from babel.dates import format_date

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.engine.sequences import sequences
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Enrollment, Holiday
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.rules.proof_view import view_context
from platform_app.state.sequences.enrollments import EnrollmentNames, read_enrollment_names

DAYS = 14
MOST = 500


@dataclass
class DueLine:
    """A step that is due."""

    id: str
    clock: str
    subject: str
    sequence: str
    step: str


@dataclass
class DueDay:
    """A day with the steps that are due on it."""

    words: str
    count: str
    holiday: str
    steps: list[DueLine] = field(default_factory=list)


@dataclass
class HolidayLine:
    """A holiday of the tenant."""

    id: str
    words: str
    name: str


class SequenceCalendarState(rx.State):
    """The due steps of the next two weeks."""

    days: list[DueDay] = []
    holidays: list[HolidayLine] = []
    problem: str = ""
    is_full: bool = False
    form_key: int = 0
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the due steps and holidays."""
        self.problem = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch them again when something changes."""
        async for _ in subscribe(self, "enrollment", "sequence"):
            async with self:
                await self._fetch()

    @handler(Role.OPERATOR)
    async def add_holiday(self, form: dict[str, Any]) -> Any:
        """Add a holiday, on which steps may be postponed."""
        language = (await current_user(self)).language
        self.problem = ""
        try:
            day = _day(str(form.get("day") or "")[:10])
            await call(self, sequences.add_holiday, day, str(form.get("name") or "")[:100])
        except PlatformError as error:
            self.problem = translate(language, error.sentence, **error.values)
            return None
        self.form_key += 1
        await self._fetch()
        return await success_toast(self, "The holiday is added. It counts for steps that are planned from now on.")

    @handler(Role.OPERATOR)
    async def remove_holiday(self, holiday_id: str) -> None:
        """Delete a holiday."""
        await call(self, sequences.remove_holiday, holiday_id)
        await self._fetch()

    async def _fetch(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        zone, language = ZoneInfo(identity.time_zone), context.language
        today = now().astimezone(zone).date()
        rows, names, holidays = await fetch(self, _read, today, identity.time_zone)
        self.is_full = len(rows) >= MOST
        self.holidays = [HolidayLine(holiday.id, _date(holiday.day, language), holiday.name) for holiday in holidays]
        free = {holiday.day: holiday.name or translate(language, "Holiday") for holiday in holidays}
        by_day: dict[date, list[DueLine]] = {today + timedelta(days=ahead): [] for ahead in range(DAYS)}
        for row in rows:
            assert row.due_at is not None
            there = row.due_at.astimezone(zone)
            line = DueLine(
                row.id,
                there.strftime("%H:%M"),
                names.subjects.get(row.id, ""),
                names.sequences.get(row.sequence_id, ""),
                names.steps.get(f"{row.version}:{row.step_id}", ""),
            )
            by_day.setdefault(max(there.date(), today), []).append(line)
        self.days = [
            DueDay(_date(day, language), str(len(lines)) if lines else "", free.get(day, ""), lines)
            for day, lines in sorted(by_day.items())
        ]
        self.loaded = True


def _read(
    session: Transaction, who: Identity, today: date, zone: str
) -> tuple[list[Enrollment], EnrollmentNames, list[Holiday]]:
    end = datetime.combine(today + timedelta(days=DAYS), time(), ZoneInfo(zone))
    rows = enrollments.due_between(session, who, since=end - timedelta(days=DAYS + 366), until=end, limit=MOST)
    return rows, read_enrollment_names(session, who, rows), sequences.holidays(session, who)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("Enter a date.", field="day") from error


def _date(day: date, language: str) -> str:
    return str(format_date(day, "EEEE, d MMMM y" if language == "ru" else "EEEE, MMMM d, y", locale=language))

"""Working hours: the form in which members say when they work, on the settings page."""

from typing import Any

import reflex as rx

from platform_app.automation.availability import WorkingHours
from platform_app.models.person import Role
from platform_app.services.accounts import availability
from platform_app.state.console.base import call, fetch, handler
from platform_app.state.console.week_hours import WeekHours

_SAVED, _DAYS_SAVED = "Working hours saved.", "Days off saved."


class WorkingHoursState(WeekHours, rx.State):
    """The form with the working hours of the user."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch what the user has said."""
        await self._show_hours()

    @handler(Role.VIEWER)
    async def set_always(self, always: bool) -> None:
        """Show or hide the hours of the week; they are stored with the form."""
        self.always = always

    @handler(Role.VIEWER)
    async def add_period(self, number: int) -> Any:
        """Add a period to a day of the week, 1 for Monday; it is stored with the form."""
        return self._add_period(number)

    @handler(Role.VIEWER)
    async def remove_period(self, number: int, key: str) -> None:
        """Remove a period from a day of the week."""
        self._remove_period(number, key)

    @handler(Role.VIEWER)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the working hours of the week and their time zone."""
        return await self._save_week(form, _SAVED)

    @handler(Role.VIEWER)
    async def add_days_off(self, form: dict[str, Any]) -> Any:
        """Add days off to those of the user."""
        return await self._add_days_off(form, _DAYS_SAVED)

    @handler(Role.VIEWER)
    async def remove_days_off(self, first: str, last: str) -> Any:
        """Remove days off from those of the user."""
        return await self._remove_days_off(first, last, _DAYS_SAVED)

    async def _read_hours(self) -> WorkingHours:
        return (await fetch(self, availability.get_own)).hours

    async def _write_hours(self, data: dict[str, Any]) -> WorkingHours:
        return await call(self, availability.save_hours, data)

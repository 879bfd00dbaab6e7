"""Opening hours: the form with the hours of a web chat."""

from typing import Any

import reflex as rx

from platform_app.automation.availability import WorkingHours
from platform_app.errors import NotFound
from platform_app.models.person import Role
from platform_app.services.channels import opening_hours
from platform_app.state.console.base import call, fetch, handler
from platform_app.state.console.week_hours import WeekHours

_SAVED, _DAYS_SAVED = "The hours are saved.", "The days off are saved."


class OpeningHoursState(WeekHours, rx.State):
    """The form with the hours of the web chat in the address."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the hours; a channel without hours has no form."""
        try:
            await self._show_hours()
        except NotFound:  # another channel, or nothing: the page says so
            self.days = []

    @handler(Role.ADMIN)
    async def set_always(self, always: bool) -> None:
        """Show or hide the hours of the week; they are stored with the form."""
        self.always = always

    @handler(Role.ADMIN)
    async def add_period(self, number: int) -> Any:
        """Add a period to a day of the week, 1 for Monday; it is stored with the form."""
        return self._add_period(number)

    @handler(Role.ADMIN)
    async def remove_period(self, number: int, key: str) -> None:
        """Remove a period from a day of the week."""
        self._remove_period(number, key)

    @handler(Role.ADMIN)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the hours of the week and their time zone."""
        return await self._save_week(form, _SAVED)

    @handler(Role.ADMIN)
    async def add_days_off(self, form: dict[str, Any]) -> Any:
        """Add days off."""
        return await self._add_days_off(form, _DAYS_SAVED)

    @handler(Role.ADMIN)
    async def remove_days_off(self, first: str, last: str) -> Any:
        """Remove days off."""
        return await self._remove_days_off(first, last, _DAYS_SAVED)

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _read_hours(self) -> WorkingHours:
        return await fetch(self, opening_hours.get_hours, self._id())

    async def _write_hours(self, data: dict[str, Any]) -> WorkingHours:
        return await call(self, opening_hours.save_hours, self._id(), data)

"""Availability: whether a member is available at a moment: their choice, their working hours, when they were last here.

Nothing here reads a clock.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from platform_app.automation.calendar import Period, time_zone_names
from platform_app.errors import Invalid

IDLE_AFTER = timedelta(minutes=30)  # without an open page
MAX_DAYS_OFF = 50


class Availability(StrEnum):
    """Whether a member is available, or the first reason why not."""

    AVAILABLE = "available"
    AWAY = "away"  # they said so
    DAY_OFF = "day_off"
    OUTSIDE_HOURS = "outside_hours"
    IDLE = "idle"  # no page of theirs was open for IDLE_AFTER


class DaysOff(BaseModel, frozen=True):
    """Days on which a member does not work; both ends are included."""

    first: date
    last: date

    @model_validator(mode="after")
    def _ends_later(self) -> "DaysOff":
        if self.last < self.first:
            raise ValueError("days off end before they begin")
        return self


class WorkingHours(BaseModel):
    """The weekly working hours of a member, and days off; without periods they work at any time."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    periods: list[Period] = Field(default_factory=list, max_length=14)
    zone: str = Field(default="", max_length=64)  # "": the tenant's
    days_off: list[DaysOff] = Field(default_factory=list, max_length=MAX_DAYS_OFF)

    @field_validator("zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone and zone not in time_zone_names():
            raise ValueError("no such time zone")
        return zone


@dataclass(frozen=True)
class Presence:
    """What is known of a member: whether they said that they are away, their hours, and when a page was last open."""

    is_away: bool
    hours: WorkingHours
    seen_at: datetime | None


def availability_at(presence: Presence, tenant_zone: str, at: datetime) -> Availability:
    """Return whether a member is available at a moment, or the first reason why not.

    Working hours and days off are those of the clocks and calendars in the member's time zone.
    """
    if presence.is_away:
        return Availability.AWAY
    if (reason := reason_closed(presence.hours, tenant_zone, at)) is not None:
        return reason
    if presence.seen_at is None or at - presence.seen_at > IDLE_AFTER:
        return Availability.IDLE
    return Availability.AVAILABLE


def reason_closed(hours: WorkingHours, tenant_zone: str, at: datetime) -> Availability | None:
    """Return why a moment is not within working hours: DAY_OFF or OUTSIDE_HOURS; None if it is."""
    there = at.astimezone(ZoneInfo(hours.zone or tenant_zone))
    if any(days.first <= there.date() <= days.last for days in hours.days_off):
        return Availability.DAY_OFF
    if hours.periods and not any(_holds(period, there) for period in hours.periods):
        return Availability.OUTSIDE_HOURS
    return None


def parse_hours(data: dict[str, Any]) -> WorkingHours:
    """Return working hours from JSON values. Raises Invalid at the field "periods", "zone" or "days_off"."""
    try:
        return WorkingHours.model_validate(data)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        sentences = {
            "periods": "Set at least one day. Working hours must end after they start.",
            "zone": "Unknown time zone.",
            "days_off": "Days off must end on or after the first day. You can add up to 50 entries.",
        }
        raise Invalid(sentences.get(field, "This value isn’t allowed."), field=field) from error


def _holds(period: Period, there: datetime) -> bool:
    """Return whether a local time is within a period, whose end is exclusive."""
    return there.isoweekday() in period.days and period.start <= there.strftime("%H:%M") < period.end

"""Availability: whether a member is available at a moment: their choice, their working hours, when they were last here.

Nothing here reads a clock.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from platform_app.automation.calendar import Period, time_zone_names

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
    hours = presence.hours
    there = at.astimezone(ZoneInfo(hours.zone or tenant_zone))
    if any(one.first <= there.date() <= one.last for one in hours.days_off):
        return Availability.DAY_OFF
    if hours.periods and not any(_holds(period, there) for period in hours.periods):
        return Availability.OUTSIDE_HOURS
    if presence.seen_at is None or at - presence.seen_at > IDLE_AFTER:
        return Availability.IDLE
    return Availability.AVAILABLE


def _holds(period: Period, there: datetime) -> bool:
    """Return whether a local time is within a period, whose end is exclusive."""
    return there.isoweekday() in period.days and period.start <= there.strftime("%H:%M") < period.end

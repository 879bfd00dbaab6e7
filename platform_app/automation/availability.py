"""Availability: whether a member is available at a moment: their choice, their working hours, when they were last here.

Nothing here reads a clock.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from platform_app.automation.calendar import EVERY_DAY, Period, time_zone_names
from platform_app.errors import Invalid

IDLE_AFTER = timedelta(minutes=30)  # without an open page
MAX_DAYS_OFF = 50
MAX_PERIODS = 6  # on one day of the week
EMPTY, BACKWARDS = "Set at least one day.", "Enter a start and an end: the end is after the start."
OVERLAPPING = "This period overlaps with another one of the same day."
TOO_MANY = "You can add up to {count} periods a day."


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

    periods: list[Period] = Field(default_factory=list, max_length=7 * MAX_PERIODS)
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
    """Return working hours from JSON values.

    Raises Invalid at the field "periods.N" for the period at place N, "periods" for all, "zone" or "days_off".
    """
    try:
        hours = WorkingHours.model_validate(data)
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        if place[0] == "periods" and len(place) > 1 and place[2:3] != ("days",):
            raise Invalid(BACKWARDS, field=f"periods.{place[1]}") from error
        sentences = {
            "periods": EMPTY,
            "zone": "Unknown time zone.",
            "days_off": "Days off must end on or after the first day. You can add up to 50 entries.",
        }
        raise Invalid(sentences.get(str(place[0]), "This value isn’t allowed."), field=str(place[0])) from error
    _check_days(hours.periods)
    return hours


def _check_days(periods: list[Period]) -> None:
    """Raise Invalid at a period that overlaps an earlier one of a day, or is one too many."""
    for day in EVERY_DAY:
        own = sorted((period.start, period.end, place) for place, period in enumerate(periods) if day in period.days)
        if len(own) > MAX_PERIODS:
            raise Invalid(TOO_MANY, field=f"periods.{own[-1][2]}", count=MAX_PERIODS)
        for earlier, later in pairwise(own):
            if later[0] < earlier[1]:
                raise Invalid(OVERLAPPING, field=f"periods.{max(earlier[2], later[2])}")


def _holds(period: Period, there: datetime) -> bool:
    """Return whether a local time is within a period, whose end is exclusive."""
    return there.isoweekday() in period.days and period.start <= there.strftime("%H:%M") < period.end

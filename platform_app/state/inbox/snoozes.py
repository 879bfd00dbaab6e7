"""Snoozes: the moments until which a member may snooze a conversation."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from platform_app.clock import now
from platform_app.errors import Invalid

SNOOZES = {
    "hour": "For 1 hour",
    "hours": "For 4 hours",
    "tomorrow": "Until tomorrow, 9:00",
    "monday": "Until Monday, 9:00",
}
MOMENT = "moment"  # the member chooses
MORNING = time(9)


def snooze_end(choice: str, zone: str) -> datetime:
    """Return the moment that one of SNOOZES stands for, in a time zone."""
    if choice in ("hour", "hours"):
        return now() + timedelta(hours=1 if choice == "hour" else 4)
    today = now().astimezone(ZoneInfo(zone)).date()
    days = 1 if choice == "tomorrow" else 7 - today.weekday()
    return datetime.combine(today + timedelta(days=days), MORNING, ZoneInfo(zone))


def parse_moment(text: str, zone: str) -> datetime:
    """Return the moment that a field for date and time holds, in a time zone. Raises Invalid if it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise Invalid("Choose a date.", field="until") from error

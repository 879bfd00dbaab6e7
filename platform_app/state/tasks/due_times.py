"""Due times: the moments to which tasks are postponed, and how due times are written and read."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.i18n import exact_time, translate

POSTPONEMENTS = {"tomorrow": "Tomorrow", "days": "In 3 days", "week": "Next week"}
DATE = "date"  # the member chooses
MORNING = time(9)  # the time of day of a task that had none
_YEARS = range(2000, 2101)


def postponed_due(choice: str, due_at: datetime | None, zone: str) -> datetime:
    """Return the due time that one of POSTPONEMENTS stands for: counted from today, at the same time of day.

    "week" is the next Monday. Raises Invalid for another choice.
    """
    if choice not in POSTPONEMENTS:
        raise Invalid("Choose a date.", field="due")
    place = ZoneInfo(zone)
    today = now().astimezone(place).date()
    days = {"tomorrow": 1, "days": 3, "week": 7 - today.weekday()}[choice]
    clock = due_at.astimezone(place).time() if due_at else MORNING
    return datetime.combine(today + timedelta(days=days), clock, place)


def parse_due(text: str, zone: str) -> datetime | None:
    """Return the moment that a field for date and time holds, in a time zone; None if it is empty.

    Raises Invalid at "due" if it is none.
    """
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip()[:40])
    except ValueError as error:
        raise Invalid("Choose a date.", field="due") from error
    if found.year not in _YEARS:
        raise Invalid("Choose a date.", field="due")
    return found.replace(tzinfo=ZoneInfo(zone))


def parse_required_due(text: str, zone: str) -> datetime:
    """Return the moment of a field as `parse_due` does. Raises Invalid at "due" if it is empty or none."""
    found = parse_due(text, zone)
    if found is None:
        raise Invalid("Choose a date.", field="due")
    return found


def input_value(due_at: datetime | None, zone: str) -> str:
    """Return a moment as the value of a field for date and time, in a time zone."""
    return due_at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if due_at else ""


def due_words(due_at: datetime, language: str, zone: str) -> str:
    """Return a moment with its time of day; a day next to today by its name."""
    there, today = due_at.astimezone(ZoneInfo(zone)), now().astimezone(ZoneInfo(zone)).date()
    names = {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}
    name = names.get((there.date() - today).days)
    if name is None:
        return exact_time(language, due_at, zone)
    return f"{translate(language, name)}, {there:%H:%M}"

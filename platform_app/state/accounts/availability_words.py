"""Availability words: how the console calls the availability of members."""

from platform_app.automation.availability import Availability
from platform_app.i18n import translate

LABELS = {
    Availability.AVAILABLE: ("green", "Online"),
    Availability.AWAY: ("amber", "Away"),
    Availability.DAY_OFF: ("gray", "Day off"),
    Availability.OUTSIDE_HOURS: ("gray", "Outside working hours"),
    Availability.IDLE: ("gray", "Away: no open page"),
}


def availability_words(language: str, state: Availability) -> tuple[str, str]:
    """Return the colour and the words for a member's availability."""
    colour, words = LABELS[state]
    return colour, translate(language, words)


def name_with_availability(language: str, name: str, state: Availability) -> str:
    """Return a member's name, with the reason in brackets if they are not available."""
    if state == Availability.AVAILABLE:
        return name
    return f"{name} ({availability_words(language, state)[1]})"

"""Working hours form: when the user works, as the settings page shows it."""

import reflex as rx

from platform_app.components.console.text import t
from platform_app.components.console.week_hours import week_hours
from platform_app.state.accounts.working_hours import WorkingHoursState

_WHAT_FOR = (
    "Rules assign conversations only to members who are online, within working hours and active in the last 30 minutes."
)


def working_hours_form() -> rx.Component:
    """Return the card with the hours of the week and the days off."""
    form = week_hours(
        WorkingHoursState,
        always=t("Available at any time"),
        zone=t("My time zone"),
        save=t("Save working hours"),
    )
    return rx.el.section(
        rx.el.h2(t("My working hours")),
        rx.el.div(rx.el.p(t(_WHAT_FOR), class_name="muted small"), *form, class_name="form"),
        class_name="card section",
    )

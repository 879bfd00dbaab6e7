"""Working hours form: when the user works, as the settings page shows it."""

import reflex as rx

from platform_app.components.console.parts import field, icon_button
from platform_app.components.console.text import t
from platform_app.state.accounts.working_hours import DayRow, DaysOffRow, WorkingHoursState

_WHAT_FOR = (
    "Rules assign conversations only to members who are online, within working hours and active in the last 30 minutes."
)
_DAYS = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday"}


def working_hours_form() -> rx.Component:
    """Return the card with the hours of the week and the days off."""
    always = rx.el.label(
        rx.switch(checked=WorkingHoursState.always, on_change=WorkingHoursState.set_always, id="works-always"),
        t("Available at any time"),
        class_name="status",
    )
    return rx.el.section(
        rx.el.h2(t("My working hours")),
        rx.el.div(rx.el.p(t(_WHAT_FOR), class_name="muted small"), always, _week(), _days_off(), class_name="form"),
        class_name="card section",
    )


def _week() -> rx.Component:
    return rx.el.form(
        rx.cond(
            WorkingHoursState.always,
            rx.fragment(),
            rx.el.fieldset(
                rx.el.legend(t("Weekly hours"), class_name="visually-hidden"),
                rx.foreach(WorkingHoursState.days, _day),
                class_name="week-hours",
            ),
        ),
        _problem("periods"),
        field(
            t("My time zone"),
            _zone(),
            name="hours_zone",
            problem=rx.cond(WorkingHoursState.problem_field == "zone", WorkingHoursState.problem, ""),
        ),
        rx.box(rx.button(t("Save working hours"), type="submit")),
        on_submit=WorkingHoursState.save,
        class_name="form",
        key=WorkingHoursState.form_key,
    )


def _day(row: rx.Var[DayRow]) -> rx.Component:
    name = rx.match(row.number, *((number, t(words)) for number, words in _DAYS.items()), "")
    times = (
        rx.el.input(
            type="time",
            id=f"{part}_{row.number}",
            name=f"{part}_{row.number}",
            default_value=value,
            aria_label=rx.Var.create(f"{name}, {words}"),
            class_name="native",
        )
        for part, value, words in (("start", row.start, t("from")), ("end", row.end, t("until")))
    )
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="checkbox",
                id=f"works_{row.number}",
                name=f"works_{row.number}",
                default_checked=row.works,
            ),
            name,
            class_name="status",
        ),
        *times,
        key=row.number,
        class_name="week-day",
    )


def _zone() -> rx.Component:
    return rx.el.select(
        rx.el.option(t("Same as the company"), value=""),
        rx.foreach(WorkingHoursState.zones, lambda zone: rx.el.option(zone, value=zone)),
        id="hours_zone",
        name="hours_zone",
        default_value=WorkingHoursState.zone,
        class_name="native",
    )


def _days_off() -> rx.Component:
    def date_input(name: str, label: str, *, required: bool) -> rx.Component:
        control = rx.el.input(type="date", id=name, name=name, required=required, class_name="native")
        return field(t(label), control, name=name)

    return rx.el.form(
        rx.el.h3(t("Days off"), class_name="outcome-head"),
        rx.cond(
            WorkingHoursState.days_off.length() > 0,
            rx.el.ul(rx.foreach(WorkingHoursState.days_off, _days_off_row), class_name="updates"),
        ),
        rx.flex(
            date_input("first", "First day", required=True),
            date_input("last", "Last day", required=False),
            rx.button(t("Add days off"), type="submit", variant="soft", color_scheme="gray", high_contrast=True),
            spacing="3",
            align="end",
            wrap="wrap",
        ),
        _problem("days_off"),
        on_submit=WorkingHoursState.add_days_off,
        reset_on_submit=True,
        class_name="form",
    )


def _days_off_row(row: rx.Var[DaysOffRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(row.words, class_name="update-words"),
        icon_button(
            "x",
            t("Remove {name}", name=row.words),
            WorkingHoursState.remove_days_off(row.first, row.last),
            small=True,
        ),
        key=f"{row.first} {row.last}",
    )


def _problem(name: str) -> rx.Component:
    return rx.cond(
        WorkingHoursState.problem_field == name,
        rx.el.p(WorkingHoursState.problem, class_name="problem-text", role="alert"),
    )

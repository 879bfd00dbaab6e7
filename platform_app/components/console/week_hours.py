"""Week hours: the form with hours of the week and days off, of a member or of a web chat."""

from typing import Any

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.parts import field, icon_button
from platform_app.components.console.text import t
from platform_app.components.console.time_input import time_input
from platform_app.state.console.week_hours import DayRow, DaysOffRow, PeriodRow

_DAYS = {1: "Monday", 2: "Tuesday", 3: "Wednesday", 4: "Thursday", 5: "Friday", 6: "Saturday", 7: "Sunday"}


def week_hours(state: Any, *, always: Any, zone: Any, save: Any) -> tuple[rx.Component, ...]:
    """Return the switch "at any time", the hours of the week with their time zone, and the days off.

    `state` is a WeekHours with the handlers set_always, add_period, remove_period, save, add_days_off and
    remove_days_off; the others are labels.
    """
    switch = rx.el.label(
        rx.switch(checked=state.always, on_change=state.set_always, id="works-always"), always, class_name="status"
    )
    return switch, _week(state, zone, save), _days_off(state)


def _week(state: Any, zone: Any, save: Any) -> rx.Component:
    return rx.el.form(
        rx.cond(
            state.always,
            rx.fragment(),
            rx.el.fieldset(
                rx.el.legend(t("Weekly hours"), class_name="visually-hidden"),
                rx.foreach(state.days, lambda row: _day(state, row)),
                class_name="week-hours",
            ),
        ),
        rx.cond(state.problem_key == "", _problem(state, "periods")),
        field(
            zone,
            _zone(state),
            name="hours_zone",
            problem=rx.cond(state.problem_field == "zone", state.problem, ""),
        ),
        rx.box(rx.button(save, type="submit")),
        on_submit=state.save,
        class_name="form",
        key=state.form_key,
    )


def _day(state: Any, row: rx.Var[DayRow]) -> rx.Component:
    name = rx.match(row.number, *((number, t(words)) for number, words in _DAYS.items()), "")
    box = rx.el.input(
        type="checkbox", id=f"works_{row.number}", name=f"works_{row.number}", default_checked=row.works, key=row.ticks
    )
    add = icon_button("plus", t("Add a period on {day}", day=name), state.add_period(row.number), disabled=row.is_full)
    return rx.el.div(
        rx.el.label(box, name, class_name="status"),
        rx.el.div(
            rx.foreach(row.periods, lambda period: _period(state, row, period, name)),
            class_name="week-periods",
        ),
        add,
        key=row.number,
        class_name="week-day",
    )


def _period(state: Any, day: rx.Var[DayRow], period: rx.Var[PeriodRow], name: Any) -> rx.Component:
    is_wrong = state.problem_key == period.key

    def time(part: str, value: Any, words: rx.Var[str]) -> rx.Component:
        return time_input(
            field_id=f"{part}_{period.key}",
            name=f"{part}_{period.key}",
            value=value,
            label=rx.Var.create(f"{name}, {period.number}, {words}"),
            described_by=rx.cond(is_wrong, "hours-problem", ""),
            is_invalid=is_wrong,
            read_only=False,
        )

    remove = icon_button(
        "x",
        t("Remove period {number} on {day}", number=period.number, day=name),
        state.remove_period(day.number, period.key),
        small=True,
    )
    return rx.el.div(
        rx.el.div(
            time("start", period.start, t("from")),
            rx.el.span("–", aria_hidden="true"),
            time("end", period.end, t("until")),
            rx.cond(day.periods.length() > 1, remove),
            class_name="week-period",
        ),
        rx.cond(is_wrong, rx.el.p(state.problem, class_name="problem-text", role="alert", id="hours-problem")),
        key=period.key,
    )


def _zone(state: Any) -> rx.Component:
    return rx.el.select(
        rx.el.option(t("Same as the company"), value=""),
        rx.foreach(state.zones, lambda zone: rx.el.option(zone, value=zone)),
        id="hours_zone",
        name="hours_zone",
        default_value=state.zone,
        class_name="native",
    )


def _days_off(state: Any) -> rx.Component:
    def day(name: str, label: str, *, required: bool) -> rx.Component:
        return field(t(label), date_input(field_id=name, name=name, required=required), name=name)

    return rx.el.form(
        rx.el.h3(t("Days off"), class_name="outcome-head"),
        rx.cond(
            state.days_off.length() > 0,
            rx.el.ul(rx.foreach(state.days_off, lambda row: _days_off_row(state, row)), class_name="updates"),
        ),
        rx.flex(
            day("first", "First day", required=True),
            day("last", "Last day", required=False),
            rx.button(t("Add days off"), type="submit", variant="soft", color_scheme="gray", high_contrast=True),
            spacing="3",
            align="end",
            wrap="wrap",
        ),
        _problem(state, "days_off"),
        on_submit=state.add_days_off,
        reset_on_submit=True,
        class_name="form",
    )


def _days_off_row(state: Any, row: rx.Var[DaysOffRow]) -> rx.Component:
    return rx.el.li(
        rx.el.span(row.words, class_name="update-words"),
        icon_button("x", t("Remove {name}", name=row.words), state.remove_days_off(row.first, row.last), small=True),
        key=f"{row.first} {row.last}",
    )


def _problem(state: Any, name: str) -> rx.Component:
    return rx.cond(state.problem_field == name, rx.el.p(state.problem, class_name="problem-text", role="alert"))

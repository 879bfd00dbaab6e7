"""Sequence timing: the fields for delay, window, time zone and holidays of the open step."""

from typing import Any

import reflex as rx

from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, icon_button, problem_line
from platform_app.components.console.text import t
from platform_app.components.console.time_input import time_input
from platform_app.components.rules.condition_values import native
from platform_app.state.sequences.sequence_timing import PeriodLine
from platform_app.state.sequences.sequence_words import DELAYS, SHORT_DAYS, UNITS, ZONES


def timing_fields(state: Any, number: Any) -> rx.Component:
    """Return the fields for a state with the StepTimingEditor mixin."""
    timing = state.timing
    return rx.el.div(
        rx.flex(
            _list(
                DELAYS, t("Delay of step {number}", number=number), timing.delay, lambda v: state.set_timing("kind", v)
            ),
            rx.match(timing.delay, ("span", _span(state, number)), ("until", _until(state, number)), rx.fragment()),
            spacing="2",
            wrap="wrap",
            align="center",
        ),
        rx.cond(timing.delay == "until", _until_days(state, number)),
        _periods(state, number),
        _clock(state, number),
        problem_line(timing.problem),
        class_name="stack-small",
    )


def _list(words: dict[str, str], label: Any, value: Any, on_change: Any) -> rx.Component:
    options = [rx.el.option(t(said), value=code) for code, said in words.items()]
    return native(options, label=label, value=value, on_change=on_change)


def _input(value: Any, label: Any, on_change: Any, **more: Any) -> rx.Component:
    return rx.el.input(
        default_value=value,
        on_change=debounced(on_change),
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native short",
        **more,
    )


def _span(state: Any, number: Any) -> rx.Component:
    label = t("How long step {number} waits", number=number)
    return rx.fragment(
        _input(state.timing.count, label, lambda v: state.set_timing("count", v), input_mode="numeric", max_length=6),
        _list(
            UNITS,
            t("Unit of the delay of step {number}", number=number),
            state.timing.unit,
            lambda v: state.set_timing("unit", v),
        ),
    )


def _until(state: Any, number: Any) -> rx.Component:
    label = t("Time of day of step {number}", number=number)
    return rx.fragment(
        time_input(
            value=state.timing.time, label=label, required=True, on_change=lambda v: state.set_timing("time", v)
        ),
        _check(
            t("Allow later the same day"), state.timing.may_be_today, lambda on: state.switch_timing("may_be_today", on)
        ),
    )


def _until_days(state: Any, number: Any) -> rx.Component:
    label = t("Days on which step {number} waits for its time", number=number)
    return _days(label, state.timing.days, lambda day, on: state.toggle_day(-1, day, on))


def _days(label: Any, selected: Any, on_choose: Any) -> rx.Component:
    boxes = [
        _check(t(words), selected.contains(day), lambda on, day=day: on_choose(day, on))
        for day, words in SHORT_DAYS.items()
    ]
    return rx.flex(*boxes, role="group", aria_label=label, spacing="3", wrap="wrap")


def _check(words: Any, checked: Any, on_change: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", checked=checked, on_change=on_change, disabled=READ_ONLY),
        words,
        class_name="check small",
    )


def _periods(state: Any, number: Any) -> rx.Component:
    return rx.el.div(
        rx.el.span(t("Only during these hours"), class_name="label"),
        rx.cond(
            state.timing.periods.length() > 0,
            rx.foreach(state.timing.periods, lambda period: _period(state, period, number)),
            rx.el.p(t("At any time of day."), class_name="muted small"),
        ),
        rx.cond(
            ~READ_ONLY,
            rx.button(
                rx.icon("plus", size=14),
                t("Add time window"),
                on_click=state.add_period,
                size="1",
                variant="soft",
                color_scheme="gray",
                high_contrast=True,
                type="button",
                align_self="flex-start",
            ),
        ),
        class_name="field",
    )


def _period(state: Any, period: rx.Var[PeriodLine], number: Any) -> rx.Component:
    named = {"number": number, "place": period.number}
    return rx.flex(
        time_input(
            value=period.start,
            label=t("Beginning of time window {place} of step {number}", **named),
            required=True,
            on_change=lambda v: state.set_period(period.place, "start", v),
        ),
        rx.el.span("–", aria_hidden="true"),
        time_input(
            value=period.end,
            label=t("End of time window {place} of step {number}", **named),
            required=True,
            on_change=lambda v: state.set_period(period.place, "end", v),
        ),
        _days(
            t("Days of time window {place} of step {number}", **named),
            period.days,
            lambda day, on: state.toggle_day(period.place, day, on),
        ),
        rx.cond(
            ~READ_ONLY,
            icon_button(
                "x",
                t("Remove time window {place} of step {number}", **named),
                state.remove_period(period.place),
                small=True,
            ),
        ),
        spacing="2",
        align="center",
        wrap="wrap",
    )


def _clock(state: Any, number: Any) -> rx.Component:
    fixed = native(
        [rx.foreach(state.zones, lambda zone: rx.el.option(zone, value=zone))],
        label=t("Time zone of step {number}", number=number),
        value=state.timing.fixed_zone,
        on_change=lambda v: state.set_timing("fixed_zone", v),
    )
    return rx.flex(
        _list(
            ZONES,
            t("Whose clock counts at step {number}", number=number),
            state.timing.zone,
            lambda v: state.set_timing("zone", v),
        ),
        rx.cond(state.timing.zone == "fixed", fixed),
        _check(t("Skip holidays"), state.timing.not_on_holidays, lambda on: state.switch_timing("not_on_holidays", on)),
        spacing="3",
        align="center",
        wrap="wrap",
    )

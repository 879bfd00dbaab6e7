"""Sequence trial: the simulation and the backtest of a draft."""

from typing import Any

import reflex as rx

from platform_app.components.console.date_input import date_input
from platform_app.components.console.parts import field, problem_line, status
from platform_app.components.console.text import t
from platform_app.components.rules.backtest import backtest_card
from platform_app.components.rules.conditions import proof
from platform_app.state.console.base import CurrentUser
from platform_app.state.sequences.sequence_trial import BacktestSampleLine, SequenceTrialState, SimulatedStepLine

STATE = SequenceTrialState


def simulate() -> rx.Component:
    """Return the form of the simulation with its result."""
    return rx.el.section(
        rx.el.h2(t("Simulate")),
        rx.el.p(t("Dry run: nothing is changed or sent."), class_name="muted small"),
        rx.el.form(
            field(
                t("Enrolled at"),
                date_input(field_id="enrolled-at", name="at", value=STATE.at, with_time=True),
                name="enrolled-at",
            ),
            _labelled(t("Lead or contact"), _choice("lead", t("Any lead"), STATE.leads)),
            _labelled(t("Replies after (days)"), _days_input("reply_day")),
            _labelled(t("Stage changes after (days)"), _days_input("stage_day")),
            _labelled(t("New stage"), _choice("stage", t("Choose…"), STATE.stages)),
            problem_line(STATE.problem),
            rx.box(rx.button(t("Simulate"), type="submit", size="2", variant="soft")),
            on_submit=STATE.simulate,
            reset_on_submit=False,
            class_name="stack-small",
            key=STATE.at,
        ),
        rx.el.div(
            rx.cond(
                STATE.end != "",
                rx.fragment(
                    rx.el.ol(rx.foreach(STATE.calendar, _simulated_step), class_name="plain-list calendar-days"),
                    rx.el.p(rx.icon("flag", size=14, aria_hidden="true"), STATE.end, class_name="status small"),
                ),
            ),
            aria_live="polite",
            id="simulation",
        ),
        class_name="card section",
        aria_label=t("Simulate"),
    )


def _labelled(words: Any, control: rx.Component) -> rx.Component:
    return rx.el.label(rx.el.span(words, class_name="label"), control, class_name="field")


def _choice(name: str, none: Any, choices: Any) -> rx.Component:
    return rx.el.select(
        rx.el.option(none, value=""),
        rx.foreach(choices, lambda option: rx.el.option(option.name, value=option.id)),
        name=name,
        class_name="native wide",
    )


def _days_input(name: str) -> rx.Component:
    return rx.el.input(name=name, input_mode="numeric", max_length=3, class_name="native wide", placeholder=t("never"))


def _simulated_step(day: rx.Var[SimulatedStepLine]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.strong(day.when),
            rx.cond(
                day.contact_time != "", rx.el.span(" · ", t("theirs: "), day.contact_time, class_name="muted small")
            ),
        ),
        rx.el.div(day.words),
        rx.foreach(day.waits, lambda words: rx.el.div(words, class_name="muted small")),
        rx.cond(day.outcome != "", rx.el.div(day.outcome, class_name="small")),
        rx.cond(
            day.result != "",
            rx.el.div(day.result, class_name=rx.cond(day.colour == "red", "small problem", "muted small")),
        ),
        rx.cond(day.gate != "", status("amber", day.gate)),
        rx.cond(day.proof.length() > 0, proof(day.proof)),
        class_name="sample",
    )


def backtest() -> rx.Component:
    """Return the backtest of the draft with its results."""
    return backtest_card(STATE, t("Who would have been enrolled, and what would have happened."), _sample)


def _sample(past: rx.Var[BacktestSampleLine]) -> rx.Component:
    is_open = STATE.opened == past.event_id
    return rx.el.li(
        rx.el.button(
            past.when,
            " · ",
            past.subject,
            on_click=STATE.open_sample(past.event_id),
            aria_expanded=is_open,
            class_name="plain-button",
            type="button",
        ),
        rx.el.div(past.end, class_name="muted small"),
        rx.cond(
            is_open,
            rx.fragment(
                rx.el.ol(rx.foreach(past.steps, _simulated_step), class_name="plain-list calendar-days"),
                rx.link(
                    t("The event"),
                    href=f"/manage/{CurrentUser.slug}/events/{past.event_id}",
                    size="1",
                    underline="always",
                ),
            ),
        ),
        class_name="sample",
    )

"""Rule trial: the dry run and the backtest of a rule's draft."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import status
from platform_app.components.console.text import t
from platform_app.components.rules.backtest import backtest_card
from platform_app.components.rules.conditions import proof
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.rule import RuleState
from platform_app.state.rules.rule_trial import BacktestSampleLine, DryRunView, RuleTrialState


def dry_run() -> rx.Component:
    """Return the dry run on a past event or on a typed message."""
    state = RuleTrialState
    return rx.el.section(
        rx.el.h2(t("Test|agent")),
        rx.el.p(t("Dry run: nothing is changed or sent."), class_name="muted small"),
        rx.el.select(
            rx.el.option(t("Choose an event…"), value=""),
            rx.foreach(state.events, lambda event: rx.el.option(event.name, value=event.id)),
            value=state.event,
            on_change=state.dry_run_event,
            on_focus=state.load_events,
            aria_label=t("Event to try the draft on"),
            class_name="native wide",
        ),
        _typed(),
        rx.cond(state.result.words != "", dry_run_view(state.result), rx.fragment()),
        class_name="card section",
        aria_label=t("Test|agent"),
    )


def _typed() -> rx.Component:
    """Return the form for a dry run on a typed message."""
    lead = rx.el.select(
        rx.el.option(t("No lead"), value=""),
        rx.foreach(RuleState.leads, lambda lead: rx.el.option(lead.name, value=lead.id)),
        name="lead",
        aria_label=t("Lead to try with"),
        class_name="native",
    )
    text = rx.el.input(
        name="text",
        placeholder=t("Or type a customer message"),
        aria_label=t("Or type a customer message"),
        max_length=2000,
        class_name="native wide",
    )
    return rx.el.form(
        text,
        rx.flex(lead, rx.button(t("Try"), type="submit", size="2", variant="soft"), spacing="2", wrap="wrap"),
        on_submit=RuleTrialState.dry_run_message,
        reset_on_submit=False,
        class_name="stack-small",
    )


def dry_run_view(result: rx.Var[DryRunView]) -> rx.Component:
    """Return the result of a dry run: outcome, proof, smallest change and actions."""
    return rx.el.div(
        rx.el.p(status(result.colour, result.words)),
        rx.foreach(result.notes, lambda note: rx.el.p(note, class_name="small")),
        proof(result.proof),
        smallest_change(result.change),
        rx.cond(
            result.actions.length() > 0,
            rx.el.ol(rx.foreach(result.actions, lambda words: rx.el.li(words))),
        ),
        aria_live="polite",
        class_name="trial",
    )


def smallest_change(change: rx.Var[list[str]]) -> rx.Component:
    """Return the smallest change that would make the rule run, if there is one."""
    return rx.cond(
        change.length() > 0,
        rx.fragment(
            rx.el.p(t("Smallest change that would make it run:"), class_name="muted small"),
            rx.el.ul(rx.foreach(change, lambda words: rx.el.li(words)), class_name="plain-list"),
        ),
    )


def backtest() -> rx.Component:
    """Return the backtest of the draft with its results."""
    state, note = RuleTrialState, t("What this draft would have done with past events.")
    return backtest_card(state, note, _sample, chart=rx.cond(state.by_day.length() > 0, _days(state.by_day)))


def _days(by_day: Any) -> rx.Component:
    return rx.recharts.bar_chart(
        rx.recharts.bar(data_key="count", fill=rx.color("accent", 9), name=t("Runs"), is_animation_active=False),
        rx.recharts.x_axis(data_key="day", font_size=11),
        data=by_day,
        height=120,
        width="100%",
        accessibility_layer=False,
    )


def _sample(sample: rx.Var[BacktestSampleLine]) -> rx.Component:
    address = f"/manage/{CurrentUser.slug}/events/{sample.event_id}?rule={RuleTrialState.rule}&draft=1"
    return rx.el.li(
        rx.link(sample.when, " · ", sample.subject, href=address, size="2"),
        rx.el.div(
            status(sample.colour, sample.words),
            rx.cond(
                sample.live != "",
                rx.el.span(t("published version: {words}", words=sample.live), class_name="muted small"),
            ),
        ),
        class_name="sample",
    )

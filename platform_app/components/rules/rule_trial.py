"""Rule trial: a draft tried on one event of the past, and on all of them."""

from typing import Any

import reflex as rx

from platform_app.components.console.parts import status
from platform_app.components.console.text import t
from platform_app.components.rules.conditions import proof
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.rule import RuleState
from platform_app.state.rules.rule_trial import DAYS, RuleTrialState, SampleLine, TrialView


def dry_run() -> rx.Component:
    """Let an event be chosen, and show what the draft would do on it."""
    state = RuleTrialState
    return rx.el.section(
        rx.el.h2(t("Try it")),
        rx.el.p(t("Nothing is changed and nothing is sent."), class_name="muted small"),
        rx.el.select(
            rx.el.option(t("Choose an event…"), value=""),
            rx.foreach(state.events, lambda one: rx.el.option(one.name, value=one.id)),
            value=state.event,
            on_change=state.try_event,
            on_focus=state.offer,
            aria_label=t("Event to try the draft on"),
            class_name="native wide",
        ),
        _typed(),
        rx.cond(state.shown.words != "", trial_view(state.shown), rx.fragment()),
        class_name="card section",
        aria_label=t("Try it"),
    )


def _typed() -> rx.Component:
    """Let an event be made up: what is written, and for which lead."""
    lead = rx.el.select(
        rx.el.option(t("No lead"), value=""),
        rx.foreach(RuleState.leads, lambda one: rx.el.option(one.name, value=one.id)),
        name="lead",
        aria_label=t("Lead to try with"),
        class_name="native",
    )
    text = rx.el.input(
        name="text",
        placeholder=t("Or type what happens"),
        aria_label=t("Or type what happens"),
        max_length=2000,
        class_name="native wide",
    )
    return rx.el.form(
        text,
        rx.flex(lead, rx.button(t("Try"), type="submit", size="2", variant="soft"), spacing="2", wrap="wrap"),
        on_submit=RuleTrialState.try_typed,
        reset_on_submit=False,
        class_name="stack-small",
    )


def trial_view(shown: rx.Var[TrialView]) -> rx.Component:
    """Show what becomes of an event at a rule: in a word, with the proof, the smallest change, and the actions."""
    return rx.el.div(
        rx.el.p(status(shown.colour, shown.words)),
        rx.foreach(shown.notes, lambda note: rx.el.p(note, class_name="small")),
        proof(shown.proof),
        smallest_change(shown.change),
        rx.cond(
            shown.actions.length() > 0,
            rx.el.ol(rx.foreach(shown.actions, lambda words: rx.el.li(words))),
        ),
        aria_live="polite",
        class_name="trial",
    )


def smallest_change(change: rx.Var[list[str]]) -> rx.Component:
    """Show the smallest change of what is known that would let a rule run, where there is one."""
    return rx.cond(
        change.length() > 0,
        rx.fragment(
            rx.el.p(t("The smallest change that would let it run:"), class_name="muted small"),
            rx.el.ul(rx.foreach(change, lambda words: rx.el.li(words)), class_name="plain-list"),
        ),
    )


def backtest() -> rx.Component:
    """Run the draft over the past, and show what it would have done."""
    state = RuleTrialState
    words = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year"}
    return rx.el.section(
        rx.el.h2(t("Backtest")),
        rx.el.p(t("What the draft would have done with the events of the past."), class_name="muted small"),
        rx.flex(
            rx.el.select(
                *(rx.el.option(t(words[days]), value=days) for days in DAYS),
                value=state.days,
                on_change=state.choose_days,
                aria_label=t("How far back"),
                class_name="native",
            ),
            rx.button(t("Run the backtest"), on_click=state.backtest, loading=state.busy, size="2", variant="soft"),
            spacing="2",
            wrap="wrap",
        ),
        rx.cond(
            state.summary.length() > 0,
            rx.el.ul(rx.foreach(state.summary, lambda line: rx.el.li(line)), class_name="plain-list", id="backtest"),
        ),
        rx.cond(state.by_day.length() > 0, _days(state.by_day)),
        rx.cond(
            state.samples.length() > 0,
            rx.el.ul(rx.foreach(state.samples, _sample), class_name="plain-list", aria_label=t("Samples")),
        ),
        class_name="card section",
        aria_label=t("Backtest"),
        aria_live="polite",
    )


def _days(by_day: Any) -> rx.Component:
    return rx.recharts.bar_chart(
        rx.recharts.bar(data_key="count", fill=rx.color("accent", 9), name=t("Runs"), is_animation_active=False),
        rx.recharts.x_axis(data_key="day", font_size=11),
        data=by_day,
        height=120,
        width="100%",
        accessibility_layer=False,
    )


def _sample(sample: rx.Var[SampleLine]) -> rx.Component:
    address = f"/manage/{CurrentUser.slug}/events/{sample.event_id}?rule={RuleTrialState.rule}&draft=1"
    return rx.el.li(
        rx.link(sample.when, " · ", sample.subject, href=address, size="2"),
        rx.el.div(
            status(sample.colour, sample.words),
            rx.cond(
                sample.live != "", rx.el.span(t("published: {words}", words=sample.live), class_name="muted small")
            ),
        ),
        class_name="sample",
    )

"""Rule: the editor page."""

from typing import Any

import reflex as rx

from platform_app.automation.rules import RULE_FORM
from platform_app.components.console.form import autosaved_field, chosen_field
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, problem_line, skeleton_rows, status, time_ago
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import conflict, history
from platform_app.components.rules import rule_blocks
from platform_app.components.rules.conditions import builder
from platform_app.components.rules.definition_editor import definition_head, name_field
from platform_app.components.rules.rule_actions import rule_actions
from platform_app.components.rules.rule_trial import backtest, dry_run
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.proof_view import WEEKDAYS
from platform_app.state.rules.rule import ALL, RuleState, RunLine
from platform_app.state.rules.rule_trial import RuleTrialState
from platform_app.state.rules.rule_words import TRIGGER_CODES


def show() -> rx.Component:
    """Return the page on which operators edit the draft of a rule, try it and publish it."""
    return frame(
        rx.cond(rx.State.is_hydrated & (RuleState.form_key != ""), _editor(), skeleton_rows(8)), section="Rules"
    )


def _editor() -> rx.Component:
    return rx.fragment(
        definition_head(RuleState),
        conflict(RuleState, t("Someone else has changed this rule since you opened it.")),
        rx.el.p(RuleState.sentence, class_name="visually-hidden", id="sentence", aria_live="polite"),
        rx.el.div(
            _fields(),
            rx.el.div(dry_run(), backtest(), _runs(), history(RuleState), class_name="script-side"),
            class_name="grid cols-2-1",
            key=RuleState.form_key,
        ),
    )


def _fields() -> rx.Component:
    return rx.el.div(
        name_field(RuleState),
        rule_blocks.block(
            t("When"),
            rule_blocks.when_row(RuleState, TRIGGER_CODES),
            rx.match(
                RuleState.trigger,
                ("no_reply", autosaved_field(RULE_FORM["minutes"], RuleState)),
                ("schedule", rx.fragment(autosaved_field(RULE_FORM["time"], RuleState), _days())),
                ("webhook_received", _webhook()),
                ("manual", _by_hand()),
                rx.fragment(),
            ),
        ),
        rule_blocks.block(
            t("If"),
            builder(RuleState, empty=t("Runs every time. Add a condition to narrow it down."), of_events=True),
            rx.cond(RuleState.tried, problem_line(RuleState.problems.get("condition", ""))),
        ),
        rule_blocks.block(
            t("Then"),
            rule_actions(RuleState),
            rx.cond(RuleState.tried, problem_line(RuleState.problems.get("actions", ""))),
        ),
        rule_blocks.block(t("Limits|rule"), *rule_blocks.limits()),
        class_name="form rule-form",
    )


def _chosen(name: str, value: Any, options: list[rx.Component]) -> rx.Component:
    return chosen_field(RULE_FORM[name], value, lambda selected: RuleState.save(name, selected), options=options)


def _days() -> rx.Component:
    days = (_day(int(code), words) for code, words in WEEKDAYS.items())
    return rx.el.div(
        rx.el.div(*days, role="group", aria_label=t(RULE_FORM["weekdays"].label), class_name="choices"),
        problem_line(RuleState.problems.get("weekdays", "")),
        class_name="field",
    )


def _webhook() -> rx.Component:
    items = [
        rx.select.item(t("Any webhook"), value=ALL),
        rx.foreach(RuleState.webhooks, lambda webhook: rx.select.item(webhook.name, value=webhook.id)),
    ]
    return rx.el.div(
        _chosen("webhook_id", RuleState.webhook, items),
        problem_line(RuleState.problems.get("webhook_id", "")),
    )


def _day(day: int, words: str) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            id=f"weekday-{day}",
            checked=RuleState.weekdays.contains(day),
            on_change=lambda selected: RuleState.toggle_day(day, selected),
            disabled=READ_ONLY,
        ),
        t(words),
    )


def _by_hand() -> rx.Component:
    leads = rx.el.select(
        rx.el.option(t("Run for a lead…"), value=""),
        rx.foreach(RuleState.leads, lambda lead: rx.el.option(lead.name, value=lead.id)),
        value="",
        on_change=RuleState.run_by_hand,
        aria_label=t("Run for a lead…"),
        class_name="native",
    )
    return rx.cond(
        RuleState.enabled & ~READ_ONLY,
        rx.el.div(leads, class_name="field"),
        rx.el.p(t("Publish it and turn it on to run it for a lead."), class_name="muted small"),
    )


def _runs() -> rx.Component:
    """Return the latest runs of the rule."""
    return rx.el.section(
        rx.el.h2(t("Run history")),
        rx.cond(
            RuleState.runs.length() > 0,
            rx.el.ul(rx.foreach(RuleState.runs, _run), class_name="plain-list"),
            rx.el.p(t("This rule hasn’t been checked yet."), class_name="muted small"),
        ),
        class_name="card section",
    )


def _run(run: rx.Var[RunLine]) -> rx.Component:
    return rx.el.li(
        rx.link(
            status(run.colour, run.words),
            href=f"/manage/{CurrentUser.slug}/rules/runs/{run.id}",
            color_scheme="gray",
            high_contrast=True,
        ),
        time_ago(run.when, run.exact),
        class_name="card-line",
    )


PAGES = [tenant_page("/rules/[rule_id]", "Rule", show, RuleState.load, RuleTrialState.load)]

"""Sequence: the editor page."""

from typing import Any

import reflex as rx

from platform_app.automation.sequences import SEQUENCE_FORM
from platform_app.components.console.form import autosaved_field
from platform_app.components.console.layout import frame
from platform_app.components.console.page import tenant_page
from platform_app.components.console.parts import READ_ONLY, confirm, problem_line, skeleton_rows
from platform_app.components.console.text import t
from platform_app.components.console.versioned_editor import conflict, history, small_button
from platform_app.components.rules.condition_values import native
from platform_app.components.rules.definition_editor import definition_head, head_link, name_field
from platform_app.components.sequences.sequence_conditions import conditions
from platform_app.components.sequences.sequence_steps import steps
from platform_app.components.sequences.sequence_trial import backtest, simulate
from platform_app.state.console.base import CurrentUser
from platform_app.state.rules.rule_words import TRIGGERS
from platform_app.state.sequences.sequence import ALL, SequenceState
from platform_app.state.sequences.sequence_trial import SequenceTrialState
from platform_app.state.sequences.sequence_view import StepMappingLine
from platform_app.state.sequences.sequence_words import OFFERED

STATE = SequenceState


def show() -> rx.Component:
    """Return the page on which operators edit the draft of a sequence, simulate it and publish it."""
    return frame(
        rx.cond(rx.State.is_hydrated & (STATE.form_key != ""), _editor(), skeleton_rows(8)), section="Sequences"
    )


def _editor() -> rx.Component:
    return rx.fragment(
        _head(),
        conflict(STATE, t("Someone else has changed this sequence since you opened it.")),
        rx.el.p(STATE.sentence, class_name="rule-sentence", id="sentence", aria_live="polite"),
        rx.el.div(
            _fields(),
            rx.el.div(simulate(), backtest(), _older_versions(), history(STATE), class_name="script-side"),
            class_name="grid cols-2-1",
            key=STATE.form_key,
        ),
    )


def _head() -> rx.Component:
    listed, sequence_id = f"/manage/{CurrentUser.slug}/sequences", STATE.form_key.split("-")[0]
    return definition_head(
        STATE,
        head_link(t("Enrollments"), f"{listed}/enrollments?sequence={sequence_id}"),
        head_link(t("Analytics"), f"{listed}/{sequence_id}/numbers"),
    )


def _fields() -> rx.Component:
    agents = [
        rx.el.option(t("All agents"), value=ALL),
        rx.foreach(STATE.agents, lambda agent: rx.el.option(agent.name, value=agent.id)),
    ]
    triggers = [rx.el.option(t(TRIGGERS[kind]), value=kind) for kind in OFFERED]
    return rx.el.div(
        name_field(STATE),
        _select("agent_id", t("Agents"), agents, STATE.agent),
        rx.el.h2(t("Enrollment")),
        _chosen("trigger", STATE.trigger, triggers),
        conditions("condition", t("If"), STATE.descriptions["condition"], t("Everyone"), of_events=True),
        rx.cond(STATE.tried, problem_line(STATE.problems.get("condition", ""))),
        _chosen("again", STATE.again),
        rx.el.h2(t("Steps")),
        steps(),
        rx.cond(STATE.tried, problem_line(STATE.problems.get("steps", ""))),
        rx.el.h2(t("Exit conditions")),
        _switch("leave_on_reply", STATE.leave_on_reply),
        _switch("leave_on_stage", STATE.leave_on_stage),
        *_exit("leave_if", t("No condition.")),
        *_exit("goal", t("No goal. The sequence ends after the last step.")),
        rx.el.h2(t("After downtime")),
        _chosen("late", STATE.late),
        rx.cond(STATE.late == "spread", autosaved_field(SEQUENCE_FORM["pace"], STATE)),
        class_name="form",
    )


def _exit(name: str, nothing: Any) -> tuple[rx.Component, rx.Component]:
    """Return the conditions that end an enrollment, and their problem."""
    shown = conditions(name, t(SEQUENCE_FORM[name].label), STATE.descriptions[name], nothing)
    return shown, rx.cond(STATE.tried, problem_line(STATE.problems.get(name, "")))


def _chosen(name: str, value: Any, options: list[rx.Component] | None = None) -> rx.Component:
    shown = SEQUENCE_FORM[name]
    return _select(
        name,
        t(shown.label),
        options or [rx.el.option(t(label), value=code) for code, label in shown.options.items()],
        value,
        help_text=t(shown.help_text) if shown.help_text else None,
    )


def _select(name: str, label: Any, options: list[rx.Component], value: Any, *, help_text: Any = None) -> rx.Component:
    control = native(options, label=label, value=value, on_change=lambda selected: STATE.save(name, selected))
    words = rx.fragment() if help_text is None else rx.el.span(help_text, class_name="help")
    return rx.el.div(rx.el.span(label, class_name="label"), control, words, class_name="field")


def _switch(name: str, on: Any) -> rx.Component:
    return rx.el.label(
        rx.switch(checked=on, on_change=lambda selected: STATE.set_leave_switch(name, selected), disabled=READ_ONLY),
        t(SEQUENCE_FORM[name].label),
        class_name="status",
    )


def _older_versions() -> rx.Component:
    """Return the people inside older versions, with the button that moves them."""
    move = confirm(
        small_button(t("Move to latest version")),
        title=t("Move those inside to the newest version?"),
        sentence=t("Each continues from the step shown here. Completed steps are kept."),
        verb=t("Move"),
        on_confirm=STATE.move_inside,
    )
    return rx.cond(
        STATE.landings.length() > 0,
        rx.el.section(
            rx.el.h2(t("In older versions")),
            rx.el.p(t("They’ll finish on the version they started. If moved, they would:"), class_name="muted small"),
            rx.el.ul(rx.foreach(STATE.landings, _landing), class_name="plain-list"),
            rx.cond(~READ_ONLY, move),
            class_name="card section",
        ),
    )


def _landing(line: rx.Var[StepMappingLine]) -> rx.Component:
    return rx.el.li(rx.el.strong(line.count), " ", line.words, class_name="small")


PAGES = [tenant_page("/sequences/[sequence_id]", "Sequence", show, STATE.load, SequenceTrialState.load, STATE.watch)]

"""Sequence blocks: the sentence of a sequence above its steps, and how often and how late it runs."""

from typing import Any

import reflex as rx

from platform_app.automation.sequences import SEQUENCE_FORM
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, problem_line, warning_line
from platform_app.components.console.text import t
from platform_app.components.rules.condition_values import native
from platform_app.components.rules.conditions import builder
from platform_app.components.rules.rule_blocks import around, block, when_row
from platform_app.state.sequences.sequence import (
    EntryConditions,
    ExitConditions,
    GoalConditions,
    SequenceState,
)
from platform_app.state.sequences.sequence_words import OFFERED

STATE = SequenceState


def when_block() -> rx.Component:
    """Return the block that says what starts the sequence, and for which agent."""
    return block(t("When"), when_row(STATE, OFFERED))


def if_block() -> rx.Component:
    """Return the block with the conditions on which somebody is enrolled."""
    return block(
        t("If"),
        _conditions(
            EntryConditions, t("If"), t("Everyone is enrolled. Add a condition to narrow it down."), "condition"
        ),
    )


def stop_block() -> rx.Component:
    """Return the block that says what ends an enrollment before the last step."""
    return block(
        t("Stop when"),
        _switch("leave_on_reply", t("They reply"), STATE.leave_on_reply),
        _switch("leave_on_stage", t("The stage changes"), STATE.leave_on_stage),
        _conditions(ExitConditions, t("Stop when"), t("Add a condition to stop on anything else."), "leave_if"),
    )


def goal_block() -> rx.Component:
    """Return the block with the goal, which ends an enrollment as reached."""
    nothing = t("No goal. The sequence ends after the last step.")
    return block(t("Goal"), _conditions(GoalConditions, t("Goal"), nothing, "goal"))


def limits_block() -> rx.Component:
    """Return the block that says how often somebody is enrolled, and what happens to late steps."""
    again = _chosen("again", STATE.again, t("Re-enrollment"))
    late = _chosen("late", STATE.late, t("Late steps"))
    before, after = around("The same lead or contact is enrolled again: {field}")
    late_before, late_after = around("Steps more than 15 minutes late: {field}")
    return block(
        t("Limits|rule"),
        rx.el.div(before, again, after, class_name="sentence-row"),
        rx.el.div(late_before, late, late_after, rx.cond(STATE.late == "spread", _pace()), class_name="sentence-row"),
        problem_line(STATE.problems.get("pace", "")),
    )


def _pace() -> rx.Component:
    before, after = around("at most {field} a minute")
    number = rx.el.input(
        default_value=STATE.initial["pace"],
        on_change=debounced(lambda value: STATE.save("pace", value)),
        input_mode="numeric",
        max_length=3,
        read_only=READ_ONLY,
        aria_label=t(SEQUENCE_FORM["pace"].label),
        class_name="native number",
    )
    return rx.el.span(before, number, after, class_name="limit-words")


def _conditions(state: Any, name: Any, empty: Any, field: str) -> rx.Component:
    """Return the editor of one of the sequence's conditions, as a group called `name`, with its problem."""
    already = t("Already met for everyone who enrolls, so they exit before the first step.")
    return rx.el.div(
        builder(state, empty=empty, of_events=field == "condition"),
        warning_line(rx.cond(STATE.met_at_entry.get(field, False), already, "")),
        rx.cond(STATE.tried, problem_line(STATE.problems.get(field, ""))),
        role="group",
        aria_label=name,
        class_name="rule-part",
    )


def _switch(name: str, words: Any, on: Any) -> rx.Component:
    return rx.el.label(
        rx.switch(checked=on, on_change=lambda selected: STATE.set_leave_switch(name, selected), disabled=READ_ONLY),
        words,
        class_name="limit-row",
    )


def _chosen(name: str, value: Any, label: Any) -> rx.Component:
    options = [rx.el.option(t(words), value=code) for code, words in SEQUENCE_FORM[name].options.items()]
    return native(options, label=label, value=value, on_change=lambda selected: STATE.save(name, selected))

"""Rule blocks: the blocks of the rule editor, and the limits of a rule as sentences."""

from collections.abc import Iterable
from typing import Any

import reflex as rx

from platform_app.automation.rules import RULE_FORM
from platform_app.components.console.debounced_input import debounced
from platform_app.components.console.parts import READ_ONLY, problem_line
from platform_app.components.console.picker import choice, picker
from platform_app.components.console.text import t
from platform_app.state.rules.definition_editor import ALL
from platform_app.state.rules.rule import COOLDOWN_UNITS, USUAL_LIMITS, RuleState
from platform_app.state.rules.rule_words import TRIGGERS

_PLACE = "{field}"  # of the field in a sentence


def block(title: Any, *parts: rx.Component) -> rx.Component:
    """Return a block of the editor: the word that begins its sentence, and what follows."""
    return rx.el.section(rx.el.h2(title), rx.el.div(*parts, class_name="rule-part"), class_name="rule-block")


def when_row(state: Any, kinds: Iterable[str]) -> rx.Component:
    """Return what starts a rule or sequence, one of these kinds of events, and for which agent."""
    trigger = picker(
        *(choice(kind, t(TRIGGERS[kind])) for kind in kinds),
        label=t("Trigger"),
        shown=rx.match(state.trigger, *((kind, t(words)) for kind, words in TRIGGERS.items()), state.trigger),
        value=state.trigger,
        on_pick=lambda kind: state.save("trigger", kind),
        name="trigger",
    )
    agent = picker(
        choice(ALL, t("All agents")),
        rx.foreach(state.agents, lambda agent: choice(agent.id, agent.name)),
        label=t("Agents"),
        shown=rx.cond(state.agent == ALL, t("All agents"), state.agent_name),
        value=state.agent,
        on_pick=lambda selected: state.save("agent_id", selected),
        name="agent_id",
    )
    return rx.el.div(trigger, rx.el.span(t("for|agents")), agent, class_name="sentence-row")


def limits() -> list[rx.Component]:
    """Return the limits of the rule, each a switch with its sentence."""
    return [_daily_cap(), _cooldown(), _stop_after()]


def _daily_cap() -> rx.Component:
    is_on = RuleState.daily_cap > 0
    before, after = around("At most {field} times a day")
    given = rx.cond(is_on, RuleState.daily_cap, USUAL_LIMITS["daily_cap"]).to_string()
    field = _number(t("Times a day"), given, lambda value: RuleState.save("daily_cap", value), is_on=is_on)
    return rx.el.div(
        _switch(t("Limit per day"), is_on, lambda on: RuleState.set_limit("daily_cap", on)),
        rx.el.span(before, field, after, class_name="limit-words"),
        problem_line(RuleState.problems.get("daily_cap", "")),
        class_name="limit-row",
    )


def _cooldown() -> rx.Component:
    is_on = RuleState.has_cooldown
    before, after = around("Not again for the same lead or contact within {field}")
    unit = rx.el.select(
        *[rx.el.option(t(unit), value=unit) for unit in COOLDOWN_UNITS],
        value=RuleState.cooldown_unit,
        on_change=RuleState.set_cooldown_unit,
        disabled=READ_ONLY | ~is_on,
        aria_label=t("Unit of the cooldown"),
        class_name="native",
    )
    field = _number(t("Length of the cooldown"), RuleState.cooldown_count, RuleState.set_cooldown_count, is_on=is_on)
    return rx.el.div(
        _switch(t("Cooldown"), is_on, lambda on: RuleState.set_limit("cooldown_minutes", on)),
        rx.el.span(before, field, unit, after, class_name="limit-words"),
        problem_line(RuleState.problems.get("cooldown_minutes", "")),
        class_name="limit-row",
    )


def _stop_after() -> rx.Component:
    return rx.el.label(
        rx.switch(checked=RuleState.stop_after, on_change=RuleState.set_stop_after, disabled=READ_ONLY),
        t(RULE_FORM["stop_after"].label),
        class_name="limit-row",
    )


def _switch(label: Any, is_on: Any, on_change: Any) -> rx.Component:
    return rx.switch(checked=is_on, on_change=on_change, disabled=READ_ONLY, aria_label=label)


def around(sentence: str) -> tuple[rx.Component, rx.Component]:
    """Return what stands before and after the place "{field}" in a sentence, a message id."""
    parts = t(sentence).split(_PLACE)
    return rx.el.span(parts[0]), rx.el.span(parts[1])


def _number(label: Any, value: Any, on_change: Any, *, is_on: Any) -> rx.Component:
    """Return a field for a number, which cannot be changed while its limit is off."""
    return rx.el.input(
        default_value=value,
        key=rx.cond(is_on, "on", "off"),
        on_change=debounced(lambda typed: on_change(typed)),
        input_mode="numeric",
        max_length=7,
        disabled=~is_on,
        read_only=READ_ONLY,
        aria_label=label,
        class_name="native number",
    )

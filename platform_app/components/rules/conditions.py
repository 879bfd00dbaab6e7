"""Conditions: the editor of nested condition groups as indented lines."""

from typing import Any

import reflex as rx

from platform_app.automation.facts import CATALOGUE, Fact, FactType
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY, icon_button, move_buttons
from platform_app.components.console.picker import choice, group, picker
from platform_app.components.console.text import t
from platform_app.components.rules.condition_values import native, option, value
from platform_app.state.rules.condition_tree import ConditionLine
from platform_app.state.rules.proof_view import MATCHES, ProofLine

_ICONS = {
    FactType.TEXT: "type",
    FactType.NUMBER: "hash",
    FactType.MOMENT: "calendar",
    FactType.TIME: "clock",
    FactType.FLAG: "toggle-left",
    FactType.LIST: "tags",
    FactType.CHOICE: "list",
}
_GROUPS = {
    "contact": "Contact",
    "lead": "Lead",
    "conversation": "Conversation",
    "message": "Message",
    "agent": "Agent",
    "clock": "Time",
    "reply": "Event",
    "task": "Event",
    "event": "Event",
    "webhook": "Event",
}


def builder(state: Any, *, empty: Any, of_events: bool = False) -> rx.Component:
    """Show the conditions of a state that has the Conditions mixin; `empty` is said while there are none.

    `of_events` offers what is known of an event alone.
    """
    return rx.el.div(
        rx.cond(
            state.lines.length() > 1,
            DragArea.create(
                rx.el.ol(rx.foreach(state.lines, lambda line: _line(state, line, of_events))),
                on_move=state.drop_condition,
                key=state.tree_key,
            ),
        ),
        rx.cond(state.lines.length() <= 1, rx.el.p(empty, class_name="muted small")),
        rx.cond(~READ_ONLY, _adders(state, "")),
        class_name="conditions",
    )


def _adders(state: Any, path: Any) -> rx.Component:
    return rx.flex(
        _add("plus", t("Add condition"), state.add_condition(path, False)),
        _add("group", t("Add group"), state.add_condition(path, True)),
        spacing="2",
        wrap="wrap",
    )


def _add(icon: str, words: Any, event: Any) -> rx.Component:
    return rx.button(
        rx.icon(icon, size=14),
        words,
        size="1",
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        type="button",
        on_click=event,
    )


def _line(state: Any, line: rx.Var[ConditionLine], of_events: bool) -> rx.Component:
    return rx.el.li(
        rx.cond(line.is_group, _group(state, line), _condition(state, line, of_events)),
        rx.cond(
            line.problem != "",
            rx.el.span(rx.icon("circle-alert", size=16, aria_hidden="true"), line.problem, class_name="problem"),
        ),
        style={"margin-inline-start": f"calc({line.depth} * 20px)"},
        class_name="condition-line",
        custom_attrs=droppable(line.path),
    )


def _group(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    is_inner = (line.depth > 0) & ~READ_ONLY
    match = rx.el.div(
        native(
            [rx.el.option(t(words), value=code) for code, words in MATCHES.items()],
            label=t("Match type of group {number}", number=line.number),
            value=line.match,
            on_change=lambda match: state.set_match(line.path, match),
        ),
        rx.cond(is_inner, _adders(state, line.path)),
        class_name="grow",
    )
    return rx.el.div(
        rx.cond(is_inner, _grip(line)), match, rx.cond(is_inner, _tools(state, line)), class_name="condition-row"
    )


def _condition(state: Any, line: rx.Var[ConditionLine], of_events: bool) -> rx.Component:
    own = rx.foreach(state.custom_facts, lambda fact: choice(fact.id, fact.name))
    parts = rx.el.div(
        picker(
            *_facts(of_events),
            rx.cond(state.custom_facts.length() > 0, group(t("Custom fields"), own)),
            *([_of_webhooks(state)] if of_events else []),
            label=t("Field of condition {number}", number=line.number),
            shown=line.fact_label,
            value=line.fact,
            on_pick=lambda fact: state.set_fact(line.path, fact),
        ),
        native(
            [rx.foreach(line.operators, option)],
            label=t("Operator of condition {number}", number=line.number),
            value=line.operator,
            on_change=lambda operator: state.set_operator(line.path, operator),
        ),
        value(state, line),
        class_name="grow",
    )
    return rx.el.div(
        rx.cond(~READ_ONLY, _grip(line)), parts, rx.cond(~READ_ONLY, _tools(state, line)), class_name="condition-row"
    )


def _of_webhooks(state: Any) -> rx.Component:
    fields = rx.foreach(state.event_facts, lambda fact: choice(fact.id, fact.name))
    return rx.cond(state.event_facts.length() > 0, group(t("Fields of webhooks"), fields))


def _grip(line: rx.Var[ConditionLine]) -> rx.Component:
    """Return the drag handle of a line; the move buttons do the same by keyboard."""
    return rx.el.span(
        rx.icon("grip-vertical", size=14), class_name="grip", custom_attrs=draggable(line.path), aria_hidden="true"
    )


def _facts(of_events: bool) -> list[rx.Component]:
    groups: dict[str, list[Fact]] = {}
    for fact in CATALOGUE:
        if fact.event_only and not of_events:
            continue
        groups.setdefault(_GROUPS.get(fact.name.split(".")[0], "Other"), []).append(fact)
    return [group(t(name), *(_fact(fact) for fact in facts)) for name, facts in groups.items()]


def _fact(fact: Fact) -> rx.Component:
    return choice(fact.name, t(fact.label), icon=_ICONS[fact.type])


def _tools(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    return rx.flex(
        move_buttons(
            (t("Move row {number} up", number=line.number), t("Move row {number} down", number=line.number)),
            lambda up: state.move_condition(line.path, up),
            first=line.first,
            last=line.last,
            small=True,
        ),
        icon_button("x", t("Remove line {number}", number=line.number), state.remove_condition(line.path), small=True),
        spacing="1",
    )


def proof(lines: rx.Var[list[ProofLine]]) -> rx.Component:
    """Return a proof: a mark, the expected and the actual value of each node."""
    return rx.el.ul(rx.foreach(lines, _proof_line), class_name="proof")


def _proof_line(line: rx.Var[ProofLine]) -> rx.Component:
    return rx.el.li(
        rx.cond(
            line.holds,
            rx.icon("check", size=14, color=rx.color("green", 11), aria_label=t("met")),
            rx.icon("x", size=14, color=rx.color("red", 11), aria_label=t("not met")),
        ),
        rx.el.span(
            line.words, rx.cond(line.actual != "", rx.el.span(" · ", t("actual: "), line.actual, class_name="muted"))
        ),
        style={"margin-inline-start": f"calc({line.depth} * 16px)"},
    )

"""Conditions: the editor of nested condition groups as lines that read as a sentence."""

from typing import Any

import reflex as rx

from platform_app.automation.facts import CATALOGUE, Fact, FactType
from platform_app.components.console.drag import DragArea, draggable, droppable
from platform_app.components.console.parts import READ_ONLY
from platform_app.components.console.picker import choice, group, picker
from platform_app.components.console.text import t
from platform_app.components.rules.card_menu import card_menu, delete_item, menu_item
from platform_app.components.rules.condition_values import native, option, value
from platform_app.components.rules.field_blur import when_left
from platform_app.state.rules.condition_tree import ConditionLine
from platform_app.state.rules.proof_view import ProofLine

_ICONS = {
    FactType.TEXT: "type",
    FactType.NUMBER: "hash",
    FactType.MOMENT: "calendar",
    FactType.TIME: "clock",
    FactType.FLAG: "toggle-left",
    FactType.LIST: "tags",
    FactType.CHOICE: "list",
}
_MATCHES = {"all": "all of these are met", "any": "any of these is met", "none": "none of these is met"}
_JOINTS = {"all": "and", "any": "or", "none": "or"}  # between the parts of a group
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
        rx.cond(~READ_ONLY, _adders(state, "", (t("Add condition"), t("Add group")))),
        class_name="conditions",
        custom_attrs={"data-area": state._area(), "data-drawn": state.tree_key},
    )


def _adders(state: Any, path: Any, names: tuple[Any, Any]) -> rx.Component:
    """Return the buttons that add to a group; `names` are those for screen readers."""
    condition, group = names
    return rx.flex(
        _add("plus", t("Add condition"), state.add_condition(path, False), condition),
        _add("group", t("Add group"), state.add_condition(path, True), group),
        spacing="2",
        wrap="wrap",
    )


def _add(icon: str, words: Any, event: Any, name: Any) -> rx.Component:
    return rx.button(
        rx.icon(icon, size=14, aria_hidden="true"),
        words,
        size="1",
        variant="soft",
        color_scheme="gray",
        high_contrast=True,
        type="button",
        aria_label=name,
        on_click=event,
    )


def _line(state: Any, line: rx.Var[ConditionLine], of_events: bool) -> rx.Component:
    depth = f"calc(({line.depth} - 1) * 20px)"
    return rx.el.li(
        rx.cond(line.depth > 1, rx.el.span(class_name="bracket", style={"width": depth}, aria_hidden="true")),
        rx.cond(line.is_group, _group(state, line), _condition(state, line, of_events)),
        rx.cond(
            line.problem != "",
            rx.el.span(rx.icon("circle-alert", size=16, aria_hidden="true"), line.problem, class_name="problem"),
        ),
        style={"padding-inline-start": rx.cond(line.depth > 1, depth, "0px")},
        class_name="condition-line",
        custom_attrs=droppable(line.path) | {"data-row": line.path},
    )


def _joint(line: rx.Var[ConditionLine]) -> rx.Component:
    """Return the word that joins a row with the one before it."""
    words = rx.match(line.joint, *((code, t(word)) for code, word in _JOINTS.items()), "")
    return rx.cond(line.depth > 0, rx.el.span(words, class_name="joint"))


def _group(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    is_inner = (line.depth > 0) & ~READ_ONLY
    names = tuple(t(words, number=line.number) for words in ("Add condition to {number}", "Add group to {number}"))
    match = rx.el.div(
        native(
            [rx.el.option(t(words), value=code) for code, words in _MATCHES.items()],
            label=t("Match type of group {number}", number=line.number),
            value=line.match,
            on_change=lambda match: state.set_match(line.path, match),
        ),
        rx.cond(is_inner, _adders(state, line.path, (names[0], names[1]))),
        class_name="grow",
    )
    return rx.el.div(
        _joint(line),
        rx.cond(is_inner, _grip(line)),
        match,
        rx.cond(is_inner, _menu(state, line)),
        class_name="condition-row",
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
        rx.el.div(
            value(state, line), class_name="condition-value", on_blur=when_left(state.leave_condition(line.path))
        ),
        class_name="grow",
        custom_attrs={"data-fields": "yes"},
    )
    return rx.el.div(
        _joint(line), rx.cond(~READ_ONLY, _grip(line)), parts, _menu(state, line), class_name="condition-row"
    )


def _of_webhooks(state: Any) -> rx.Component:
    fields = rx.foreach(state.event_facts, lambda fact: choice(fact.id, fact.name))
    return rx.cond(state.event_facts.length() > 0, group(t("Fields of webhooks"), fields))


def _grip(line: rx.Var[ConditionLine]) -> rx.Component:
    """Return the drag handle of a line; its menu does the same by keyboard."""
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


def _menu(state: Any, line: rx.Var[ConditionLine]) -> rx.Component:
    path, number = line.path, line.number
    up, down = state.move_condition(path, True), state.move_condition(path, False)
    return card_menu(
        t("Menu of row {number}", number=number),
        menu_item("copy", t("Duplicate row {number}", number=number), state.copy_condition(path)),
        menu_item("arrow-up", t("Move row {number} up", number=number), up, disabled=line.first),
        menu_item("arrow-down", t("Move row {number} down", number=number), down, disabled=line.last),
        delete_item(t("Delete row {number}", number=number), state.remove_condition(path)),
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

"""Condition tree: changes to nested condition groups by path, and the tree as lines for the editor."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from platform_app.automation.condition_checks import problems
from platform_app.automation.conditions import Condition, Group, Match, parse_conditions
from platform_app.automation.facts import Catalogue, Fact, FactType
from platform_app.automation.operators import OPERATORS, Operand, Operator
from platform_app.automation.values import parse_whole
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.services.bin.json_references import REMOVED_ID
from platform_app.state.console.option_lists import Option

Tree = dict[str, Any]  # a group as JSON values
UNITS = ("minutes", "hours", "days", "weeks")


@dataclass
class ConditionLine:
    """A group or a condition in the editor. `path` holds the indexes from the root, joined by dots."""

    path: str
    depth: int
    is_group: bool
    number: str = ""  # position such as 1.2, for screen readers
    match: str = ""
    joint: str = ""  # all, any or none of the group of which it is not the first part
    fact: str = ""
    operator: str = ""
    operators: list[Option] = field(default_factory=list)
    input: str = "none"  # none, text, lines, number, date, time, choice, choices, two, span
    fact_label: str = ""
    kind: str = "text"  # of the input's parts: text, number, date, time
    value: str = ""
    second: str = ""
    selected: list[str] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    field_key: str = ""  # a change redraws the input, else the text being typed is kept
    problem: str = ""
    first: bool = False  # line of the tree, which cannot move up
    last: bool = False


def node_at(tree: Tree, path: str) -> Tree:
    """Return the node at a path. Raises Invalid if there is none."""
    node = tree
    for place in path.split(".") if path else []:
        parts = node.get("of", [])
        index = parse_whole(place, len(parts) - 1) if parts else None
        if index is None:
            raise Invalid("This value isn’t allowed.")
        node = parts[index]
    return node


def parent(tree: Tree, path: str) -> tuple[list[Tree], int]:
    """Return the list that contains a node, and its index there. Raises Invalid if there is none."""
    above, _, place = path.rpartition(".")
    if not path:
        raise Invalid("This value isn’t allowed.")
    node_at(tree, path)
    return node_at(tree, above)["of"], int(place)


def add(tree: Tree, path: str, *, group: bool) -> str:
    """Add a condition, or a group with one, at the end of a group; return the condition's path.

    Raises Invalid if `path` is not a group's.
    """
    within = node_at(tree, path)
    if within.get("kind") != "group":
        raise Invalid("This value isn’t allowed.")
    new: Tree = {"kind": "condition", "fact": "lead.stage", "operator": "equals", "value": ""}
    within["of"].append({"kind": "group", "match": Match.ANY.value, "of": [new]} if group else new)
    last = str(len(within["of"]) - 1)
    return ".".join(filter(None, (path, last, "0" if group else "")))


def remove(tree: Tree, path: str) -> str:
    """Remove a node; return the path of the one that is now in its place or before it, or of its group."""
    parts, place = parent(tree, path)
    parts.pop(place)
    above, near = path.rpartition(".")[0], min(place, len(parts) - 1)
    return f"{above}.{near}".lstrip(".") if parts else above


def duplicate(tree: Tree, path: str) -> str:
    """Insert a copy of a node after it; return the path of the copy."""
    parts, place = parent(tree, path)
    parts.insert(place + 1, copy.deepcopy(parts[place]))
    above, _, _ = path.rpartition(".")
    return f"{above}.{place + 1}".lstrip(".")


def move(tree: Tree, path: str, *, up: bool) -> str:
    """Move a node one line up or down: past its neighbour, into a neighbouring group, or out of its own.

    Return its new path.
    """
    parts, place = parent(tree, path)
    node, other = parts.pop(place), place - 1 if up else place
    above = path.rpartition(".")[0]
    if 0 <= other < len(parts):
        neighbour = parts[other]
        if neighbour["kind"] == "group" and node["kind"] == "condition":
            neighbour["of"].insert(len(neighbour["of"]) if up else 0, node)
        else:
            parts.insert(other if up else other + 1, node)
    elif above:
        outer, group_place = parent(tree, above)
        outer.insert(group_place if up else group_place + 1, node)
    else:
        parts.insert(place, node)
    return next(place for place, other_node in _nodes(tree, "") if other_node is node)


def _nodes(node: Tree, path: str) -> Iterator[tuple[str, Tree]]:
    """Yield the nodes below a node with their paths."""
    for place, part in enumerate(node.get("of", [])):
        here = f"{path}.{place}".lstrip(".")
        yield here, part
        yield from _nodes(part, here)


def move_onto(tree: Tree, path: str, onto: str) -> None:
    """Move a node to the position of another; onto a group, into it. Raises Invalid for its own group."""
    if onto == path or onto.startswith(f"{path}."):
        raise Invalid("A group can’t contain itself.")
    (parts, place), target = parent(tree, path), node_at(tree, onto)
    node, gap = parts[place], Tree(kind="gap")
    parts[place] = gap
    if target["kind"] == "group":
        target["of"].insert(0, node)
    else:
        others, other = parent(tree, onto)
        others.insert(other + (_places(onto) > _places(path)), node)
    parts.pop(next(place for place, part in enumerate(parts) if part is gap))


def _places(path: str) -> list[int]:
    return [int(place) for place in path.split(".")]


def set_fact(tree: Tree, path: str, fact: Fact) -> None:
    """Set the fact of a condition; an operator that does not fit is replaced by the first that does."""
    node = node_at(tree, path)
    kept = OPERATORS.get(node.get("operator", ""))
    fitting = [op for op in OPERATORS.values() if fact.type in op.types]
    node |= {"fact": fact.name, "value": ""}
    if kept not in fitting:
        node["operator"] = fitting[0].code


def set_operator(tree: Tree, path: str, operator: Operator) -> None:
    """Set the operator of a condition; keeps the value if possible."""
    node = node_at(tree, path)
    several, value = operator.operand in (Operand.MANY, Operand.TWO), node["value"]
    if several != isinstance(value, list):
        node["value"] = ([value] if value else []) if several else (value[0] if value else "")
    node["operator"] = operator.code


def condition_lines(
    tree: Tree, known: Catalogue, choices: Mapping[str, list[Option]], language: str
) -> list[ConditionLine]:
    """Return a tree as lines in depth-first order with the problem of each."""
    group = parse_conditions(tree)
    wrong = {
        ".".join(map(str, problem.path)): translate(language, problem.sentence, **problem.values)
        for problem in problems(
            group, known, {among: {option.id for option in held} for among, held in choices.items()}
        )
    }
    lines: list[ConditionLine] = []
    _walk(group, (), lines)
    for line in lines:
        line.problem = wrong.get(line.path, "")
        line.first, line.last = line.path == "0", line.path == str(len(group.of) - 1)
        if not line.is_group:
            _set_inputs(line, known.get(line.fact), choices, language)
            line.field_key = f"{line.fact} {line.input}"
    return lines


def _walk(node: Condition | Group, path: tuple[int, ...], lines: list[ConditionLine], joint: str = "") -> None:
    place = ".".join(map(str, path))
    number = ".".join(str(part + 1) for part in path)
    if isinstance(node, Condition):
        line = ConditionLine(place, len(path), False, number, fact=node.fact, operator=node.operator, joint=joint)
        line.selected = node.value if isinstance(node.value, list) else []
        line.value = node.value if isinstance(node.value, str) else "\n".join(node.value)
        lines.append(line)
        return
    lines.append(ConditionLine(place, len(path), True, number, match=node.match.value, joint=joint))
    for part_place, part in enumerate(node.of):
        _walk(part, (*path, part_place), lines, node.match.value if part_place else "")


_INPUTS = {FactType.NUMBER: "number", FactType.MOMENT: "date", FactType.TIME: "time"}
_SINGLE = {Operand.TEXT: "text", Operand.PATTERN: "text", Operand.SPAN: "span", Operand.NOTHING: "none"}


def _set_inputs(line: ConditionLine, fact: Fact | None, choices: Mapping[str, list[Option]], language: str) -> None:
    """Set operators, options and kind of input of a line."""
    if fact is None:
        line.fact_label = line.fact
        return
    line.fact_label = fact.label if fact.is_custom else translate(language, fact.label)
    line.operators = [
        Option(op.code, translate(language, op.label)) for op in OPERATORS.values() if fact.type in op.types
    ]
    op = OPERATORS.get(line.operator)
    takes = op.operand if op else Operand.NOTHING
    line.kind = _INPUTS.get(fact.type, "text")
    line.options = _options(fact, choices, language)
    if REMOVED_ID in (line.value, *line.selected):
        line.options = [*line.options, Option(REMOVED_ID, translate(language, "Deleted item"))]
    line.input = _SINGLE.get(takes, "")
    is_closed = bool(line.options) and fact.choices_from != "tag" and fact.type != FactType.LIST
    if takes == Operand.ONE:
        line.input = "choice" if is_closed else line.kind
    elif takes == Operand.TWO:
        line.input = "two"
        line.value, line.second = (*line.selected, "", "")[:2]
    elif takes == Operand.MANY:
        line.input = "choices" if is_closed else "lines"
    elif takes == Operand.SPAN:
        line.value, _, line.second = line.value.partition(" ")
        line.second = line.second or "days"


def _options(fact: Fact, choices: Mapping[str, list[Option]], language: str) -> list[Option]:
    if fact.type == FactType.FLAG:
        return [Option("yes", translate(language, "yes")), Option("no", translate(language, "no"))]
    if fact.type == FactType.LIST:
        return list(choices.get("tag", []))
    return [Option(option, option) for option in fact.options] or list(choices.get(fact.choices_from, []))

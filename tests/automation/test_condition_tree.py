"""Condition tree: lines are added, moved in and out of groups, changed; what was entered is kept where it can be."""

import copy
from typing import Any

import pytest

from platform_app.automation.conditions import parse_conditions
from platform_app.automation.facts import Fact, FactType, catalogue
from platform_app.automation.operators import OPERATORS
from platform_app.errors import Invalid
from platform_app.state.console.option_lists import Option
from platform_app.state.rules import condition_tree

KNOWN = catalogue([Fact("lead.field.size", "Size", FactType.TEXT, options=("S", "M"), is_custom=True)])
CHOICES = {"stage": [Option("a", "Sales · New")]}


def leaf(fact: str = "lead.budget", operator: str = "greater", value: Any = "1") -> dict[str, Any]:
    return {"kind": "condition", "fact": fact, "operator": operator, "value": value}


def group(*of: dict[str, Any], match: str = "all") -> dict[str, Any]:
    return {"kind": "group", "match": match, "of": list(of)}


def values(tree: dict[str, Any]) -> Any:
    """Return the values of a tree in its shape."""
    return [values(part) for part in tree["of"]] if tree["kind"] == "group" else tree["value"]


def tree() -> dict[str, Any]:
    return group(leaf(value="1"), group(leaf(value="2"), leaf(value="3")), leaf(value="4"))


@pytest.mark.parametrize(
    ("path", "up", "after"),
    [
        ("0", True, ["1", ["2", "3"], "4"]),
        ("0", False, [["1", "2", "3"], "4"]),
        ("2", True, ["1", ["2", "3", "4"]]),
        ("2", False, ["1", ["2", "3"], "4"]),
        ("1.0", True, ["1", "2", ["3"], "4"]),
        ("1.0", False, ["1", ["3", "2"], "4"]),
        ("1.1", False, ["1", ["2"], "3", "4"]),
        ("1", True, [["2", "3"], "1", "4"]),
        ("1", False, ["1", "4", ["2", "3"]]),
    ],
)
def test_moved_one_line_past_into_and_out_of_groups(path: str, up: bool, after: Any) -> None:
    held = tree()
    moved = condition_tree.node_at(held, path)
    new = condition_tree.move(held, path, up=up)
    assert values(held) == after
    assert condition_tree.node_at(held, new) is moved
    parse_conditions(held)


@pytest.mark.parametrize(
    ("path", "new", "after"),
    [
        ("0", "1", ["1", "1", ["2", "3"], "4"]),
        ("1.1", "1.2", ["1", ["2", "3", "3"], "4"]),
        ("1", "2", ["1", ["2", "3"], ["2", "3"], "4"]),
    ],
)
def test_a_copy_comes_after_what_is_copied(path: str, new: str, after: Any) -> None:
    held = tree()
    assert condition_tree.duplicate(held, path) == new
    assert values(held) == after
    condition_tree.node_at(held, new)["of" if path == "1" else "value"] = []
    assert condition_tree.node_at(held, path) != condition_tree.node_at(held, new)


@pytest.mark.parametrize("path", ["9", "1.7", "0.0", "x", "-1", "", "1." + "0." * 50 + "0"])
def test_what_is_nowhere_is_refused(path: str) -> None:
    held = tree()
    before = copy.deepcopy(held)
    with pytest.raises(Invalid):
        condition_tree.remove(held, path)
    assert held == before


def test_added_at_the_end_of_a_group_only() -> None:
    held = tree()
    condition_tree.add(held, "1", group=False)
    condition_tree.add(held, "", group=True)
    assert values(held) == ["1", ["2", "3", ""], "4", [""]]
    with pytest.raises(Invalid):
        condition_tree.add(held, "0", group=False)
    assert condition_tree.remove(held, "1.0") == "1.0"
    assert values(held) == ["1", ["3", ""], "4", [""]]
    assert condition_tree.remove(held, "3.0") == "3"
    assert condition_tree.remove(held, "3") == "2"


def test_an_operator_follows_the_fact_and_values_what_it_takes() -> None:
    held = group(leaf())
    condition_tree.set_fact(held, "0", KNOWN["lead.title"])
    assert OPERATORS[held["of"][0]["operator"]].types >= {FactType.TEXT} and held["of"][0]["value"] == ""
    held["of"][0]["value"] = "Bike"
    condition_tree.set_operator(held, "0", OPERATORS["contains_any"])
    assert held["of"][0]["value"] == ["Bike"]
    condition_tree.set_operator(held, "0", OPERATORS["starts"])
    assert held["of"][0]["value"] == "Bike"


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        (leaf(), ("number", "1", "")),
        (leaf("lead.budget", "between", ["1", "2"]), ("two", "1", "2")),
        (leaf("lead.stage", "equals", "a"), ("choice", "a", "")),
        (leaf("lead.stage", "in_list", ["a"]), ("choices", "a", "")),
        (leaf("message.text", "like", ["a", "b"]), ("lines", "a\nb", "")),
        (leaf("lead.created", "within_last", "3 weeks"), ("span", "3", "weeks")),
        (leaf("lead.created", "before", "2026-01-01"), ("date", "2026-01-01", "")),
        (leaf("clock.time", "after", "09:00"), ("time", "09:00", "")),
        (leaf("contact.name", "empty", ""), ("none", "", "")),
        (leaf("lead.field.size", "equals", "M"), ("choice", "M", "")),
        (leaf("gone.fact", "equals", "x"), ("none", "x", "")),
    ],
)
def test_each_line_is_entered_in_its_own_way(condition: dict[str, Any], shown: tuple[str, str, str]) -> None:
    root, line = condition_tree.condition_lines(group(condition), KNOWN, CHOICES, "en")
    assert (root.is_group, root.path, line.path, line.number) == (True, "", "0", "1")
    assert (line.input, line.value, line.second) == shown
    assert bool(line.problem) is (condition["fact"] == "gone.fact")

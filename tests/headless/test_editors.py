"""Editors of rules and sequences: rows are inserted, copied and moved with the focus, and are not blamed at birth."""

from typing import Any

import pytest

from platform_app.automation.rules import MAX_ACTIONS
from platform_app.engine.rules import rules
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.models.person import Identity
from platform_app.state.rules.named_variables import MARKS, named_variables, summary_parts
from platform_app.state.rules.rule import RuleState, in_units
from platform_app.state.rules.rule_words import describe_action
from platform_app.state.sequences.sequence import ExitConditions, SequenceState
from tests.headless.harness import Tab, sign_in
from tests.headless.test_sequence_pages import opened
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, do, when
from tests.talking import call

TAG = {"kind": "add_tag", "tag": "one"}


def kinds(who: Identity, rule: str) -> list[str]:
    """Return the kinds of a rule's actions as they are stored."""
    return [action["kind"] for action in call(who, rules.DEFINITIONS.get, rule).draft["actions"]]


def problems(tab: Tab, place: int) -> list[str]:
    """Return what is said of an action: the problems of its fields."""
    return [field.problem for field in tab.get(RuleState, "action_lines")[place].fields if field.problem]


def focused(tab: Tab) -> str:
    """Return the last script that the browser was given."""
    return str(tab.said[-1].payload).replace("\\", "")


async def test_an_action_is_inserted_copied_and_moved_and_the_focus_goes_along(who: Identity) -> None:
    rule = a_rule(who, "contact_created", TAG, {"kind": "hand_off"})
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")
        assert tab.get(RuleState, "opened_action") == ""
        await tab.send(RuleState.insert_action(1, "create_task"))
        assert (kinds(who, rule), tab.get(RuleState, "opened_action")) == (["add_tag", "create_task", "hand_off"], "1")
        key = tab.get(RuleState, "actions_key")
        assert f'[data-area="actions"][data-drawn="{key}"] [data-row="1"]' in focused(tab)
        assert "[data-fields]" in focused(tab)
        await tab.send(RuleState.move_action(1, True))
        assert (kinds(who, rule), tab.get(RuleState, "opened_action")) == (["create_task", "add_tag", "hand_off"], "0")
        assert '[data-row="0"]' in focused(tab) and "[data-menu]" in focused(tab)
        await tab.send(RuleState.copy_action(1))
        assert kinds(who, rule) == ["create_task", "add_tag", "add_tag", "hand_off"]
        assert '[data-row="2"]' in focused(tab)
        await tab.send(RuleState.open_action(2))
        assert tab.get(RuleState, "opened_action") == ""
        await tab.send(RuleState.remove_action(3))
        assert kinds(who, rule) == ["create_task", "add_tag", "add_tag"]
        assert '[data-row="2"]' in focused(tab) and "[data-menu]" in focused(tab)
        for on, shown in ((False, [False, True, False]), (True, [False, False, False])):
            await tab.send(RuleState.switch_action(1, on))
            assert [line.is_off for line in tab.get(RuleState, "action_lines")] == shown
            assert [bool(one.get("off")) for one in call(who, rules.DEFINITIONS.get, rule).draft["actions"]] == shown
        before = kinds(who, rule)
        for event in (
            RuleState.insert_action(9, "add_tag"),
            RuleState.insert_action(0, "nothing"),
            RuleState.copy_action(-1),
            RuleState.open_action(99),
            RuleState.switch_action(7, False),
        ):
            await tab.send(event)
            assert "isn’t allowed" in focused(tab)
        assert kinds(who, rule) == before


async def test_there_are_at_most_so_many_actions(who: Identity) -> None:
    rule = a_rule(who, "contact_created", *[TAG] * MAX_ACTIONS)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")
        for event in (RuleState.insert_action(0, "add_tag"), RuleState.copy_action(0), RuleState.add_action("add_tag")):
            await tab.send(event)
    assert len(kinds(who, rule)) == MAX_ACTIONS


async def test_an_action_is_blamed_when_a_field_is_left_or_on_publish(who: Identity) -> None:
    rule = a_rule(who, "contact_created", TAG)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")
        await tab.send(RuleState.add_action("create_task"))
        assert problems(tab, 1) == [] and tab.get(RuleState, "action_lines")[1].closed_problem == ""
        await tab.send(RuleState.leave_action_field(1, "text"))
        assert problems(tab, 1) == ["Required."]
        await tab.send(RuleState.set_action_field(1, "text", "Call"))
        assert problems(tab, 1) == []
        await tab.send(RuleState.set_action_field(1, "text", ""))  # while it is typed in
        assert problems(tab, 1) == []
        await tab.send(RuleState.leave_action_field(1, "text"))
        assert problems(tab, 1) == ["Required."]
        await tab.send(RuleState.add_action("add_tag"))
        assert problems(tab, 2) == [] and not tab.get(RuleState, "tried")
        await tab.send(RuleState.publish)
        assert problems(tab, 2) == ["Required."] and tab.get(RuleState, "tried")
        assert tab.get(RuleState, "opened_action") == "1" and '[data-row="1"]' in focused(tab)
        assert ".field:has(.problem)" in focused(tab)


async def test_a_condition_is_blamed_when_its_value_is_left_or_on_publish(who: Identity) -> None:
    rule = a_rule(who, "contact_created", TAG)
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")

        def said() -> list[bool]:
            return [bool(line.problem) for line in tab.get(RuleState, "lines")[1:]]

        await tab.send(RuleState.add_condition("", False))
        key = tab.get(RuleState, "tree_key")
        assert f'[data-area="conditions"][data-drawn="{key}"] [data-row="0"]' in focused(tab)
        await tab.send(RuleState.set_fact("0", "lead.title"))
        assert said() == [False]
        await tab.send(RuleState.leave_condition("0"))
        assert said() == [True]
        await tab.send(RuleState.set_value("0", "truck"))
        await tab.send(RuleState.copy_condition("0"))
        assert said() == [False, False] and '[data-row="1"]' in focused(tab)
        await tab.send(RuleState.set_value("1", ""))
        assert said() == [False, False]
        await tab.send(RuleState.publish)
        assert said() == [False, True] and ".condition-line:has(" in focused(tab)
        await tab.send(RuleState.move_condition("1", True))
        assert said() == [True, False] and '[data-row="0"]' in focused(tab) and "[data-menu]" in focused(tab)
        await tab.send(RuleState.add_condition("", True))
        assert '[data-row="2.0"]' in focused(tab)
        joints = [(line.path, line.joint) for line in tab.get(RuleState, "lines")]
        assert joints == [("", ""), ("0", ""), ("1", "all"), ("2", "all"), ("2.0", "")]


async def test_a_limit_is_a_switch_with_a_number(who: Identity) -> None:
    rule = a_rule(who, "contact_created", TAG)

    def limits() -> tuple[int, int]:
        draft = call(who, rules.DEFINITIONS.get, rule).draft
        return draft["daily_cap"], draft["cooldown_minutes"]

    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"rules/{rule}", RuleState, "action_lines")
        await tab.send(RuleState.set_limit("daily_cap", True))
        await tab.send(RuleState.set_limit("cooldown_minutes", True))
        assert limits() == (5, 30)
        await tab.send(RuleState.save("daily_cap", "7"))
        await tab.send(RuleState.set_cooldown_count("2"))
        await tab.send(RuleState.set_cooldown_unit("days"))
        assert limits() == (7, 2_880)
        for count in ("many", "-1", "366"):
            await tab.send(RuleState.set_cooldown_count(count))
            assert tab.get(RuleState, "problems")["cooldown_minutes"] == "Enter a number."
        await tab.send(RuleState.set_cooldown_unit("weeks"))
        await tab.send(RuleState.set_limit("trigger", True))
        assert limits() == (7, 2_880)
        await tab.goto(f"/manage/acme/rules/{rule}", settle=False)
        await tab.until(lambda: tab.get(RuleState, "cooldown_count") == "2")
        assert (tab.get(RuleState, "cooldown_count"), tab.get(RuleState, "cooldown_unit")) == ("2", "days")
        await tab.send(RuleState.set_limit("daily_cap", False))
        await tab.send(RuleState.set_limit("cooldown_minutes", False))
        assert limits() == (0, 0) and not tab.get(RuleState, "has_cooldown")


@pytest.mark.parametrize(("minutes", "shown"), [(30, ("30", "minutes")), (120, ("2", "hours")), (4_320, ("3", "days"))])
def test_minutes_are_shown_in_the_largest_unit(minutes: int, shown: tuple[str, str]) -> None:
    assert in_units(minutes) == shown


async def test_a_step_is_inserted_copied_and_moved_and_blamed_when_left(who: Identity) -> None:
    fork = {"id": "f", "kind": "fork", "condition": when("lead.budget", "greater", "10"), "yes": [do("y")], "no": []}
    sequence = a_sequence(who, do("a"), fork)

    def shape() -> list[Any]:
        steps = call(who, DEFINITIONS.get, sequence).draft["steps"]
        return [[inner["kind"] for inner in step["yes"]] if "yes" in step else step["action"]["kind"] for step in steps]

    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceState, "form_key")
        await tab.send(SequenceState.insert_step("y", "do:create_task"))
        assert shape() == ["write_note", ["do", "do"]]
        made = tab.get(SequenceState, "opened")
        assert f'[data-row="{made}"]' in focused(tab) and "[data-fields]" in focused(tab)

        def said() -> tuple[str, list[str]]:
            line = next(line for line in tab.get(SequenceState, "steps") if line.id == made)
            return line.problem, [field.problem for field in tab.get(SequenceState, "field_lines") if field.problem]

        assert said() == ("", [])
        await tab.send(SequenceState.leave_field("text"))
        assert said() == ("Required.", ["Required."])
        await tab.send(SequenceState.set_action_field("text", "Call"))
        await tab.send(SequenceState.set_action_field("text", ""))
        assert said() == ("", [])
        await tab.send(SequenceState.publish)
        assert said() == ("Required.", ["Required."]) and tab.get(SequenceState, "tried")
        assert f'[data-row="{made}"]' in focused(tab) and ".field:has(.problem)" in focused(tab)


async def test_steps_are_moved_copied_switched_and_removed(who: Identity) -> None:
    fork = {"id": "f", "kind": "fork", "condition": when("lead.budget", "greater", "10"), "yes": [do("y")], "no": []}
    sequence = a_sequence(who, do("a"), fork)

    def shape() -> list[str]:
        return [step["kind"] for step in call(who, DEFINITIONS.get, sequence).draft["steps"]]

    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceState, "form_key")
        await tab.send(SequenceState.move_step("a", False))
        assert shape() == ["fork", "do"] and '[data-row="a"]' in focused(tab) and "[data-menu]" in focused(tab)
        await tab.send(SequenceState.copy_step("a"))
        assert shape() == ["fork", "do", "do"]
        await tab.send(SequenceState.switch_step("a", False))
        assert [line.id for line in tab.get(SequenceState, "steps") if line.is_off] == ["a"]
        assert call(who, DEFINITIONS.get, sequence).draft["steps"][1]["off"] is True
        await tab.send(SequenceState.remove_step("a"))
        assert "[data-menu]" in focused(tab)
        await tab.send(SequenceState.insert_step("nowhere", "do:create_task"))
        await tab.send(SequenceState.insert_step("a", "do:nothing"))
        assert shape() == ["fork", "do"]
        icons = {line.icon for line in tab.get(SequenceState, "steps")}
        assert {"sticky-note", "split"} <= icons and "zap" not in icons


async def test_publishing_shows_the_first_condition_that_is_not_finished(who: Identity) -> None:
    sequence = a_sequence(who, do("a"))
    async with Tab(sign_in(who)) as tab:
        await opened(tab, f"sequences/{sequence}", SequenceState, "form_key")
        await tab.send(ExitConditions.add_condition("", False))
        key = tab.get(ExitConditions, "tree_key")
        assert f'[data-area="exit-conditions"][data-drawn="{key}"] [data-row="0"]' in focused(tab)
        await tab.send(SequenceState.publish)
        assert '[data-area="exit-conditions"]' in focused(tab) and tab.get(ExitConditions, "lines")[1].problem
        await tab.send(ExitConditions.remove_condition("0"))
        assert call(who, DEFINITIONS.get, sequence).draft["leave_if"]["of"] == []


def test_variables_of_a_summary_are_parts_of_their_own() -> None:
    action = {"kind": "create_task", "text": "Call {{ contact.name }} about {{ lead.field.size }}", "days": "1"}
    marked = describe_action(action, "en", {"lead.field.size": "Size"}, marks=MARKS)
    parts = summary_parts(marked)
    assert [part.text for part in parts if part.is_variable] == ["Contact name", "Size"]
    assert "".join(part.text for part in parts) == "create a task: “Call Contact name about Size”, due in 1 day"
    assert describe_action(action, "en", {}) == "create a task: “Call [Contact name] about [size]”, due in 1 day"
    long = describe_action({"kind": "write_note", "text": "x" * 75 + " {{ lead.title }}"}, "en", {})
    assert "{{" not in long and long.endswith("…”")
    assert named_variables("{% if a %}Hi{% endif %} {{ lead.title | upcase }}", "ru") == "Hi [Сделка: название]"

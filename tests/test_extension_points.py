"""Extension points: an action, an operator and a step is one class or function; what is missing beside it is named."""

import ast
import re
import string
from pathlib import Path
from typing import Any

import pytest

from platform_app.automation import steps
from platform_app.automation.input_fields import input_fields
from platform_app.automation.operators import OPERATORS
from platform_app.automation.steps import STEPS
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.engine.actions import actions
from platform_app.engine.actions.actions import ACTIONS
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.services.channels.channel_names import CHANNELS

ROOT = Path(__file__).parents[1]
TESTS = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
KINDS = {"action": ACTIONS, "step": STEPS, "operator": OPERATORS}


def classes(folder: str, base: str) -> set[str]:
    """Return the names of the classes below a folder that derive from a base directly."""
    return {
        node.name
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(one).split(".")[-1] == base for one in node.bases)
    }


def test_every_action_class_is_found() -> None:
    found = {one.__name__ for one in ACTIONS.values()}
    assert classes("platform_app/engine", "Action") == found, "an action stands in engine/actions/*_actions.py"


def test_every_step_class_is_found() -> None:
    found = {one.__name__ for one in STEPS.values()}
    assert classes("platform_app/automation", "Step") == found, "a step stands in automation/steps.py"


def test_every_operator_function_is_found() -> None:
    functions = ast.parse((ROOT / "platform_app/automation/operators.py").read_text()).body
    taken = [node.name.strip("_") for node in functions if isinstance(node, ast.FunctionDef) and node.args.args]
    assert [name for name in taken if name != "operator"] == list(OPERATORS), "an operator is marked with @operator"


def test_every_channel_has_a_kind_that_is_found_and_a_place_in_the_menu() -> None:
    assert {*CHANNEL_KINDS} == {*Channel} - {Channel.TEST} and {*CHANNELS} == {*Channel}
    assert len({kind.menu_order for kind in CHANNEL_KINDS.values()}) == len(CHANNEL_KINDS)
    for kind in CHANNEL_KINDS.values():
        said = [kind.push.setup_help, *(one.label for one in kind.push.access_fields)] if kind.push else []
        assert [words for words in said if translate("ru", words) == words] == [], kind.kind


@pytest.mark.parametrize("noun", KINDS)
def test_every_kind_has_a_test(noun: str) -> None:
    assert [kind for kind in KINDS[noun] if f'"{kind}"' not in TESTS] == []


def message_ids(noun: str, kind: str) -> list[str]:
    """Return everything that the console shows of a kind."""
    if noun == "operator":
        return [OPERATORS[kind].label]
    if noun == "action":
        fields = [one.label for one in input_fields(ACTIONS[kind])]
        return [actions.label(kind), *filter(None, [actions.note(kind)]), *fields]
    asked = input_fields(STEPS[kind])
    options = [words for one in asked for value, words in one.options.items() if words != value]
    said = [steps.label(kind), *STEPS[kind].branch_labels.values(), *(one.label for one in asked), *options]
    return [*said, *filter(None, [STEPS[kind].sentence])]


@pytest.mark.parametrize(("noun", "kind"), [(noun, kind) for noun, kinds in KINDS.items() for kind in kinds])
def test_every_kind_is_translated(noun: str, kind: str) -> None:
    assert [said for said in message_ids(noun, kind) if translate("ru", said) == said] == []


def test_no_two_kinds_have_the_same_name() -> None:
    for noun, kinds in KINDS.items():
        names = [message_ids(noun, kind)[0] for kind in kinds if noun != "operator"]
        assert len(set(names)) == len(names), noun


def test_a_sentence_of_a_step_has_places_for_its_fields_alone() -> None:
    for kind, step in STEPS.items():
        places = {name for _, name, _, _ in string.Formatter().parse(step.sentence) if name}
        assert places <= {one.name for one in input_fields(step)}, kind


def test_branches_of_steps_are_fields_and_a_name_means_the_same_in_every_kind() -> None:
    labels: dict[str, str] = {}
    for kind, step in STEPS.items():
        assert set(step.branch_labels) == set(step.model_validate({"id": "x"}).branches()) <= set(step.model_fields), (
            kind
        )
        for name, words in step.branch_labels.items():
            assert labels.setdefault(name, words) == words, f"{kind}: another step calls its branch {name} otherwise"


def test_every_sentence_of_a_plan_is_translated() -> None:
    source = "".join(path.read_text() for path in (ROOT / "platform_app/engine/actions").glob("*.py"))
    said: list[Any] = re.findall(r'\bActionPlan\(\s*"([^"]+)"', source)
    assert len(said) >= len(ACTIONS) and [one for one in said if translate("ru", one) == one] == []

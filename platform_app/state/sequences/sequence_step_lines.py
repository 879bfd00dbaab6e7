"""Sequence step lines: the steps and branches of a sequence as the editor shows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from platform_app.automation import steps as kinds
from platform_app.automation.input_fields import InputField, input_fields
from platform_app.automation.step_base import StepInput
from platform_app.engine.actions import actions
from platform_app.errors import Invalid
from platform_app.i18n import sentence_case, translate
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.action_fields import ActionFieldLine
from platform_app.state.rules.named_variables import MARKS, SummaryPart, summary_parts
from platform_app.state.rules.proof_view import ViewContext
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_tree import Data
from platform_app.state.sequences.sequence_words import BRANCHES, describe_step, describe_timing, step_icon


@dataclass
class SequenceStepLine:
    """A step, or the heading of a branch."""

    id: str  # of a branch: step.branch
    is_branch: bool
    depth: int
    number: str
    title: str  # of a branch
    summary: list[SummaryPart] = field(default_factory=list)  # of a step
    icon: str = ""
    wait: str = ""
    count: str = ""  # how many stand before it
    problem: str = ""  # the first one, of the step itself or of a field
    own_problem: str = ""  # of the step itself
    warning: str = ""
    is_off: bool = False
    first: bool = False  # in its branch: it cannot go up
    last: bool = False


def own_field_lines(step: Data, language: str) -> list[ActionFieldLine]:
    """Return the fields that a step has beside those of its action."""
    return [_field_line(step, shown, language) for shown in _own_fields(step)]


def _own_fields(step: Data) -> list[InputField]:
    if step.get("kind") not in kinds.STEPS:
        return []
    typed = (StepInput.SPAN, StepInput.PERCENT, StepInput.CHOICE)
    return [shown for shown in input_fields(kinds.STEPS[step["kind"]]) if shown.input in typed]


def _field_line(step: Data, shown: InputField, language: str) -> ActionFieldLine:
    held = step.get(shown.name)
    if held is None:
        fields = kinds.STEPS[step["kind"]].model_fields
        held = fields[shown.name].get_default(call_default_factory=True, validated_data={})
    choices = [Option(value, translate(language, words)) for value, words in shown.options.items()]
    return ActionFieldLine(shown.name, translate(language, shown.label), shown.input, str(held), True, "", choices)


def step_line(
    place: tree.Place,
    warnings: Mapping[str, str],
    *,
    context: ViewContext,
    named: Mapping[str, str],
    problems: Mapping[str, str],
    standing: Mapping[str, int],
) -> SequenceStepLine:
    """Return the line of a step or a branch; warnings and counts are by step, problems by step.field."""
    language, step = context.language, place.step
    if place.branch:
        words = translate(language, BRANCHES[place.branch])
        return SequenceStepLine(f"{step['id']}.{place.branch}", True, place.depth, place.number, words)
    line = SequenceStepLine(step["id"], False, place.depth, place.number, "", icon=step_icon(step))
    line.is_off = step.get("off") is True
    wrong = {key.partition(".")[2]: said for key, said in problems.items() if key.startswith(f"{step['id']}.")}
    line.problem = next(iter(wrong.values()), "")
    line.own_problem = next((said for name, said in wrong.items() if name not in _action_fields(step)), "")
    try:
        (read,) = kinds.parse_steps([step])
        line.summary = summary_parts(sentence_case(describe_step(read, context, named, marks=MARKS)))
        line.wait = describe_timing(read.timing, language)
    except Invalid:
        line.summary = [SummaryPart(str(step.get("kind")), is_variable=False)]
        line.problem = line.own_problem = translate(language, "This step is no longer available. Remove it.")
    count = standing.get(step["id"], 0)
    line.count, line.warning = str(count) if count else "", warnings.get(step["id"], "")
    line.first, line.last = place.first, place.last
    return line


def _action_fields(step: Data) -> set[str]:
    """Return the names of the fields whose problems are shown at the fields themselves."""
    kind: Any = (step.get("action") or {}).get("kind")
    return {shown.name for shown in input_fields(actions.ACTIONS[kind])} if kind in actions.ACTIONS else set()

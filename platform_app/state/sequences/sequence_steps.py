"""Sequence steps: the editor of a sequence's steps, with one step open."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from platform_app.automation import steps as kinds
from platform_app.automation.calendar import Timing
from platform_app.automation.input_fields import InputField, input_fields
from platform_app.automation.step_base import StepInput
from platform_app.automation.values import parse_whole
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import sentence_case, translate
from platform_app.models.person import Role
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.rule_actions import ActionFieldLine, action_field_lines, field_options
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_timing import StepTimingEditor, offered_zones, timing_view
from platform_app.state.sequences.sequence_tree import Data
from platform_app.state.sequences.sequence_words import BRANCHES, ICONS, describe_step, describe_timing

MOST_PERIODS = 14
_SWITCHES = ("may_be_today", "not_on_holidays")


@dataclass
class SequenceStepLine:
    """A step, or the heading of a branch."""

    id: str  # of a branch: step.branch
    is_branch: bool
    depth: int
    number: str
    title: str
    icon: str = ""
    wait: str = ""
    count: str = ""  # how many stand before it
    problem: str = ""
    warning: str = ""
    first: bool = False  # in its branch: it cannot go up
    last: bool = False


class SequenceStepEditor(StepTimingEditor, mixin=True):
    """A mixin that edits steps. Every change calls `_save_steps`."""

    steps: list[SequenceStepLine] = []
    opened_kind: str = ""
    field_lines: list[ActionFieldLine] = []
    has_condition: bool = False
    announcement: str = ""  # of what a move did, for those who do not see it
    _field_options: dict[str, list[Option]] = {}
    _step_problems: dict[str, str] = {}
    _step_warnings: dict[str, str] = {}
    _subjects_per_step: dict[str, int] = {}

    @abstractmethod
    async def _save_steps(self, steps: list[Data]) -> None:
        """Save the steps after a change."""

    async def _load_steps(self, steps: list[Data]) -> None:
        """Set the steps to edit; closes the open one."""
        self._field_options = await fetch(self, field_options, (await current_user(self)).language)
        self._steps, self.opened = copy.deepcopy(steps), ""
        self.zones = offered_zones()
        self.steps_key += 1

    @handler(Role.OPERATOR)
    async def add_step(self, where: str, what: str) -> None:
        """Add a step (a kind, or "do:" and an action) and open it. Raises Invalid, or LimitReached if too many."""
        kind, _, action = what.partition(":")
        if kind not in kinds.STEPS or (action and action not in actions.ACTIONS):
            raise Invalid("This value isn’t allowed.")
        if len(list(tree.walk(self._steps))) >= kinds.MAX_STEPS:
            raise LimitReached("You can add up to {count} steps.", count=kinds.MAX_STEPS)
        data: Data = {"kind": kind}
        if action:
            data["action"] = {"kind": action} | {field.name: "" for field in input_fields(actions.ACTIONS[action])}
        steps = copy.deepcopy(self._steps)
        made = tree.add(steps, where, data)
        await self._keep(steps)
        await self._open(made)

    @handler(Role.OPERATOR)
    async def remove_step(self, step_id: str) -> None:
        """Remove a step with its branches."""
        await self._change(lambda steps: tree.remove(steps, step_id))

    @handler(Role.OPERATOR)
    async def copy_step(self, step_id: str) -> None:
        """Insert a copy of a step after it."""

        def change(steps: list[Data]) -> None:
            siblings, index = tree.containing_list(steps, step_id)
            siblings.insert(index + 1, tree.copy_step_data(siblings[index]))

        await self._change(change)

    @handler(Role.OPERATOR)
    async def move_step(self, step_id: str, up: bool) -> None:
        """Swap a step with its neighbour."""
        await self._change(lambda steps: tree.move(steps, step_id, up=up))
        number = next((line.number for line in self.steps if line.id == step_id), "")
        self.announcement = translate((await current_user(self)).language, "Now step {number}", number=number)

    @handler(Role.OPERATOR)
    async def drop_step(self, step_id: str, other_id: str) -> None:
        """Move a step to the position of another one."""
        await self._change(lambda steps: tree.move_onto(steps, step_id, other_id))

    @handler(Role.VIEWER)
    async def open_step(self, step_id: str) -> None:
        """Open a step for editing, or close it."""
        await self._open("" if step_id == self.opened else step_id)

    @handler(Role.OPERATOR)
    async def set_action_field(self, name: str, value: str) -> None:
        """Set a field of the open step's action. Raises Invalid if the value is too long or contains NUL."""
        if len(value) > MAX_TEXT_LENGTH or "\x00" in value:
            raise Invalid("This value isn’t allowed.")

        def change(step: Data) -> None:
            if name not in {field.name for field in input_fields(actions.ACTIONS[step["action"]["kind"]])}:
                raise KeyError(name)
            step["action"][name] = value

        await self._change_open(change)

    @handler(Role.OPERATOR)
    async def select_action_field(self, name: str, value: str) -> None:
        """Set a field of the open step's action to one of its options, and redraw the field."""
        await self.set_action_field(name, value)
        self.steps_key += 1  # the field shows what it was drawn with

    @handler(Role.OPERATOR)
    async def set_step(self, name: str, value: str) -> None:
        """Set the value of a field of the open step itself."""

        def change(step: Data) -> None:
            field = {shown.name: shown for shown in input_fields(kinds.STEPS[step["kind"]])}[name]
            if field.input == StepInput.PERCENT:
                percent = parse_whole(value.strip(), 100)
                if percent is None:
                    raise Invalid("Enter a number from 0 to 100.")
                step[name] = percent
            elif field.input == StepInput.SPAN or (field.input == StepInput.CHOICE and value in field.options):
                step[name] = value[:40]
            else:
                raise KeyError(name)

        await self._change_open(change)

    async def _change(self, change: Callable[[list[Data]], Any]) -> None:
        steps = copy.deepcopy(self._steps)
        change(steps)
        await self._keep(steps)

    async def _change_open(self, change: Callable[[Data], Any]) -> None:
        steps = copy.deepcopy(self._steps)
        try:
            change(tree.find(steps, self.opened))
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise Invalid("This value isn’t allowed.") from error
        await self._keep(steps)
        await self._draw_open()

    async def _keep(self, steps: list[Data]) -> None:
        self._steps = steps
        if self.opened and not any(step["id"] == self.opened for step in tree.walk(steps)):
            self.opened = ""  # it went, or the branch in which it stood
        await self._save_steps(steps)

    async def _open(self, step_id: str) -> None:
        self.opened = step_id
        self.steps_key += 1
        await self._draw_open()

    async def _draw_open(self) -> None:
        """Update the fields of the open step."""
        if not self.opened:
            return
        step, language = tree.find(self._steps, self.opened), (await current_user(self)).language
        self.opened_kind = str(step["kind"])
        self.timing = timing_view(Timing.model_validate(step.get("timing") or {}))
        self.has_condition = bool((step.get("only_if") or {}).get("of"))
        own, lines = step.get("action") or {}, [_ask_line(step, field, language) for field in _own(step)]
        prefix = f"{self.opened}."
        self.field_lines = lines + action_field_lines(
            own, self._field_options, language, problems=self._step_problems, prefix=prefix
        )

    async def _draw_steps(self, problems: dict[str, str], standing: dict[str, int]) -> None:
        """Update the lines with their problems and the number of subjects before each step."""
        context, named = await view_context(self), await fetch(self, names_by_id)
        self._step_problems, self._subjects_per_step = problems, standing
        self.steps = [
            _line(index, self._step_warnings, context=context, named=named, problems=problems, standing=standing)
            for index in tree.layout(self._steps)
        ]
        await self._draw_open()


def _own(step: Data) -> list[InputField]:
    if step.get("kind") not in kinds.STEPS:
        return []
    typed = (StepInput.SPAN, StepInput.PERCENT, StepInput.CHOICE)
    return [field for field in input_fields(kinds.STEPS[step["kind"]]) if field.input in typed]


def _ask_line(step: Data, field: InputField, language: str) -> ActionFieldLine:
    held = step.get(field.name)
    if held is None:
        fields = kinds.STEPS[step["kind"]].model_fields
        held = fields[field.name].get_default(call_default_factory=True, validated_data={})
    choices = [Option(value, translate(language, words)) for value, words in field.options.items()]
    return ActionFieldLine(field.name, translate(language, field.label), field.input, str(held), True, "", choices)


def _line(
    index: tree.Place,
    warnings: Mapping[str, str],
    *,
    context: ViewContext,
    named: Mapping[str, str],
    problems: dict[str, str],
    standing: dict[str, int],
) -> SequenceStepLine:
    language, step = context.language, index.step
    if index.branch:
        words = translate(language, BRANCHES[index.branch])
        return SequenceStepLine(f"{step['id']}.{index.branch}", True, index.depth, index.number, words)
    wrong = next((said for name, said in problems.items() if name.startswith(f"{step['id']}.")), "")
    try:
        (read,) = kinds.parse_steps([step])
        title = sentence_case(describe_step(read, context, named))
        wait = describe_timing(read.timing, language)
    except Invalid:
        title, wait = str(step.get("kind")), ""
        wrong = translate(language, "This step is no longer available. Remove it.")
    count, icon = standing.get(step["id"], 0), ICONS.get(str(step["kind"]), "zap")
    shown = (index.depth, index.number, title, icon, wait, str(count) if count else "", wrong)
    line = SequenceStepLine(step["id"], False, *shown)
    line.first, line.last, line.warning = index.first, index.last, warnings.get(step["id"], "")
    return line

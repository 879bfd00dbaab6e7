"""Sequence steps: the editor of a sequence's steps, with one step open."""

import copy
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from platform_app.automation import steps as kinds
from platform_app.automation.calendar import Timing, offered_time_zones
from platform_app.automation.input_fields import input_fields
from platform_app.automation.step_base import StepInput
from platform_app.automation.values import parse_whole
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.action_fields import ActionFieldLine, action_field_lines, field_options
from platform_app.state.rules.proof_view import view_context
from platform_app.state.rules.row_focus import focus_fields, focus_menu
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_step_lines import SequenceStepLine, own_field_lines, step_line
from platform_app.state.sequences.sequence_timing import StepTimingEditor, timing_view
from platform_app.state.sequences.sequence_tree import Data

STEPS_AREA = "steps"  # the place of the steps on the page, in which the focus is set
ADD_STEP = "add-step"  # id of the button that adds one


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
    _born: str = ""  # id of the step that was added last; the problem of a field waits until the field is left
    _left: set[str] = set()  # its fields that were left
    _typed: str = ""  # "step.field" of the field that is typed in

    @abstractmethod
    async def _save_steps(self, steps: list[Data]) -> None:
        """Save the steps after a change."""

    async def _load_steps(self, steps: list[Data]) -> None:
        """Set the steps to edit; closes the open one."""
        self._field_options = await fetch(self, field_options, (await current_user(self)).language)
        self._steps, self.opened = copy.deepcopy(steps), ""
        self.zones = list(offered_time_zones())
        self.steps_key += 1

    @handler(Role.OPERATOR)
    async def add_step(self, where: str, what: str) -> Any:
        """Add a step (a kind, or "do:" and an action) at the end of a branch and open it.

        Raises Invalid for an unknown branch or kind, LimitReached if there are too many.
        """
        return await self._insert(what, lambda steps, data: tree.add(steps, where, data))

    @handler(Role.OPERATOR)
    async def insert_step(self, before_id: str, what: str) -> Any:
        """Insert a step before another and open it. Raises Invalid, or LimitReached if there are too many."""
        return await self._insert(what, lambda steps, data: tree.insert(steps, before_id, data))

    async def _insert(self, what: str, insert: Callable[[list[Data], Data], str]) -> Any:
        kind, _, action = what.partition(":")
        if kind not in kinds.STEPS or (action and action not in actions.ACTIONS):
            raise Invalid("This value isn’t allowed.")
        if len(list(tree.walk(self._steps))) >= kinds.MAX_STEPS:
            raise LimitReached("You can add up to {count} steps.", count=kinds.MAX_STEPS)
        data: Data = {"kind": kind}
        if action:
            data["action"] = {"kind": action} | {shown.name: "" for shown in input_fields(actions.ACTIONS[action])}
        steps = copy.deepcopy(self._steps)
        made = insert(steps, data)
        await self._keep(steps)
        await self._open(made, is_new=True)
        return focus_fields(STEPS_AREA, self.steps_key, made)

    @handler(Role.OPERATOR)
    async def remove_step(self, step_id: str) -> Any:
        """Remove a step with its branches; the next step has the focus."""
        order = [step["id"] for step in tree.walk(self._steps)]
        await self._change(lambda steps: tree.remove(steps, step_id))
        left = [step["id"] for step in tree.walk(self._steps)]
        self.steps_key += 1
        place = min(order.index(step_id), len(left) - 1)
        return focus_menu(STEPS_AREA, self.steps_key, left[place]) if left else None

    @handler(Role.OPERATOR)
    async def copy_step(self, step_id: str) -> Any:
        """Insert a copy of a step after it, and open it."""
        steps = copy.deepcopy(self._steps)
        siblings, index = tree.containing_list(steps, step_id)
        made = tree.copy_step_data(siblings[index])
        siblings.insert(index + 1, made)
        await self._keep(steps)
        await self._open(made["id"])
        return focus_fields(STEPS_AREA, self.steps_key, made["id"])

    @handler(Role.OPERATOR)
    async def switch_step(self, step_id: str, on: bool) -> Any:
        """Turn a step with its branches on or off; its menu keeps the focus. Raises Invalid if there is none."""
        await self._change(lambda steps: tree.find(steps, step_id).update(off=not on))
        self.steps_key += 1
        return focus_menu(STEPS_AREA, self.steps_key, step_id)

    @handler(Role.OPERATOR)
    async def move_step(self, step_id: str, up: bool) -> Any:
        """Swap a step with its neighbour; its menu keeps the focus."""
        await self._change(lambda steps: tree.move(steps, step_id, up=up))
        number = next((line.number for line in self.steps if line.id == step_id), "")
        self.announcement = translate((await current_user(self)).language, "Now step {number}", number=number)
        self.steps_key += 1
        return focus_menu(STEPS_AREA, self.steps_key, step_id)

    @handler(Role.OPERATOR)
    async def drop_step(self, step_id: str, other_id: str) -> None:
        """Move a step to the position of another one."""
        await self._change(lambda steps: tree.move_onto(steps, step_id, other_id))

    @handler(Role.VIEWER)
    async def open_step(self, step_id: str) -> None:
        """Open a step for editing, or close it."""
        await self._open("" if step_id == self.opened else step_id)

    @handler(Role.VIEWER)
    async def leave_field(self, name: str) -> None:
        """Show the problem of a field of the open step that is left."""
        if self._typed == f"{self.opened}.{name}" or (self._born == self.opened and name not in self._left):
            self._typed, self._left = "", self._left | {name}
            await self._redraw()

    @handler(Role.OPERATOR)
    async def set_action_field(self, name: str, value: str) -> None:
        """Set a field of the open step's action. Raises Invalid if the value is too long or contains NUL."""
        if len(value) > MAX_TEXT_LENGTH or "\x00" in value:
            raise Invalid("This value isn’t allowed.")

        def change(step: Data) -> None:
            if name not in {field.name for field in input_fields(actions.ACTIONS[step["action"]["kind"]])}:
                raise KeyError(name)
            step["action"][name] = value

        if f"{self.opened}.{name}" not in self._step_problems:
            self._typed = f"{self.opened}.{name}"
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

    async def _open(self, step_id: str, *, is_new: bool = False) -> None:
        """Open a step, or none; the problems of what was open are shown then, those of a new step are not."""
        self.opened = step_id
        self.steps_key += 1
        self._born, self._left, self._typed = step_id if is_new else "", set(), ""
        await self._redraw()

    def _first_problem(self) -> tuple[str, str]:
        """Return the id of the first step with a problem and the field that has it; ("", "") if there is none."""
        steps = [step["id"] for step in tree.walk(self._steps)]
        faulty = [(step_id, field) for step_id, _, field in (key.partition(".") for key in self._step_problems)]
        ordered = [fault for step_id in steps for fault in faulty if fault[0] == step_id]
        return ordered[0] if ordered else ("", "")

    def _visible_problems(self) -> dict[str, str]:
        return {
            key: sentence
            for key, sentence in self._step_problems.items()
            if key != self._typed and not (key.startswith(f"{self._born}.") and key.partition(".")[2] not in self._left)
        }

    async def _draw_open(self) -> None:
        """Update the fields of the open step."""
        if not self.opened:
            return
        step, language = tree.find(self._steps, self.opened), (await current_user(self)).language
        self.opened_kind = str(step["kind"])
        self.timing = timing_view(Timing.model_validate(step.get("timing") or {}))
        self.has_condition = bool((step.get("only_if") or {}).get("of"))
        own, lines = step.get("action") or {}, own_field_lines(step, language)
        self.field_lines = lines + action_field_lines(
            own, self._field_options, language, problems=self._visible_problems(), prefix=f"{self.opened}."
        )

    async def _draw_steps(self, problems: dict[str, str], standing: dict[str, int]) -> None:
        """Update the lines with their problems and the number of subjects before each step."""
        self._step_problems, self._subjects_per_step = problems, standing
        await self._redraw()

    async def _redraw(self) -> None:
        """Update the lines and the fields of the open step."""
        context, named = await view_context(self), await fetch(self, names_by_id)
        problems, standing = self._visible_problems(), self._subjects_per_step
        self.steps = [
            step_line(index, self._step_warnings, context=context, named=named, problems=problems, standing=standing)
            for index in tree.layout(self._steps)
        ]
        await self._draw_open()

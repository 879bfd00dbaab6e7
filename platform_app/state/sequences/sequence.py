"""Sequence: the editor of a sequence: entry, steps and exit."""

import copy
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation.conditions import parse_conditions
from platform_app.automation.sequences import SEQUENCE_FORM, OverduePolicy, ReEnrollment, is_implied, parse_sequence
from platform_app.automation.values import parse_whole
from platform_app.db import Transaction
from platform_app.engine.actions import window_checks
from platform_app.engine.definitions import Definitions
from platform_app.engine.sequences import sequence_statistics, sequences
from platform_app.engine.sequences.sequences import DEFINITIONS, VersionMove
from platform_app.errors import Invalid
from platform_app.form_fields import field_labels
from platform_app.i18n import sentence_case
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Sequence, SequenceVersion
from platform_app.state.console.base import call, fetch, handler, success_toast
from platform_app.state.console.browser import focus
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.condition_tree import Tree
from platform_app.state.rules.conditions import ConditionBuilder
from platform_app.state.rules.definition_editor import ALL, DefinitionEditor
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.row_focus import focus_faulty_condition, focus_faulty_field
from platform_app.state.rules.rule_words import describe_conditions
from platform_app.state.sequences import sequence_tree as tree
from platform_app.state.sequences.sequence_steps import ADD_STEP, STEPS_AREA, SequenceStepEditor
from platform_app.state.sequences.sequence_tree import Data
from platform_app.state.sequences.sequence_view import (
    StepMappingLine,
    describe_draft,
    describe_field,
    step_mapping_lines,
)
from platform_app.state.sequences.sequence_words import OFFERED

SWITCHES = ("leave_on_reply", "leave_on_stage")


@dataclass
class _PageData:
    row: Sequence
    problems: dict[str, str]
    warnings: dict[str, str]  # of steps that a channel may hold back
    versions: list[SequenceVersion]
    landings: list[VersionMove]
    standing: dict[str, int]
    agents: list[Option]
    names: dict[str, str]


class SequenceState(DefinitionEditor, ConditionBuilder, SequenceStepEditor, rx.State):
    """The sequence in the address. People inside finish the version they entered."""

    again: str = ""
    late: str = ""
    leave_on_reply: bool = True
    leave_on_stage: bool = False
    descriptions: dict[str, str] = {}  # conditions of the open step in words, by field
    met_at_entry: dict[str, bool] = {}  # by field: conditions that are met for everyone who enrolls
    agent_name: str = ""
    edited: str = ""  # the conditions of the open step that are open, as step.field
    landings: list[StepMappingLine] = []

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the counts again when enrollments change."""
        async for _ in subscribe(self, "enrollment"):
            async with self:
                if self.form_key:
                    await self._refresh()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save a field, or show the problem at the field. Raises Invalid for an unknown field or value."""
        if field == "pace":
            pace = parse_whole(value.strip(), 600)
            if not pace:
                await self._show_problem(field, SEQUENCE_FORM[field].problem)
                return
            await self._save({field: pace})
        elif field in ("name", "trigger", "agent_id"):
            await self._save({field: "" if value == ALL else value})
        elif (field == "again" and value in list(ReEnrollment)) or (field == "late" and value in list(OverduePolicy)):
            await self._save({field: value})
        else:
            raise Invalid("This value isn’t allowed.")

    @handler(Role.OPERATOR)
    async def set_leave_switch(self, field: str, on: bool) -> None:
        """Set whether a reply or a change of stage ends enrollments. Raises Invalid if the field is unknown."""
        if field not in SWITCHES:
            raise Invalid("This value isn’t allowed.")
        await self._save({field: on})

    @handler(Role.VIEWER)
    async def edit_conditions(self, name: str) -> None:
        """Open the editor of the conditions called `name`, of the open step; close it if it is open."""
        self.edited = "" if name == self.edited else name
        if self.edited:
            await self._load_tree(self._tree_of(name))

    def _tree_of(self, name: str) -> Tree:
        step_id, _, field = name.rpartition(".")
        if step_id and field in ("condition", "only_if"):
            step_tree: Tree = tree.find(self._steps, step_id).get(field) or {}
            return step_tree
        raise Invalid("This value isn’t allowed.")

    @handler(Role.OPERATOR)
    async def move_inside(self) -> Any:
        """Move the people inside older versions to the newest one."""
        count = 0
        while moved := await call(self, sequences.move_to_newest_version, self._id()):
            count += moved
        await self._refresh()
        return await success_toast(self, "Moved: {count}.", count=count)

    def _definitions(self) -> Definitions[Any, Any]:
        return DEFINITIONS

    def _field_labels(self) -> dict[str, str]:
        return field_labels(SEQUENCE_FORM)

    def _describe_field(self, field: str, value: Any, context: ViewContext, named: dict[str, str]) -> Any:
        return describe_field(field, value, context, named)

    async def _fill_form(self, row: Sequence) -> None:
        own = parse_sequence(row.draft)
        self.initial = {"name": row.name, "pace": str(own.pace)}
        self.edited = ""
        await self._load_tree({})
        for name, editor in TREE_EDITORS.items():
            await (await self.get_state(editor))._load_tree(getattr(own, name), (self._options, self._facts))
        await self._load_steps(own.steps)

    async def _refresh(self) -> None:
        context = await view_context(self)
        data = await fetch(self, _read, self._id())
        own = parse_sequence(data.row.draft)
        await self._set_status(data.row, data.versions)
        self.again, self.late = own.again.value, own.late.value
        self.leave_on_reply, self.leave_on_stage = own.leave_on_reply, own.leave_on_stage
        entry = parse_conditions(own.condition)
        self.met_at_entry = {
            name: is_implied(parse_conditions(getattr(own, name)), entry) for name in ("leave_if", "goal")
        }
        self.agent_name = data.names.get(data.row.agent_id or "", "")
        self.sentence = describe_draft(data.row, context, data.names)
        self.agents, self.problems = data.agents, data.problems
        self.landings = step_mapping_lines(data.landings, data.versions, context, named=data.names)
        self._step_warnings = data.warnings
        await self._draw_steps(data.problems, data.standing)
        if self.opened:
            self.descriptions = self._step_words(context, data.names)

    async def _reveal_problems(self) -> None:
        self._born = self._typed = ""
        await self._reveal_conditions()
        for editor in TREE_EDITORS.values():
            await (await self.get_state(editor))._reveal_conditions()

    async def _show_problem_place(self) -> Any:
        for name, editor in TREE_EDITORS.items():
            if name in self.problems:
                conditions = await self.get_state(editor)
                return focus_faulty_condition(conditions._area(), conditions.tree_key)
        if "steps" in self.problems:
            return focus(ADD_STEP)
        step_id, field = self._first_problem()
        if not step_id:
            return None
        await self._open(step_id)
        if field not in ("condition", "only_if"):
            return focus_faulty_field(STEPS_AREA, self.steps_key, step_id)
        self.edited = f"{step_id}.{field}"
        await self._load_tree(self._tree_of(self.edited))
        return focus_faulty_condition(self._area(), self.tree_key)

    def _step_words(self, context: ViewContext, named: dict[str, str]) -> dict[str, str]:
        step = tree.find(self._steps, self.opened)
        return {
            name: sentence_case(describe_conditions(step.get(field) or {}, context, named))
            for name, field in (("step", "condition"), ("only_if", "only_if"))
        }

    async def _save_tree(self, tree_: Tree) -> None:
        step_id, _, field = self.edited.rpartition(".")
        if not step_id:
            raise Invalid("This value isn’t allowed.")
        steps = copy.deepcopy(self._steps)
        tree.find(steps, step_id)[field] = tree_
        await self._keep(steps)

    async def _save_steps(self, steps: list[Data]) -> None:
        await self._save({"steps": steps})


class EntryConditions(ConditionBuilder, rx.State):
    """The conditions on which somebody is enrolled in the sequence in the address."""

    @classmethod
    def _area(cls) -> str:
        return "entry-conditions"

    async def _save_tree(self, tree: Tree) -> None:
        await (await self.get_state(SequenceState))._save({"condition": tree})


class ExitConditions(ConditionBuilder, rx.State):
    """The conditions that end an enrollment in the sequence in the address."""

    @classmethod
    def _area(cls) -> str:
        return "exit-conditions"

    async def _save_tree(self, tree: Tree) -> None:
        await (await self.get_state(SequenceState))._save({"leave_if": tree})


class GoalConditions(ConditionBuilder, rx.State):
    """The goal of the sequence in the address, which ends an enrollment as reached."""

    @classmethod
    def _area(cls) -> str:
        return "goal-conditions"

    async def _save_tree(self, tree: Tree) -> None:
        await (await self.get_state(SequenceState))._save({"goal": tree})


TREE_EDITORS: dict[str, Any] = {"condition": EntryConditions, "leave_if": ExitConditions, "goal": GoalConditions}


def _read(session: Transaction, who: Identity, sequence_id: str) -> _PageData:
    row = DEFINITIONS.get(session, who, sequence_id)
    return _PageData(
        row,
        DEFINITIONS.problems(session, who, row),
        window_checks.sequence_warnings(session, who, parse_sequence(row.draft)),
        DEFINITIONS.versions(session, who, sequence_id),
        sequences.preview_version_moves(session, who, sequence_id),
        sequence_statistics.count_by_step(session, who, sequence_id),
        agent_options(session, who),
        names_by_id(session, who),
    )


__all__ = ["OFFERED", "EntryConditions", "ExitConditions", "GoalConditions", "SequenceState"]

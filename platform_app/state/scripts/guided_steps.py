"""Guided steps: the editor of a guided script's steps and the fields they collect."""

import copy
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.automation import guided_steps
from platform_app.automation.facts import Catalogue
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.state.console.base import current_user, handler
from platform_app.state.console.option_lists import Option


@dataclass
class CollectedFieldLine:
    """A field that a step collects."""

    step: int
    index: int
    fact: str
    words: str
    hint: str
    required: bool


@dataclass
class GuidedStepLine:
    """A step in the editor."""

    index: int
    number: str
    goal: str
    fields: list[CollectedFieldLine] = field(default_factory=list)


class GuidedStepEditor(rx.State, mixin=True):
    """A mixin that edits guided steps. The page calls `_load_steps`; every change calls `_save_steps`."""

    step_lines: list[GuidedStepLine] = []
    collectable: list[Option] = []
    steps_key: int = 0  # incremented by structural changes, which redraws the inputs
    _steps: list[dict[str, Any]] = []

    @abstractmethod
    async def _save_steps(self, steps: list[dict[str, Any]]) -> None:
        """Save the steps after a change."""

    async def _load_steps(self, steps: list[dict[str, Any]], known: Catalogue) -> None:
        """Set the steps to edit."""
        language = (await current_user(self)).language
        self.collectable = [
            Option(name, _fact_label(name, known, language)) for name in guided_steps.collectable_facts(known)
        ]
        self._steps = [step.model_dump(mode="json") for step in guided_steps.parse_steps(steps)]
        self.steps_key += 1
        self._update_step_lines()

    @handler(Role.OPERATOR)
    async def add_step(self) -> None:
        """Add a step at the end."""
        await self._change_steps(lambda steps: steps.append({"goal": "", "fields": []}))

    @handler(Role.OPERATOR)
    async def remove_step(self, index: int) -> None:
        """Remove the step at an index, counted from 0."""
        await self._change_steps(lambda steps: steps.pop(index))

    @handler(Role.OPERATOR)
    async def move_step(self, index: int, up: bool) -> None:
        """Swap a step with the one before or after it."""

        def change(steps: list[dict[str, Any]]) -> None:
            other = index - 1 if up else index + 1
            if 0 <= index < len(steps) and 0 <= other < len(steps):
                steps[index], steps[other] = steps[other], steps[index]

        await self._change_steps(change)

    @handler(Role.OPERATOR)
    async def set_goal(self, index: int, goal: str) -> None:
        """Set the goal of a step."""
        await self._change_steps(lambda steps: steps[index].update(goal=goal), redraw=False)

    @handler(Role.OPERATOR)
    async def add_step_field(self, index: int, fact: str) -> None:
        """Add a field to collect to a step. Raises Invalid if the field cannot be collected."""
        if fact not in {choice.id for choice in self.collectable}:
            raise Invalid("This value isn’t allowed.")
        new = {"fact": fact, "hint": "", "required": True}
        await self._change_steps(lambda steps: steps[index]["fields"].append(new))

    @handler(Role.OPERATOR)
    async def remove_step_field(self, step: int, index: int) -> None:
        """Remove the field at `index` of a step; both count from 0."""
        await self._change_steps(lambda steps: steps[step]["fields"].pop(index))

    @handler(Role.OPERATOR)
    async def set_hint(self, step: int, index: int, hint: str) -> None:
        """Set the hint on how to ask for the field at `index` of a step; both count from 0."""
        await self._change_steps(lambda steps: steps[step]["fields"][index].update(hint=hint), redraw=False)

    @handler(Role.OPERATOR)
    async def set_required(self, step: int, index: int, required: bool) -> None:
        """Set whether a step is finished only when the field at `index` is known; both count from 0."""
        await self._change_steps(lambda steps: steps[step]["fields"][index].update(required=required), redraw=False)

    async def _change_steps(self, change: Any, *, redraw: bool = True) -> None:
        steps = copy.deepcopy(self._steps)
        try:
            change(steps)
        except (IndexError, KeyError, OverflowError) as error:
            raise Invalid("This value isn’t allowed.") from error
        self._steps = [step.model_dump(mode="json") for step in guided_steps.parse_steps(steps)]
        self.steps_key += redraw
        await self._save_steps(self._steps)
        self._update_step_lines()

    def _update_step_lines(self) -> None:
        words = {choice.id: choice.name for choice in self.collectable}
        self.step_lines = [
            GuidedStepLine(
                index,
                str(index + 1),
                step["goal"],
                [
                    CollectedFieldLine(
                        index,
                        at,
                        collected["fact"],
                        words.get(collected["fact"], collected["fact"]),
                        collected["hint"],
                        collected["required"],
                    )
                    for at, collected in enumerate(step["fields"])
                ],
            )
            for index, step in enumerate(self._steps)
        ]


def describe_steps(steps: list[dict[str, Any]], known: Catalogue, language: str) -> str:
    """Return steps in words, a line for each step and for each field that it collects."""
    lines = []
    for number, step in enumerate(steps, 1):
        lines.append(translate(language, "Step {number}: {goal}", number=number, goal=str(step.get("goal", ""))))
        lines += [_describe_field(collected, known, language) for collected in step.get("fields", [])]
    return "\n".join(lines)


def _describe_field(collected: dict[str, Any], known: Catalogue, language: str) -> str:
    sentence = "Collects {field} (required)" if collected.get("required") else "Collects {field}"
    words = translate(language, sentence, field=_fact_label(str(collected.get("fact", "")), known, language))
    hint = str(collected.get("hint", ""))
    return f"    {words}: {hint}" if hint else f"    {words}"


def _fact_label(name: str, known: Catalogue, language: str) -> str:
    """Return the label of a fact, or its name if the fact is gone."""
    fact = known.get(name)
    return name if fact is None else fact.label if fact.is_custom else translate(language, fact.label)

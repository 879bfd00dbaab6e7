"""Guided steps: the steps of a guided script in the editor, with the fields they collect."""

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
class CollectLine:
    """A field that a step collects."""

    step: int
    place: int
    fact: str
    words: str
    hint: str
    required: bool


@dataclass
class StepLine:
    """A step as the editor draws it."""

    place: int
    number: str
    goal: str
    fields: list[CollectLine] = field(default_factory=list)


class GuidedSteps(rx.State, mixin=True):
    """A page with the steps of a guided script. It calls `_take_steps`; `_keep_steps` is called with every change."""

    guided: list[StepLine] = []
    collectable: list[Option] = []
    steps_key: int = 0  # grows when steps or fields come, go or move: they are drawn anew then
    _steps: list[dict[str, Any]] = []

    @abstractmethod
    async def _keep_steps(self, steps: list[dict[str, Any]]) -> None:
        """Keep the steps as they stand after a change."""

    async def _take_steps(self, steps: list[dict[str, Any]], known: Catalogue) -> None:
        """Show these steps."""
        language = (await current_user(self)).language
        self.collectable = [
            Option(name, known[name].label if known[name].is_custom else translate(language, known[name].label))
            for name in guided_steps.collectable_facts(known)
        ]
        self._steps = [step.model_dump(mode="json") for step in guided_steps.parse_steps(steps)]
        self.steps_key += 1
        self._draw_steps()

    @handler(Role.OPERATOR)
    async def add_step(self) -> None:
        """Add a step at the end."""
        await self._change_steps(lambda steps: steps.append({"goal": "", "fields": []}))

    @handler(Role.OPERATOR)
    async def remove_step(self, place: int) -> None:
        """Take a step away."""
        await self._change_steps(lambda steps: steps.pop(place))

    @handler(Role.OPERATOR)
    async def move_step(self, place: int, up: bool) -> None:
        """Let a step change places with the one before or after it."""

        def change(steps: list[dict[str, Any]]) -> None:
            other = place - 1 if up else place + 1
            if 0 <= place < len(steps) and 0 <= other < len(steps):
                steps[place], steps[other] = steps[other], steps[place]

        await self._change_steps(change)

    @handler(Role.OPERATOR)
    async def set_goal(self, place: int, goal: str) -> None:
        """Say what a step is for."""
        await self._change_steps(lambda steps: steps[place].update(goal=goal), redraw=False)

    @handler(Role.OPERATOR)
    async def add_collected(self, place: int, fact: str) -> None:
        """Let a step collect another field. Raises Invalid if the field cannot be collected."""
        if fact not in {choice.id for choice in self.collectable}:
            raise Invalid("This value cannot be taken.")
        new = {"fact": fact, "hint": "", "required": True}
        await self._change_steps(lambda steps: steps[place]["fields"].append(new))

    @handler(Role.OPERATOR)
    async def remove_collected(self, step: int, place: int) -> None:
        """Let a step no longer collect a field."""
        await self._change_steps(lambda steps: steps[step]["fields"].pop(place))

    @handler(Role.OPERATOR)
    async def set_hint(self, step: int, place: int, hint: str) -> None:
        """Say how a field is to be asked for."""
        await self._change_steps(lambda steps: steps[step]["fields"][place].update(hint=hint), redraw=False)

    @handler(Role.OPERATOR)
    async def set_required(self, step: int, place: int, required: bool) -> None:
        """Say whether a step waits for a field."""
        await self._change_steps(lambda steps: steps[step]["fields"][place].update(required=required), redraw=False)

    async def _change_steps(self, change: Any, *, redraw: bool = True) -> None:
        steps = copy.deepcopy(self._steps)
        try:
            change(steps)
        except (IndexError, KeyError, OverflowError) as error:
            raise Invalid("This value cannot be taken.") from error
        self._steps = [step.model_dump(mode="json") for step in guided_steps.parse_steps(steps)]
        self.steps_key += redraw
        await self._keep_steps(self._steps)
        self._draw_steps()

    def _draw_steps(self) -> None:
        words = {choice.id: choice.name for choice in self.collectable}
        self.guided = [
            StepLine(
                place,
                str(place + 1),
                step["goal"],
                [
                    CollectLine(
                        place, at, one["fact"], words.get(one["fact"], one["fact"]), one["hint"], one["required"]
                    )
                    for at, one in enumerate(step["fields"])
                ],
            )
            for place, step in enumerate(self._steps)
        ]

"""Rule actions: the editor of a rule's actions, with fields drawn from the action classes and one action open."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import reflex as rx

from platform_app.automation.input_fields import input_fields
from platform_app.automation.rules import MAX_ACTIONS, is_off
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import MAX_TEXT_LENGTH
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import sentence_case
from platform_app.models.person import Role
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.rules.action_fields import ActionFieldLine, action_field_lines, field_options
from platform_app.state.rules.named_variables import MARKS, SummaryPart, summary_parts
from platform_app.state.rules.row_focus import focus_faulty_field, focus_fields, focus_menu
from platform_app.state.rules.rule_words import describe_action

_AREA = "actions"
ADD_ACTION = "add-action"  # id of the button that adds one
_Actions = list[dict[str, Any]]


@dataclass
class ActionLine:
    """An action in the editor."""

    index: str
    number: str
    icon: str
    summary: list[SummaryPart]
    problem: str  # of the action itself
    closed_problem: str  # what is shown while the action is closed: its first problem
    warning: str = ""
    is_off: bool = False
    fields: list[ActionFieldLine] = field(default_factory=list)


class ActionBuilder(rx.State, mixin=True):
    """A mixin that edits actions. The page calls `_load_actions`; every change calls `_save_actions`."""

    action_lines: list[ActionLine] = []
    opened_action: str = ""  # index of the action whose fields are shown
    actions_key: int = 0  # incremented by structural changes, which redraws the inputs
    _actions: _Actions = []
    _field_options: dict[str, list[Option]] = {}
    _quiet: set[str] = set()  # keys of fields whose problem is shown once they are left
    _drawn: tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]] = ({}, {}, {})

    @abstractmethod
    async def _save_actions(self, listed: _Actions) -> None:
        """Save the actions after a change."""

    async def _load_actions(self, listed: _Actions) -> None:
        """Set the actions to edit, all of them closed, and fetch the options of their fields."""
        self._field_options = await fetch(self, field_options, (await current_user(self)).language)
        self._actions = copy.deepcopy(listed)
        self._open(None)

    @handler(Role.OPERATOR)
    async def add_action(self, kind: str) -> Any:
        """Add an action at the end and open it. Raises Invalid for an unknown kind, LimitReached at MAX_ACTIONS."""
        return await self._insert(len(self._actions), kind)

    @handler(Role.OPERATOR)
    async def insert_action(self, index: int, kind: str) -> Any:
        """Insert an action before another and open it.

        Raises Invalid for an unknown kind or place, LimitReached at MAX_ACTIONS.
        """
        if not 0 <= index < len(self._actions):
            raise Invalid("This value isn’t allowed.")
        return await self._insert(index, kind)

    async def _insert(self, index: int, kind: str) -> Any:
        if kind not in actions.ACTIONS:
            raise Invalid("This value isn’t allowed.")
        fields = input_fields(actions.ACTIONS[kind])
        new = {"kind": kind} | {shown.name: shown.prefill for shown in fields}
        await self._add(index, new)
        self._quiet = {_key(index, shown.name) for shown in fields}
        await self._redraw()
        return focus_fields(_AREA, self.actions_key, str(index))

    async def _add(self, index: int, action: dict[str, Any]) -> None:
        if len(self._actions) >= MAX_ACTIONS:
            raise LimitReached("You can add up to {count} actions.", count=MAX_ACTIONS)
        await self._change_actions(lambda listed: listed.insert(index, action), opened=index)

    @handler(Role.OPERATOR)
    async def copy_action(self, index: int) -> Any:
        """Insert a copy of an action after it and open it. Raises Invalid, or LimitReached."""
        if not 0 <= index < len(self._actions):
            raise Invalid("This value isn’t allowed.")
        await self._add(index + 1, copy.deepcopy(self._actions[index]))
        return focus_fields(_AREA, self.actions_key, str(index + 1))

    @handler(Role.OPERATOR)
    async def remove_action(self, index: int) -> Any:
        """Remove an action; the next one has the focus."""
        await self._change_actions(lambda listed: listed.pop(index))
        last = len(self._actions) - 1
        return focus_menu(_AREA, self.actions_key, str(min(index, last))) if last >= 0 else None

    @handler(Role.OPERATOR)
    async def switch_action(self, index: int, on: bool) -> Any:
        """Turn an action on or off; its menu keeps the focus. Raises Invalid if there is none."""

        def change(listed: _Actions) -> None:
            if on:
                listed[index].pop("off", None)
            else:
                listed[index]["off"] = True

        if not 0 <= index < len(self._actions):
            raise Invalid("This value isn’t allowed.")
        await self._apply(change)
        self.actions_key += 1
        return focus_menu(_AREA, self.actions_key, str(index))

    @handler(Role.OPERATOR)
    async def move_action(self, index: int, up: bool) -> Any:
        """Swap an action with the one before or after it; its menu keeps the focus."""
        other = index - 1 if up else index + 1
        if 0 <= index < len(self._actions) and 0 <= other < len(self._actions):
            places = {str(index): other, str(other): index}  # the open one stays open
            opened = places.get(self.opened_action, int(self.opened_action or -1))
            move = partial(_move, old=index, new=other)
            await self._change_actions(move, opened=opened if opened >= 0 else None)
            return focus_menu(_AREA, self.actions_key, str(other))
        return None

    @handler(Role.OPERATOR)
    async def drop_action(self, source: str, target: str) -> None:
        """Move an action to the position of another one."""
        old, new = (
            int(position) if position.isdecimal() and len(position) < 3 else -1 for position in (source, target)
        )
        if 0 <= old < len(self._actions) and 0 <= new < len(self._actions) and old != new:
            await self._change_actions(partial(_move, old=old, new=new))

    @handler(Role.VIEWER)
    async def open_action(self, index: int) -> None:
        """Open an action, or close it if it is open. Raises Invalid if there is none."""
        if not 0 <= index < len(self._actions):
            raise Invalid("This value isn’t allowed.")
        self._open(None if self.opened_action == str(index) else index)
        await self._redraw()

    @handler(Role.VIEWER)
    async def leave_action_field(self, index: int, name: str) -> None:
        """Show the problem of a field that is left."""
        if _key(index, name) in self._quiet:
            self._quiet = self._quiet - {_key(index, name)}
            await self._redraw()

    @handler(Role.OPERATOR)
    async def set_action_field(self, index: int, name: str, value: str) -> None:
        """Set the value of a field of an action. Raises Invalid if the value is too long or contains NUL."""
        if len(value) > MAX_TEXT_LENGTH or "\x00" in value:
            raise Invalid("This value isn’t allowed.")
        if _key(index, name) not in self._drawn[0]:
            self._quiet = self._quiet | {_key(index, name)}

        def change(listed: _Actions) -> None:
            if name not in {shown.name for shown in input_fields(actions.ACTIONS[listed[index]["kind"]])}:
                raise KeyError(name)
            listed[index][name] = value

        await self._apply(change)

    @handler(Role.OPERATOR)
    async def select_action_field(self, index: int, name: str, value: str) -> None:
        """Set a field of an action to one of its options, and redraw the field."""
        await self.set_action_field(index, name, value)
        self.actions_key += 1  # an uncontrolled input shows a new value only when it is redrawn

    async def _change_actions(self, change: Callable[[_Actions], Any], *, opened: int | None = None) -> None:
        """Change the order or number of the actions, and open one or none."""
        self._open(opened)
        await self._apply(change)

    async def _apply(self, change: Callable[[_Actions], Any]) -> None:
        listed = copy.deepcopy(self._actions)
        try:
            change(listed)
        except (IndexError, KeyError, TypeError, OverflowError) as error:
            raise Invalid("This value isn’t allowed.") from error
        self._actions = listed
        await self._save_actions(listed)

    def _open(self, index: int | None) -> None:
        """Open one action or none; whatever was typed in is left by that."""
        self.opened_action = "" if index is None else str(index)
        self.actions_key += 1
        self._quiet = set()

    async def _show_faulty_action(self) -> Any:
        """Open the first action with a problem; return the event that focuses its field, or None if there is none."""
        place = next((line.index for line in self.action_lines if line.problem or line.closed_problem), "")
        if not place:
            return None
        self._open(int(place))
        await self._redraw()
        return focus_faulty_field(_AREA, self.actions_key, place)

    async def _draw_actions(
        self, problems: Mapping[str, str], warnings: Mapping[str, str], named: Mapping[str, str]
    ) -> None:
        """Update the lines with the problems by field, the warnings by action, and the names of what has an id."""
        self._drawn = problems, warnings, named
        await self._redraw()

    async def _redraw(self) -> None:
        language = (await current_user(self)).language
        self.action_lines = [self._line(index, data, language) for index, data in enumerate(self._actions)]

    def _line(self, index: int, data: dict[str, Any], language: str) -> ActionLine:
        problems, warnings, named = self._drawn
        shown = {key: sentence for key, sentence in problems.items() if key not in self._quiet}
        prefix, kind = f"action.{index}", actions.ACTIONS.get(data["kind"])
        first = (sentence for key, sentence in shown.items() if key == prefix or key.startswith(f"{prefix}."))
        return ActionLine(
            str(index),
            str(index + 1),
            kind.icon if kind else "zap",
            summary_parts(sentence_case(describe_action(data, language, named, marks=MARKS))),
            shown.get(prefix, ""),
            next(first, ""),
            warnings.get(prefix, ""),
            is_off(data),
            action_field_lines(data, self._field_options, language, problems=shown, prefix=f"{prefix}."),
        )


def _move(listed: _Actions, *, old: int, new: int) -> None:
    listed.insert(new, listed.pop(old))


def _key(index: int, name: str) -> str:
    return f"action.{index}.{name}"

"""Rule actions: the editor of a rule's actions, with fields drawn from the action classes."""

import copy
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.automation.input_fields import InputField, input_fields
from platform_app.automation.rules import MAX_ACTIONS
from platform_app.custom_fields import list_custom_fields
from platform_app.db import Transaction
from platform_app.engine.actions import actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, MAX_TEXT_LENGTH, ActionInput
from platform_app.engine.enrollments import enrollments
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import translate
from platform_app.models.crm import CustomField, FieldKind, Holder
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.crm import tags
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option, stage_options, template_options
from platform_app.state.rules.proof_view import LANGUAGES


@dataclass
class ActionFieldLine:
    """A field of an action in the editor."""

    name: str
    words: str
    ask: str
    value: str
    required: bool
    problem: str = ""
    options: list[Option] = field(default_factory=list)


@dataclass
class ActionLine:
    """An action in the editor."""

    index: str
    number: str
    title: str
    problem: str
    warning: str = ""
    fields: list[ActionFieldLine] = field(default_factory=list)


class ActionBuilder(rx.State, mixin=True):
    """A mixin that edits actions. The page calls `_load_actions`; every change calls `_save_actions`."""

    action_lines: list[ActionLine] = []
    actions_key: int = 0  # incremented by structural changes, which redraws the inputs
    _actions: list[dict[str, Any]] = []
    _field_options: dict[str, list[Option]] = {}
    _wrong: dict[str, str] = {}

    @abstractmethod
    async def _save_actions(self, listed: list[dict[str, Any]]) -> None:
        """Save the actions after a change."""

    async def _load_actions(self, listed: list[dict[str, Any]]) -> None:
        """Set the actions to edit and fetch the options of their fields."""
        self._field_options = await fetch(self, field_options, (await current_user(self)).language)
        self._actions = copy.deepcopy(listed)
        self.actions_key += 1

    @handler(Role.OPERATOR)
    async def add_action(self, kind: str) -> None:
        """Add an action at the end. Raises Invalid for an unknown kind, LimitReached at MAX_ACTIONS."""
        if kind not in actions.ACTIONS:
            raise Invalid("This value isn’t allowed.")
        if len(self._actions) >= MAX_ACTIONS:
            raise LimitReached("You can add up to {count} actions.", count=MAX_ACTIONS)
        new = {"kind": kind} | {
            input_field.name: input_field.prefill for input_field in input_fields(actions.ACTIONS[kind])
        }
        await self._change_actions(lambda listed: listed.append(new))

    @handler(Role.OPERATOR)
    async def remove_action(self, index: int) -> None:
        """Remove an action."""
        await self._change_actions(lambda listed: listed.pop(index))

    @handler(Role.OPERATOR)
    async def move_action(self, index: int, up: bool) -> None:
        """Swap an action with the one before or after it."""
        other = index - 1 if up else index + 1
        if 0 <= index < len(self._actions) and 0 <= other < len(self._actions):
            await self._change_actions(lambda listed: listed.insert(other, listed.pop(index)))

    @handler(Role.OPERATOR)
    async def drop_action(self, source: str, target: str) -> None:
        """Move an action to the position of another one."""
        old, new = (
            int(position) if position.isdecimal() and len(position) < 3 else -1 for position in (source, target)
        )
        if 0 <= old < len(self._actions) and 0 <= new < len(self._actions) and old != new:
            await self._change_actions(lambda listed: listed.insert(new, listed.pop(old)))

    @handler(Role.OPERATOR)
    async def set_action_field(self, index: int, name: str, value: str) -> None:
        """Set the value of a field of an action. Raises Invalid if the value is too long or contains NUL."""
        if len(value) > MAX_TEXT_LENGTH or "\x00" in value:
            raise Invalid("This value isn’t allowed.")

        def change(listed: list[dict[str, Any]]) -> None:
            if name not in {input_field.name for input_field in input_fields(actions.ACTIONS[listed[index]["kind"]])}:
                raise KeyError(name)
            listed[index][name] = value

        await self._change_actions(change, redraw=False)

    @handler(Role.OPERATOR)
    async def select_action_field(self, index: int, name: str, value: str) -> None:
        """Set a field of an action to one of its options, and redraw the field."""
        await self.set_action_field(index, name, value)
        self.actions_key += 1  # an uncontrolled input shows a new value only when it is redrawn

    async def _change_actions(self, change: Any, *, redraw: bool = True) -> None:
        listed = copy.deepcopy(self._actions)
        try:
            change(listed)
        except (IndexError, KeyError, TypeError, OverflowError) as error:
            raise Invalid("This value isn’t allowed.") from error
        self._actions = listed
        self.actions_key += redraw
        await self._save_actions(listed)

    async def _draw_actions(self, problems: dict[str, str], warnings: dict[str, str]) -> None:
        """Update the lines of the actions with the problems by field and the warnings by action."""
        language = (await current_user(self)).language
        self.action_lines = [
            ActionLine(
                str(index),
                str(index + 1),
                translate(language, actions.label(data["kind"])) if data["kind"] in actions.ACTIONS else data["kind"],
                problems.get(f"action.{index}", ""),
                warnings.get(f"action.{index}", ""),
                self._field_lines(index, data, language, problems=problems),
            )
            for index, data in enumerate(self._actions)
        ]

    def _field_lines(
        self, index: int, data: dict[str, Any], language: str, *, problems: dict[str, str]
    ) -> list[ActionFieldLine]:
        return action_field_lines(data, self._field_options, language, problems=problems, prefix=f"action.{index}.")


def action_field_lines(
    data: dict[str, Any],
    choices: dict[str, list[Option]],
    language: str,
    *,
    problems: dict[str, str],
    prefix: str,
) -> list[ActionFieldLine]:
    """Return the fields of an action. `problems` are by `prefix` followed by the name of the field."""
    if data.get("kind") not in actions.ACTIONS:
        return []
    return [
        ActionFieldLine(
            input_field.name,
            translate(language, input_field.label),
            input_field.input,
            str(data.get(input_field.name) or (input_field.prefill if input_field.options else "")),
            bool(input_field.required or input_field.prefill),  # a field with a default is not marked as optional
            problems.get(f"{prefix}{input_field.name}", ""),
            [Option(code, translate(language, words)) for code, words in input_field.options.items()]
            or _options(choices, input_field.input, data),
        )
        for input_field in input_fields(actions.ACTIONS[data["kind"]])
        if not _is_of_no_use(input_field, choices, data)
    ]


def _is_of_no_use(input_field: InputField, choices: dict[str, list[Option]], data: dict[str, Any]) -> bool:
    """Return whether a field is left out: that of a template where there are none, its values where none is chosen."""
    if input_field.input == ActionInput.TEMPLATE:
        return not choices.get(ActionInput.TEMPLATE.value) and not data.get(input_field.name)
    return input_field.input == ActionInput.TEMPLATE_VALUES and not data.get("template")


def _options(choices: dict[str, list[Option]], ask: str, data: dict[str, Any]) -> list[Option]:
    """Return what is field_options for a field; of a value, what the field that it is for can have."""
    return choices.get(f"value of {data.get('field')}" if ask == ActionInput.VALUE else ask, [])


def field_options(session: Transaction, who: Identity, language: str) -> dict[str, list[Option]]:
    """Return the options of action fields by kind of input."""
    own = [row for holder in Holder for row in list_custom_fields(session, who.tenant_id, holder)]
    plain = [Option(name, translate(language, words)) for name, words in BUILT_IN_FIELDS.items()]
    kinds = {
        ActionInput.STAGE.value: stage_options(session, who),
        ActionInput.MEMBER.value: [Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        ActionInput.SEQUENCE.value: [Option(row.id, row.name) for row in enrollments.enabled_sequences(session, who)],
        ActionInput.FIELD.value: [*plain, *(Option(_fact(row), row.name) for row in own)],
        ActionInput.TEMPLATE.value: template_options(session, who),
        ActionInput.TAG.value: [Option(tag, tag) for tag in tags.list_tags(session, who)],
        "value of contact.language": [Option(code, translate(language, words)) for code, words in LANGUAGES.items()],
    }
    yes_no = [Option(code, translate(language, code)) for code in ("yes", "no")]
    for row in own:
        of_kind = yes_no if row.kind == FieldKind.YES_NO else [Option(option, option) for option in row.options]
        kinds[f"value of {_fact(row)}"] = of_kind
    return kinds


def _fact(row: CustomField) -> str:
    return f"{row.holder}.field.{row.key}"

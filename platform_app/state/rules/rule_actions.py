"""Rule actions: the actions of a rule in the builder, drawn from their classes."""

import copy
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from platform_app.automation.rules import MAX_ACTIONS
from platform_app.custom_fields import list_custom_fields
from platform_app.db import Transaction
from platform_app.engine.actions import action_checks, actions
from platform_app.engine.actions.action_base import BUILT_IN_FIELDS, MAX_TEXT_LENGTH, ActionInput
from platform_app.engine.enrollments import enrollments
from platform_app.errors import Invalid, LimitReached
from platform_app.i18n import translate
from platform_app.models.crm import CustomField, FieldKind, Holder
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.crm import tags
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.rules.proof_view import LANGUAGES


@dataclass
class AskLine:
    """A field of an action as it is entered."""

    name: str
    words: str
    ask: str
    value: str
    needed: bool
    problem: str = ""
    options: list[Option] = field(default_factory=list)


@dataclass
class ActionLine:
    """An action as the builder draws it."""

    place: str
    number: str
    title: str
    problem: str
    asked: list[AskLine] = field(default_factory=list)


class RuleActions(rx.State, mixin=True):
    """A page with actions. It calls `_take_actions`; `_keep_actions` is called with every change."""

    acts: list[ActionLine] = []
    acts_key: int = 0  # grows when actions come, go or move: they are drawn anew then
    _acts: list[dict[str, Any]] = []
    _offered: dict[str, list[Option]] = {}
    _wrong: dict[str, str] = {}

    @abstractmethod
    async def _keep_actions(self, listed: list[dict[str, Any]]) -> None:
        """Keep the actions as they stand after a change."""

    async def _take_actions(self, listed: list[dict[str, Any]]) -> None:
        """Show these actions."""
        self._offered = await fetch(self, offered, (await current_user(self)).language)
        self._acts = copy.deepcopy(listed)
        self.acts_key += 1

    @handler(Role.OPERATOR)
    async def add_action(self, kind: str) -> None:
        """Add an action at the end."""
        if kind not in actions.ACTIONS:
            raise Invalid("This value cannot be taken.")
        if len(self._acts) >= MAX_ACTIONS:
            raise LimitReached("There can be {count} actions at most.", count=MAX_ACTIONS)
        new = {"kind": kind} | {name: str(asked["start"]) for name, asked in action_checks.asked_of(kind)}
        await self._change_actions(lambda listed: listed.append(new))

    @handler(Role.OPERATOR)
    async def remove_action(self, place: int) -> None:
        """Take an action away."""
        await self._change_actions(lambda listed: listed.pop(place))

    @handler(Role.OPERATOR)
    async def move_action(self, place: int, up: bool) -> None:
        """Let an action change places with the one before or after it."""
        other = place - 1 if up else place + 1
        if 0 <= place < len(self._acts) and 0 <= other < len(self._acts):
            await self._change_actions(lambda listed: listed.insert(other, listed.pop(place)))

    @handler(Role.OPERATOR)
    async def drop_action(self, thing: str, onto: str) -> None:
        """Put an action where another stands."""
        old, new = (int(one) if one.isdecimal() and len(one) < 3 else -1 for one in (thing, onto))
        if 0 <= old < len(self._acts) and 0 <= new < len(self._acts) and old != new:
            await self._change_actions(lambda listed: listed.insert(new, listed.pop(old)))

    @handler(Role.OPERATOR)
    async def set_asked(self, place: int, name: str, value: str) -> None:
        """Take what was entered in a field of an action."""
        if len(value) > MAX_TEXT_LENGTH or "\x00" in value:
            raise Invalid("This value cannot be taken.")

        def change(listed: list[dict[str, Any]]) -> None:
            if name not in dict(action_checks.asked_of(listed[place]["kind"])):
                raise KeyError(name)
            listed[place][name] = value

        await self._change_actions(change, redraw=False)

    @handler(Role.OPERATOR)
    async def pick_asked(self, place: int, name: str, value: str) -> None:
        """Put one of what is offered into a field of an action."""
        await self.set_asked(place, name, value)
        self.acts_key += 1  # the field shows what it was drawn with

    async def _change_actions(self, change: Any, *, redraw: bool = True) -> None:
        listed = copy.deepcopy(self._acts)
        try:
            change(listed)
        except (IndexError, KeyError, TypeError, OverflowError) as error:
            raise Invalid("This value cannot be taken.") from error
        self._acts = listed
        self.acts_key += redraw
        await self._keep_actions(listed)

    async def _draw_actions(self, problems: dict[str, str]) -> None:
        """Draw the actions with what is wrong with them."""
        language = (await current_user(self)).language
        self.acts = [
            ActionLine(
                str(place),
                str(place + 1),
                translate(language, actions.label(data["kind"])) if data["kind"] in actions.ACTIONS else data["kind"],
                problems.get(f"action.{place}", ""),
                self._asked(place, data, language, problems=problems),
            )
            for place, data in enumerate(self._acts)
        ]

    def _asked(self, place: int, data: dict[str, Any], language: str, *, problems: dict[str, str]) -> list[AskLine]:
        return asked_lines(data, self._offered, language, problems=problems, prefix=f"action.{place}.")


def asked_lines(
    data: dict[str, Any],
    choices: dict[str, list[Option]],
    language: str,
    *,
    problems: dict[str, str],
    prefix: str,
) -> list[AskLine]:
    """Return the fields of an action as they are entered; `prefix` stands before their names in `problems`."""
    if data.get("kind") not in actions.ACTIONS:
        return []
    return [
        AskLine(
            name,
            translate(language, str(asked["words"])),
            str(asked["ask"]),
            str(data.get(name) or ""),
            bool(asked["needed"] or asked["start"]),  # what stands in it says enough
            problems.get(f"{prefix}{name}", ""),
            _options(choices, str(asked["ask"]), data),
        )
        for name, asked in action_checks.asked_of(data["kind"])
    ]


def _options(choices: dict[str, list[Option]], ask: str, data: dict[str, Any]) -> list[Option]:
    """Return what is offered for a field; of a value, what the field that it is for can have."""
    return choices.get(f"value of {data.get('field')}" if ask == ActionInput.VALUE else ask, [])


def offered(session: Transaction, who: Identity, language: str) -> dict[str, list[Option]]:
    """Return what can be chosen in the fields of actions, by how they are entered."""
    own = [row for holder in Holder for row in list_custom_fields(session, who.tenant_id, holder)]
    plain = [Option(name, translate(language, words)) for name, words in BUILT_IN_FIELDS.items()]
    found = {
        ActionInput.STAGE.value: stage_options(session, who),
        ActionInput.MEMBER.value: [Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        ActionInput.SEQUENCE.value: [Option(row.id, row.name) for row in enrollments.enabled_sequences(session, who)],
        ActionInput.FIELD.value: [*plain, *(Option(_fact(row), row.name) for row in own)],
        ActionInput.TAG.value: [Option(tag, tag) for tag in tags.list_tags(session, who)],
        "value of contact.language": [Option(code, translate(language, words)) for code, words in LANGUAGES.items()],
    }
    yes_no = [Option(code, translate(language, code)) for code in ("yes", "no")]
    for row in own:
        of_kind = yes_no if row.kind == FieldKind.YES_NO else [Option(option, option) for option in row.options]
        found[f"value of {_fact(row)}"] = of_kind
    return found


def _fact(row: CustomField) -> str:
    return f"{row.holder}.field.{row.key}"

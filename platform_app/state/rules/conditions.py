"""Conditions: the builder of nested groups, for every page that has one."""

import copy
from abc import abstractmethod
from typing import Any

import reflex as rx

from platform_app import fact_snapshots
from platform_app.automation.conditions import Match, parse_conditions
from platform_app.automation.facts import Catalogue
from platform_app.automation.operators import OPERATORS
from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import members
from platform_app.services.crm import pipelines, tags
from platform_app.state.console.base import current_user, fetch, handler
from platform_app.state.console.option_lists import Option, agent_options, stage_options
from platform_app.state.rules import condition_tree
from platform_app.state.rules.condition_tree import UNITS, Line, Tree
from platform_app.state.rules.proof_view import LANGUAGES, WEEKDAYS


class Conditions(rx.State, mixin=True):
    """A page with conditions. It calls `_take_tree`, and `_keep_tree` is called with every change."""

    lines: list[Line] = []
    own_facts: list[Option] = []
    event_facts: list[Option] = []  # of webhooks: known of an event alone
    variables: list[Option] = []  # every fact that texts may use
    tree_key: int = 0  # grows when lines come, go or move: fields are drawn anew then
    _tree: Tree = {}
    _choices: dict[str, list[Option]] = {}
    _known: Catalogue = {}
    _of_events: bool = False  # whether texts are filled for an event: what is known of it alone is offered then

    @abstractmethod
    async def _keep_tree(self, tree: Tree) -> None:
        """Keep the conditions as they stand after a change."""

    async def _take_tree(self, tree: Tree) -> None:
        """Show these conditions."""
        self._choices, self._known = await fetch(self, _offered, (await current_user(self)).language)
        own = [fact for fact in self._known.values() if fact.is_custom]
        self.own_facts = [Option(fact.name, fact.label) for fact in own if not fact.event_only]
        self.event_facts = [Option(fact.name, fact.label) for fact in own if fact.event_only]
        language = (await current_user(self)).language
        self.variables = [
            Option(fact.name, fact.label if fact.is_custom else translate(language, fact.label))
            for fact in self._known.values()
            if self._of_events or not fact.event_only
        ]
        self._tree = parse_conditions(tree).model_dump(mode="json")
        self.tree_key += 1
        await self._draw_lines()

    @handler(Role.OPERATOR)
    async def add_condition(self, path: str, group: bool) -> None:
        """Put a condition, or a group, at the end of a group."""
        await self._edit(lambda tree: condition_tree.add(tree, path, group=group))

    @handler(Role.OPERATOR)
    async def remove_condition(self, path: str) -> None:
        """Take a condition or a group away."""
        await self._edit(lambda tree: condition_tree.remove(tree, path))

    @handler(Role.OPERATOR)
    async def move_condition(self, path: str, up: bool) -> None:
        """Move a condition or a group one line up or down."""
        await self._edit(lambda tree: condition_tree.move(tree, path, up=up))

    @handler(Role.OPERATOR)
    async def drop_condition(self, path: str, onto: str) -> None:
        """Put a condition or a group where another stands, or into a group."""
        if path != onto:
            await self._edit(lambda tree: condition_tree.put(tree, path, onto))

    @handler(Role.OPERATOR)
    async def set_match(self, path: str, match: Match) -> None:
        """Say whether all, any or none of a group have to hold."""
        await self._edit(lambda tree: condition_tree.at(tree, path).update(match=match.value), redraw=False)

    @handler(Role.OPERATOR)
    async def set_fact(self, path: str, fact: str) -> None:
        """Let a condition be about another fact. Raises Invalid for an unknown fact."""
        if fact not in self._known:
            raise Invalid("This value cannot be taken.")
        await self._edit(lambda tree: condition_tree.set_fact(tree, path, self._known[fact]), redraw=False)

    @handler(Role.OPERATOR)
    async def set_operator(self, path: str, operator: str) -> None:
        """Compare otherwise. Raises Invalid for an unknown operator."""
        if operator not in OPERATORS:
            raise Invalid("This value cannot be taken.")
        await self._edit(lambda tree: condition_tree.set_operator(tree, path, OPERATORS[operator]), redraw=False)

    @handler(Role.OPERATOR)
    async def set_value(self, path: str, value: str) -> None:
        """Take what a condition compares with; several values stand one a line."""

        def change(tree: Tree) -> None:
            node = condition_tree.at(tree, path)
            several = isinstance(node["value"], list)
            node["value"] = [line.strip() for line in value.splitlines() if line.strip()] if several else value

        await self._edit(change, redraw=False)

    @handler(Role.OPERATOR)
    async def set_part(self, path: str, place: int, value: str) -> None:
        """Take the first or second part of what a condition compares with: least and greatest, or count and unit.

        Raises Invalid if there is no such condition or part.
        """
        line = next((line for line in self.lines if line.path == path), None)
        if line is None or place not in (0, 1) or (line.input == "span" and place == 1 and value not in UNITS):
            raise Invalid("This value cannot be taken.")
        parts = [line.value, line.second]
        parts[place] = value
        joined = " ".join(parts) if line.input == "span" else parts
        await self._edit(lambda tree: condition_tree.at(tree, path).update(value=joined), redraw=False)

    @handler(Role.OPERATOR)
    async def choose_one(self, path: str, option: str, selected: bool) -> None:
        """Put one of the options among the values of a condition, or take it out."""

        def change(tree: Tree) -> None:
            node = condition_tree.at(tree, path)
            held = [one for one in node["value"] if one != option] if isinstance(node["value"], list) else []
            node["value"] = [*held, option] if selected else held

        await self._edit(change, redraw=False)

    @handler(Role.OPERATOR)
    async def add_value(self, path: str, value: str) -> None:
        """Put one more among the values of a condition, or take it where there can be one alone."""

        def change(tree: Tree) -> None:
            node = condition_tree.at(tree, path)
            held = node["value"]
            node["value"] = [*(one for one in held if one != value), value] if isinstance(held, list) else value

        await self._edit(change)

    async def _edit(self, change: Any, *, redraw: bool = True) -> None:
        tree = copy.deepcopy(self._tree)
        try:
            change(tree)
            tree = parse_conditions(tree).model_dump(mode="json")
        except (KeyError, TypeError, AttributeError) as error:
            raise Invalid("This value cannot be taken.") from error
        self._tree = tree
        self.tree_key += redraw
        await self._keep_tree(tree)
        await self._draw_lines()

    async def _draw_lines(self) -> None:
        self.lines = condition_tree.lines(self._tree, self._known, self._choices, (await current_user(self)).language)


def _offered(session: Transaction, who: Identity, language: str) -> tuple[dict[str, list[Option]], Catalogue]:
    """Return what can be chosen, by kind, and every fact."""
    choices = {
        "stage": stage_options(session, who),
        "pipeline": [Option(p.id, p.name) for p, _ in pipelines.list_pipelines(session, who)],
        "agent": agent_options(session, who),
        "member": [Option(user.id, user.name) for user, _ in members.list_members(session, who)],
        "weekday": [Option(code, translate(language, words)) for code, words in WEEKDAYS.items()],
        "tag": [Option(tag, tag) for tag in tags.list_tags(session, who)],
        "language": [Option(code, translate(language, words)) for code, words in LANGUAGES.items()],
    }
    return choices, fact_snapshots.fact_catalogue(session, who.tenant_id)

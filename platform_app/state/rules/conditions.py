"""Conditions: the editor of nested condition groups, for every page that has one."""

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
from platform_app.state.rules.condition_tree import UNITS, ConditionLine, Tree
from platform_app.state.rules.proof_view import LANGUAGES, WEEKDAYS
from platform_app.state.rules.row_focus import focus_fields, focus_menu

ConditionOffers = tuple[dict[str, list[Option]], Catalogue]  # options by kind, and the facts


class ConditionBuilder(rx.State, mixin=True):
    """A mixin that edits conditions. The page calls `_load_tree`; every change calls `_save_tree`."""

    lines: list[ConditionLine] = []
    custom_facts: list[Option] = []
    event_facts: list[Option] = []  # fields of webhooks, known for events only
    variables: list[Option] = []  # facts that texts may use
    tree_key: int = 0  # incremented by structural changes, which redraws the inputs
    _tree: Tree = {}
    _quiet_path: str = ""  # of the condition that was added or is typed last: its problem waits until it is left
    _options: dict[str, list[Option]] = {}
    _facts: Catalogue = {}
    _has_event: bool = False  # whether facts of events are available

    @abstractmethod
    async def _save_tree(self, tree: Tree) -> None:
        """Save the conditions after a change."""

    @classmethod
    def _area(cls) -> str:
        """Return the name of the editor's place on the page, in which the focus is set."""
        return "conditions"

    async def _load_tree(self, tree: Tree, offered: ConditionOffers | None = None) -> None:
        """Set the conditions to edit; facts and options are fetched unless they are given."""
        language = (await current_user(self)).language
        if offered is None:
            offered = await fetch(self, _load_options, language)
        self._options, self._facts = offered
        own = [fact for fact in self._facts.values() if fact.is_custom]
        self.custom_facts = [Option(fact.name, fact.label) for fact in own if not fact.event_only]
        self.event_facts = [Option(fact.name, fact.label) for fact in own if fact.event_only]
        self.variables = [
            Option(fact.name, fact.label if fact.is_custom else translate(language, fact.label))
            for fact in self._facts.values()
            if self._has_event or not fact.event_only
        ]
        self._tree = parse_conditions(tree).model_dump(mode="json")
        self.tree_key += 1
        self._quiet_path = ""
        await self._draw_lines()

    @handler(Role.OPERATOR)
    async def add_condition(self, path: str, group: bool) -> Any:
        """Add a condition, or a group, at the end of a group, and focus it."""
        made = await self._change_tree(lambda tree: condition_tree.add(tree, path, group=group))
        self._quiet_path = made
        await self._draw_lines()
        return focus_fields(self._area(), self.tree_key, made)

    @handler(Role.OPERATOR)
    async def copy_condition(self, path: str) -> Any:
        """Insert a copy of a condition or a group after it, and focus it."""
        made = await self._change_tree(lambda tree: condition_tree.duplicate(tree, path))
        return focus_fields(self._area(), self.tree_key, made)

    @handler(Role.VIEWER)
    async def leave_condition(self, path: str) -> None:
        """Show the problem of a condition whose value is left."""
        if path == self._quiet_path:
            self._quiet_path = ""
            await self._draw_lines()

    @handler(Role.OPERATOR)
    async def remove_condition(self, path: str) -> Any:
        """Remove a condition or a group; the one that is next to it has the focus."""
        near = await self._change_tree(lambda tree: condition_tree.remove(tree, path))
        return focus_menu(self._area(), self.tree_key, near) if near else None

    @handler(Role.OPERATOR)
    async def move_condition(self, path: str, up: bool) -> Any:
        """Move a condition or a group one line up or down; its menu keeps the focus."""
        moved = await self._change_tree(lambda tree: condition_tree.move(tree, path, up=up))
        return focus_menu(self._area(), self.tree_key, moved)

    @handler(Role.OPERATOR)
    async def drop_condition(self, path: str, onto: str) -> None:
        """Move a condition or a group to the position of another, or into a group."""
        if path != onto:
            await self._change_tree(lambda tree: condition_tree.move_onto(tree, path, onto))

    @handler(Role.OPERATOR)
    async def set_match(self, path: str, match: Match) -> None:
        """Set whether all, any or none of a group must hold."""
        await self._change_tree(lambda tree: condition_tree.node_at(tree, path).update(match=match.value), redraw=False)

    @handler(Role.OPERATOR)
    async def set_fact(self, path: str, fact: str) -> None:
        """Set the fact of a condition. Raises Invalid if the fact is unknown."""
        if fact not in self._facts:
            raise Invalid("This value isn’t allowed.")
        await self._change_tree(lambda tree: condition_tree.set_fact(tree, path, self._facts[fact]), redraw=False)

    @handler(Role.OPERATOR)
    async def set_operator(self, path: str, operator: str) -> None:
        """Set the operator of a condition. Raises Invalid if the operator is unknown."""
        if operator not in OPERATORS:
            raise Invalid("This value isn’t allowed.")
        await self._change_tree(lambda tree: condition_tree.set_operator(tree, path, OPERATORS[operator]), redraw=False)

    @handler(Role.OPERATOR)
    async def set_value(self, path: str, value: str) -> None:
        """Set the value of a condition; several values are on separate lines."""

        def change(tree: Tree) -> None:
            node = condition_tree.node_at(tree, path)
            several = isinstance(node["value"], list)
            node["value"] = [line.strip() for line in value.splitlines() if line.strip()] if several else value

        self._type_in(path)
        await self._change_tree(change, redraw=False)

    @handler(Role.OPERATOR)
    async def set_part(self, path: str, place: int, value: str) -> None:
        """Set part 0 or 1 of a value: minimum and maximum, or count and unit.

        Raises Invalid if there is no such part.
        """
        line = next((line for line in self.lines if line.path == path), None)
        if line is None or place not in (0, 1) or (line.input == "span" and place == 1 and value not in UNITS):
            raise Invalid("This value isn’t allowed.")
        self._type_in(path)
        parts = [line.value, line.second]
        parts[place] = value
        joined = " ".join(parts) if line.input == "span" else parts
        await self._change_tree(lambda tree: condition_tree.node_at(tree, path).update(value=joined), redraw=False)

    @handler(Role.OPERATOR)
    async def toggle_option(self, path: str, option: str, selected: bool) -> None:
        """Add an option to the values of a condition, or take it out."""

        def change(tree: Tree) -> None:
            node = condition_tree.node_at(tree, path)
            held = [other for other in node["value"] if other != option] if isinstance(node["value"], list) else []
            node["value"] = [*held, option] if selected else held

        await self._change_tree(change, redraw=False)

    @handler(Role.OPERATOR)
    async def add_value(self, path: str, value: str) -> None:
        """Add a value to a condition; replaces the value of a condition that takes one."""

        def change(tree: Tree) -> None:
            node = condition_tree.node_at(tree, path)
            held = node["value"]
            node["value"] = [*(other for other in held if other != value), value] if isinstance(held, list) else value

        await self._change_tree(change)

    def _type_in(self, path: str) -> None:
        """Let a condition without a problem have none until its value is left."""
        if any(line.path == path and not line.problem for line in self.lines):
            self._quiet_path = path

    async def _change_tree(self, change: Any, *, redraw: bool = True) -> Any:
        """Change the tree, save and draw it; return what `change` returns."""
        tree = copy.deepcopy(self._tree)
        try:
            made = change(tree)
            tree = parse_conditions(tree).model_dump(mode="json")
        except (KeyError, TypeError, AttributeError) as error:
            raise Invalid("This value isn’t allowed.") from error
        self._tree = tree
        if redraw:
            self.tree_key += 1
            self._quiet_path = ""
        await self._save_tree(tree)
        await self._draw_lines()
        return made

    async def _reveal_conditions(self) -> None:
        """Show also the problem of a condition whose value was not left yet."""
        self._quiet_path = ""
        await self._draw_lines()

    async def _draw_lines(self) -> None:
        lines = condition_tree.condition_lines(
            self._tree, self._facts, self._options, (await current_user(self)).language
        )
        for line in lines:
            if line.path == self._quiet_path:
                line.problem = ""
        self.lines = lines


def _load_options(session: Transaction, who: Identity, language: str) -> ConditionOffers:
    """Return the options by kind and the catalogue of facts."""
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

"""Rules: the list of those of a tenant or of an agent: found, ordered, switched, copied, deleted, brought back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import reflex as rx

from platform_app import bounded_count
from platform_app.automation import rule_templates
from platform_app.automation.rules import parse_rule
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine.definitions import DefinitionPage, Definitions
from platform_app.engine.rules import rules
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule
from platform_app.state.console.base import call, current_identity, fetch, handler
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.rules.definition_list import DefinitionList, stand_of
from platform_app.state.rules.proof_view import Reader, reader_of
from platform_app.state.rules.rule_words import action_of, condition_of, names_of, trigger_of


@dataclass
class RuleRow:
    """A rule as the table shows it."""

    id: str
    name: str
    trigger: str
    condition: str
    actions: str
    priority: str
    agent: str
    state: str  # draft, differs, published
    enabled: bool
    runs: str
    when: str
    exact: str


@dataclass
class _Found:
    """What the list is drawn from."""

    listed: DefinitionPage[Rule]
    runs: dict[str, tuple[int, datetime]]
    agents: list[Option]
    names: dict[str, str]


class RulesState(DefinitionList, rx.State):
    """The rules of the tenant, or of the agent that the address names."""

    rows: list[RuleRow] = []
    _order: list[str] = []  # of all that are found, also on other pages

    @handler(Role.OPERATOR)
    async def move(self, rule_id: str, up: bool) -> None:
        """Let a rule run before or after its neighbour."""
        await call(self, rules.DEFINITIONS.move, rule_id, up=up, among=self._order)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def drop(self, rule_id: str, other_id: str) -> None:
        """Put a rule where another stands."""
        if rule_id != other_id:
            await call(self, rules.DEFINITIONS.place, rule_id, other_id)
        await self._fetch()

    def _definitions(self) -> Definitions[Any, Any]:
        return rules.DEFINITIONS

    def _topics(self) -> tuple[str, ...]:
        return ("rule", "run")

    def _templates(self) -> dict[str, Any]:
        return rule_templates.TEMPLATES

    def _new(self, template: str, language: str) -> tuple[str, dict[str, Any] | None]:
        if not template:
            return translate(language, "New rule"), None
        return translate(language, rule_templates.TEMPLATES[template].name), rule_templates.draft(template, language)

    async def _fetch(self) -> None:
        identity, reader = await current_identity(self), await reader_of(self)
        found = await fetch(self, _read, self.agent, self.search, page=self.page)
        self.rows = [_row(row, found, identity, reader=reader) for row in found.listed.rows]
        words = plural(reader.language, "{count} rule", "{count} rules", found.listed.total)
        self._listed(found.agents, found.listed, words)
        self._order = found.listed.ids


def _read(session: Transaction, who: Identity, agent_id: str, search: str, *, page: int) -> _Found:
    listed = rules.DEFINITIONS.list_page(session, who, agent_id=agent_id, search=search, page=page)
    return _Found(
        listed,
        rules.run_counts(session, who, listed.rows),
        agent_options(session, who),
        names_of(session, who),
    )


def _row(row: Rule, found: _Found, identity: Identity, *, reader: Reader) -> RuleRow:
    language, rule = reader.language, parse_rule(row.draft)
    count, last = found.runs.get(row.id, (0, None))
    return RuleRow(
        id=row.id,
        name=row.name,
        trigger=trigger_of(rule, language, found.names),
        condition=condition_of(rule.condition, reader, found.names)[:300],
        actions="; ".join(action_of(one, language, found.names) for one in rule.actions)[:300],
        priority=str(row.position),
        agent=found.names.get(row.agent_id or "", "") or translate(language, "All agents"),
        state=stand_of(row),
        enabled=row.enabled,
        runs=bounded_count.count_words(language, "{count} run", "{count} runs", count) if count else "",
        when=relative_time(language, last, now()) if last else "",
        exact=exact_time(language, last, identity.time_zone) if last else "",
    )

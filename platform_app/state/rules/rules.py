"""Rules: the list of rules of the tenant or of an agent."""

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
from platform_app.i18n import exact_time, plural, relative_time, sentence_case, translate
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule
from platform_app.state.console.base import call, current_identity, fetch, handler
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.definition_list import DefinitionList, definition_status
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.rule_words import describe_actions, describe_conditions, describe_trigger


@dataclass
class RuleRow:
    """A rule in the list."""

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
class _PageData:
    """What the list is rendered from."""

    listed: DefinitionPage[Rule]
    runs: dict[str, tuple[int, datetime]]
    agents: list[Option]
    names: dict[str, str]


class RulesState(DefinitionList, rx.State):
    """The list of rules of the tenant, or of the agent in the address."""

    rows: list[RuleRow] = []
    _order: list[str] = []  # ids of all matching rules, on every page

    @handler(Role.OPERATOR)
    async def move(self, rule_id: str, up: bool) -> None:
        """Move a rule up or down."""
        await call(self, rules.DEFINITIONS.move, rule_id, up=up, among=self._order)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def drop(self, rule_id: str, other_id: str) -> None:
        """Move a rule to the position of another one."""
        if rule_id != other_id:
            await call(self, rules.DEFINITIONS.place, rule_id, other_id)
        await self._fetch()

    def _definitions(self) -> Definitions[Any, Any]:
        return rules.DEFINITIONS

    def _topics(self) -> tuple[str, ...]:
        return ("rule", "run")

    def _templates(self) -> dict[str, Any]:
        return rule_templates.TEMPLATES

    def _new_draft(self, template: str, language: str) -> tuple[str, dict[str, Any] | None]:
        if not template:
            return translate(language, "New rule"), None
        return translate(language, rule_templates.TEMPLATES[template].name), rule_templates.draft(template, language)

    async def _fetch(self) -> None:
        identity, context = await current_identity(self), await view_context(self)
        data = await fetch(self, _read, self.agent, self.search, page=self.page)
        self.rows = [_row(row, data, identity, context=context) for row in data.listed.rows]
        words = plural(context.language, "{count} rule", "{count} rules", data.listed.total)
        self._set_list(data.agents, data.listed, words)
        self._order = data.listed.ids


def _read(session: Transaction, who: Identity, agent_id: str, search: str, *, page: int) -> _PageData:
    listed = rules.DEFINITIONS.list_page(session, who, agent_id=agent_id, search=search, page=page)
    return _PageData(
        listed,
        rules.run_counts(session, who, listed.rows),
        agent_options(session, who),
        names_by_id(session, who),
    )


def _row(row: Rule, data: _PageData, identity: Identity, *, context: ViewContext) -> RuleRow:
    language, rule = context.language, parse_rule(row.draft)
    count, last = data.runs.get(row.id, (0, None))
    return RuleRow(
        id=row.id,
        name=row.name,
        trigger=sentence_case(describe_trigger(rule, language, data.names)),
        condition=sentence_case(describe_conditions(rule.condition, context, data.names))[:300],
        actions=sentence_case(describe_actions(rule.actions, language, data.names))[:300],
        priority=str(row.position),
        agent=data.names.get(row.agent_id or "", "") or translate(language, "All agents"),
        state=definition_status(row),
        enabled=row.enabled,
        runs=bounded_count.count_words(language, "{count} run", "{count} runs", count) if count else "",
        when=relative_time(language, last, now(), identity.time_zone) if last else "",
        exact=exact_time(language, last, identity.time_zone) if last else "",
    )

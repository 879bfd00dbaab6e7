"""Rules: the list of those of a tenant or of an agent: found, ordered, switched, copied, deleted, brought back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import reflex as rx

from platform_app.automation import templates
from platform_app.automation.rules import definition
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.engine import rules
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.person import Identity, Role
from platform_app.models.rule import Rule
from platform_app.services import agent_list
from platform_app.state.address import keep_in_address
from platform_app.state.base import call, handler, look, person, say_error, who
from platform_app.state.chat_view import Choice
from platform_app.state.hub import hub
from platform_app.state.proof_view import Reader, reader_of
from platform_app.state.rule_words import action_of, condition_of, names_of, trigger_of
from platform_app.state.scripts import agent_of
from platform_app.state.undo import Deleting, Undo

NO_AGENT = "none"


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

    rules: list[Rule]
    total: int
    runs: dict[str, tuple[int, datetime]]
    agents: list[Choice]
    names: dict[str, str]


class RulesState(Undo, rx.State):
    """The rules of the tenant, or of the agent that the address names."""

    agent: str = ""
    agent_name: str = ""
    agents: list[Choice] = []
    rows: list[RuleRow] = []
    total: int = 0
    total_words: str = ""
    search: str = ""
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the search from the address, and fetch."""
        self.agent = agent_of(self.router.url.path)
        self.search = self.router.url.query_parameters.get("q", "")[:200]
        self.undo_sentence = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow the runs, and what others change, while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, self.router.session.client_token):
            if update.topic in ("rule", "run", "*"):
                async with self:
                    await self._fetch()

    @handler(Role.VIEWER)
    async def type_search(self, search: str) -> Any:
        """Search as one types."""
        self.search = search[:200]
        await self._fetch()
        return keep_in_address(q=self.search)

    @handler(Role.OPERATOR)
    async def create(self, template: str) -> Any:
        """Make a draft, from a template where one is named, and open it."""
        language = (await person(self)).language
        if template and template not in templates.TEMPLATES:
            raise Invalid("This value cannot be taken.")
        name = translate(language, templates.TEMPLATES[template].name if template else "New rule")
        draft = templates.draft(template, language) if template else None
        made = await call(self, rules.DEFINITIONS.create, name=name, agent_id=self.agent or None, draft=draft)
        return rx.redirect(f"/manage/{(await who(self)).slug}/rules/{made.id}")

    @handler(Role.OPERATOR)
    async def switch(self, rule_id: str, enabled: bool) -> Any:
        """Switch a rule on or off."""
        try:
            await call(self, rules.DEFINITIONS.switch, rule_id, enabled=enabled)
        except PlatformError as error:
            await self._fetch()
            return await say_error(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def move(self, rule_id: str, up: bool) -> None:
        """Let a rule run before or after its neighbour."""
        await call(self, rules.DEFINITIONS.move, rule_id, up=up, among=[row.id for row in self.rows])
        await self._fetch()

    @handler(Role.OPERATOR)
    async def drop(self, rule_id: str, other_id: str) -> None:
        """Put a rule where another stands."""
        if rule_id != other_id:
            await call(self, rules.DEFINITIONS.place, rule_id, other_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def duplicate(self, rule_id: str) -> None:
        """Make a copy for the same agent."""
        await call(self, rules.DEFINITIONS.duplicate, rule_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def copy_to(self, rule_id: str, agent_id: str) -> None:
        """Make a copy for another agent, or for all."""
        await call(self, rules.DEFINITIONS.duplicate, rule_id, agent_id=None if agent_id == NO_AGENT else agent_id)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether the search hides some rules."""
        return bool(self.search)

    def _deleting(self) -> Deleting:
        return rules.DEFINITIONS

    async def _fetch(self) -> None:
        identity, reader = await who(self), await reader_of(self)
        found = await look(self, _read, self.agent, self.search)
        self.agents, self.total = found.agents, found.total
        self.agent_name = next((one.name for one in found.agents if one.id == self.agent), "")
        self.rows = [_row(row, found, identity, reader=reader) for row in found.rules]
        self.total_words = plural(reader.language, "{count} rule", "{count} rules", self.total)
        self.loaded = True


def _read(session: Transaction, who: Identity, agent_id: str, search: str) -> _Found:
    agents, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    return _Found(
        rules.DEFINITIONS.of_tenant(session, who, agent_id=agent_id, search=search),
        len(rules.DEFINITIONS.of_tenant(session, who, agent_id=agent_id)),
        rules.runs_of(session, who),
        [Choice(row.id, row.name) for row in agents],
        names_of(session, who),
    )


def _row(row: Rule, found: _Found, identity: Identity, *, reader: Reader) -> RuleRow:
    language, rule = reader.language, definition(row.draft)
    count, last = found.runs.get(row.id, (0, None))
    return RuleRow(
        id=row.id,
        name=row.name,
        trigger=trigger_of(rule, language, found.names),
        condition=condition_of(rule.condition, reader, found.names)[:300],
        actions="; ".join(action_of(one, language, found.names) for one in rule.actions)[:300],
        priority=str(row.position),
        agent=found.names.get(row.agent_id or "", "") or translate(language, "All agents"),
        state="draft" if not row.published_number else "differs" if row.draft != row.published else "published",
        enabled=row.enabled,
        runs=plural(language, "{count} run", "{count} runs", count) if count else "",
        when=relative_time(language, last, now()) if last else "",
        exact=exact_time(language, last, identity.time_zone) if last else "",
    )

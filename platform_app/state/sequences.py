"""Sequences: the list of those of a tenant or of an agent: found, ordered, switched, copied, deleted, brought back."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation import sequence_templates as templates
from platform_app.automation.sequences import definition
from platform_app.automation.steps import steps as steps_of
from platform_app.automation.steps import walk
from platform_app.db import Transaction
from platform_app.engine import sequence_numbers
from platform_app.engine.sequences import DEFINITIONS
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.models.sequence import Sequence
from platform_app.services import agent_list
from platform_app.state.address import keep_in_address
from platform_app.state.base import call, handler, look, person, say_error, who
from platform_app.state.chat_view import Choice
from platform_app.state.hub import hub
from platform_app.state.proof_view import Reader, reader_of
from platform_app.state.rule_words import condition_of, names_of
from platform_app.state.scripts import agent_of
from platform_app.state.sequence_words import trigger_of
from platform_app.state.undo import Deleting, Undo

NO_AGENT = "none"


@dataclass
class SequenceRow:
    """A sequence as the table shows it."""

    id: str
    name: str
    trigger: str
    condition: str
    steps: str
    agent: str
    state: str  # draft, differs, published
    enabled: bool
    inside: str
    entered: str
    ended: str


@dataclass
class _Found:
    """What the list is drawn from."""

    rows: list[Sequence]
    total: int
    counts: dict[str, dict[str, int]]
    agents: list[Choice]
    names: dict[str, str]


class SequencesState(Undo, rx.State):
    """The sequences of the tenant, or of the agent that the address names."""

    agent: str = ""
    agent_name: str = ""
    agents: list[Choice] = []
    rows: list[SequenceRow] = []
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
        """Follow who comes and goes, and what others change, while the page is open."""
        async with self:
            identity = await who(self)
        async for update in hub.updates(identity.tenant_id, self.router.session.client_token):
            if update.topic in ("sequence", "enrollment", "*"):
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
        name = translate(language, templates.TEMPLATES[template].name if template else "New sequence")
        draft = templates.draft(template, language) if template else None
        made = await call(self, DEFINITIONS.create, name=name, agent_id=self.agent or None, draft=draft)
        return rx.redirect(f"/manage/{(await who(self)).slug}/sequences/{made.id}")

    @handler(Role.OPERATOR)
    async def switch(self, sequence_id: str, enabled: bool) -> Any:
        """Switch a sequence on or off."""
        try:
            await call(self, DEFINITIONS.switch, sequence_id, enabled=enabled)
        except PlatformError as error:
            await self._fetch()
            return await say_error(self, error)
        await self._fetch()
        return None

    @handler(Role.OPERATOR)
    async def duplicate(self, sequence_id: str) -> None:
        """Make a copy for the same agent."""
        await call(self, DEFINITIONS.duplicate, sequence_id)
        await self._fetch()

    @handler(Role.OPERATOR)
    async def copy_to(self, sequence_id: str, agent_id: str) -> None:
        """Make a copy for another agent, or for all."""
        await call(self, DEFINITIONS.duplicate, sequence_id, agent_id=None if agent_id == NO_AGENT else agent_id)
        await self._fetch()

    @rx.var
    def is_filtered(self) -> bool:
        """Whether the search hides some sequences."""
        return bool(self.search)

    def _deleting(self) -> Deleting:
        return DEFINITIONS

    async def _fetch(self) -> None:
        reader = await reader_of(self)
        found = await look(self, _read, self.agent, self.search)
        self.agents, self.total = found.agents, found.total
        self.agent_name = next((one.name for one in found.agents if one.id == self.agent), "")
        self.rows = [_row(row, found, reader) for row in found.rows]
        self.total_words = plural(reader.language, "{count} sequence", "{count} sequences", self.total)
        self.loaded = True


def _read(session: Transaction, who: Identity, agent_id: str, search: str) -> _Found:
    agents, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    return _Found(
        DEFINITIONS.of_tenant(session, who, agent_id=agent_id, search=search),
        len(DEFINITIONS.of_tenant(session, who, agent_id=agent_id)),
        sequence_numbers.counts(session, who),
        [Choice(row.id, row.name) for row in agents],
        names_of(session, who),
    )


def _row(row: Sequence, found: _Found, reader: Reader) -> SequenceRow:
    language, own = reader.language, definition(row.draft)
    counts = found.counts.get(row.id, {})
    inside = sum(counts.get(state, 0) for state in ("active", "paused", "held"))
    try:
        steps = len(list(walk(list(steps_of(own.steps)))))
    except Invalid:
        steps = 0
    ended = counts.get("finished", 0) + counts.get("goal", 0)
    return SequenceRow(
        id=row.id,
        name=row.name,
        trigger=trigger_of(own, language),
        condition=condition_of(own.condition, reader, found.names)[:300],
        steps=plural(language, "{count} step", "{count} steps", steps),
        agent=found.names.get(row.agent_id or "", "") or translate(language, "All agents"),
        state="draft" if not row.published_number else "differs" if row.draft != row.published else "published",
        enabled=row.enabled,
        inside=str(inside),
        entered=str(sum(counts.values())),
        ended=str(ended),
    )

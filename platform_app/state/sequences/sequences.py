"""Sequences: the list of sequences of the tenant or of an agent."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.automation import sequence_templates as templates
from platform_app.automation.sequences import parse_sequence
from platform_app.automation.steps import parse_steps as steps_of
from platform_app.automation.steps import walk
from platform_app.db import Transaction
from platform_app.engine.definitions import DefinitionPage, Definitions
from platform_app.engine.sequences import sequence_statistics
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid
from platform_app.i18n import plural, sentence_case, translate
from platform_app.models.person import Identity
from platform_app.models.sequence import Sequence
from platform_app.state.console.base import fetch
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.setting_text import names_by_id
from platform_app.state.rules.definition_list import DefinitionList, definition_status
from platform_app.state.rules.proof_view import ViewContext, view_context
from platform_app.state.rules.rule_words import describe_conditions
from platform_app.state.sequences.sequence_words import describe_trigger


@dataclass
class SequenceRow:
    """A sequence in the list."""

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
class _PageData:
    """What the list is rendered from."""

    listed: DefinitionPage[Sequence]
    counts: dict[str, dict[str, int]]
    agents: list[Option]
    names: dict[str, str]


class SequencesState(DefinitionList, rx.State):
    """The list of sequences of the tenant, or of the agent in the address."""

    rows: list[SequenceRow] = []

    def _definitions(self) -> Definitions[Any, Any]:
        return DEFINITIONS

    def _topics(self) -> tuple[str, ...]:
        return ("sequence", "enrollment")

    def _templates(self) -> dict[str, Any]:
        return templates.TEMPLATES

    def _new_draft(self, template: str, language: str) -> tuple[str, dict[str, Any] | None]:
        if not template:
            return translate(language, "New sequence"), None
        return translate(language, templates.TEMPLATES[template].name), templates.draft(template, language)

    async def _fetch(self) -> None:
        context = await view_context(self)
        data = await fetch(self, _read, self.agent, self.search, page=self.page)
        self.rows = [_row(row, data, context) for row in data.listed.rows]
        words = plural(context.language, "{count} sequence", "{count} sequences", data.listed.total)
        self._set_list(data.agents, data.listed, words)


def _read(session: Transaction, who: Identity, agent_id: str, search: str, *, page: int) -> _PageData:
    return _PageData(
        DEFINITIONS.list_page(session, who, agent_id=agent_id, search=search, page=page),
        sequence_statistics.count_by_state(session, who),
        agent_options(session, who),
        names_by_id(session, who),
    )


def _row(row: Sequence, data: _PageData, context: ViewContext) -> SequenceRow:
    language, own = context.language, parse_sequence(row.draft)
    counts = data.counts.get(row.id, {})
    inside = sum(counts.get(state, 0) for state in ("active", "paused", "held"))
    try:
        steps = len(list(walk(list(steps_of(own.steps)))))
    except Invalid:
        steps = 0
    ended = counts.get("finished", 0) + counts.get("goal", 0)
    return SequenceRow(
        id=row.id,
        name=row.name,
        trigger=sentence_case(describe_trigger(own, language)),
        condition=sentence_case(describe_conditions(own.condition, context, data.names))[:300],
        steps=plural(language, "{count} step", "{count} steps", steps),
        agent=data.names.get(row.agent_id or "", "") or translate(language, "All agents"),
        state=definition_status(row),
        enabled=row.enabled,
        inside=str(inside),
        entered=str(sum(counts.values())),
        ended=str(ended),
    )

"""Script: the editor: saved as typed, checked while typing, seen with a lead before it is used."""

from dataclasses import dataclass, replace
from typing import Any

import reflex as rx

from platform_app import fact_snapshots
from platform_app.automation import text_templates
from platform_app.automation.facts import NamedValue
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid, PlatformError
from platform_app.i18n import exact_time, translate
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity, Role
from platform_app.models.script import Script
from platform_app.services.agents import agents
from platform_app.services.chat import conversations
from platform_app.services.crm import leads
from platform_app.services.scripts import script_selection, scripts
from platform_app.state.agents.agent import FieldDiff
from platform_app.state.agents.agent_stages import format_setting, names_of
from platform_app.state.console import browser
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    error_toast,
    fetch,
    handler,
    success_toast,
)
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.console.page_address import agent_of
from platform_app.state.rules.condition_tree import Tree
from platform_app.state.rules.conditions import Conditions
from platform_app.state.rules.proof_view import ProofLine, Reader, change_of, lines_of
from platform_app.state.scripts.guided_steps import GuidedSteps

FIELD_LABELS = {
    "title": "Title",
    "kind": "Kind",
    "text": "Text",
    "examples": "What the contact says",
    "agent_id": "Agents",
    "stage_id": "Stage",
    "condition": "Condition",
    "steps": "Steps",
}
ANY = "any"
NOBODY = "none"


@dataclass
class Step:
    """What the script was before a change."""

    id: str
    when: str
    author: str
    text: str


@dataclass
class _Seen:
    """A script with a lead: its text filled, whether it would be used, why, and what would change that."""

    preview: str
    applies: bool
    why: str
    proof: list[ProofLine]
    change: list[str]


class ScriptState(Conditions, GuidedSteps, rx.State):
    """The script that the address names."""

    script_key: str = ""  # changes with every load, which redraws the fields
    agent: str = ""
    title: str = ""
    initial: dict[str, str] = {}
    kind: str = "presentation"
    stage: str = ANY
    stages: list[Option] = []
    for_all: bool = False
    enabled: bool = True
    problems: dict[str, str] = {}
    conflict: bool = False
    saved: str = ""
    leads: list[Option] = []
    lead: str = NOBODY
    said: str = ""  # by the contact, to try which objections it is
    preview: str = ""
    applies: bool = False
    why: str = ""
    proof: list[ProofLine] = []
    change: list[str] = []
    steps: list[Step] = []
    talks: list[Option] = []
    changes: list[FieldDiff] = []
    compared: str = ""
    _text: str = ""
    _revision: int = 0
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the script and draw its fields."""
        self.script_key, self.conflict, self.compared, self.said = "", False, "", ""
        self.agent = self._agent_id()
        self.stages = await fetch(self, stage_options)
        self.leads, self.lead = await fetch(self, _leads, self._script_id())
        await self._draw()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save one field; what does not fit is said at the field, and a mistake in the text is marked there."""
        await self._save_field(field, "" if field in ("stage_id", "agent_id") and value == ANY else value)

    async def _save_field(self, field: str, value: Any) -> None:
        language = (await current_user(self)).language
        others = {name: words for name, words in self.problems.items() if name != field}
        try:
            row = await call(self, scripts.save, self._script_id(), {field: value}, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            self.problems = others | {field: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._show(row)
        await self._check()

    @handler(Role.OPERATOR)
    async def choose_agents(self, which: str) -> Any:
        """Let this agent alone use the script, or all."""
        return browser.call_handler(ScriptState.save, "agent_id", ANY if which == "all" else self._agent_id())

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> None:
        """Switch the script on or off."""
        await call(self, scripts.set_enabled, self._script_id(), enabled=enabled)
        self.enabled = enabled

    @handler(Role.VIEWER)
    async def choose_lead(self, lead_id: str) -> None:
        """See the text with this lead's values."""
        self.lead = lead_id[:32]
        await self._check()

    @handler(Role.VIEWER)
    async def try_said(self, said: str) -> None:
        """See whether the script is used when the contact says this."""
        self.said = said[:1_000]
        await self._check()

    @handler(Role.VIEWER)
    async def load_latest(self) -> None:
        """Show the script as somebody else left it."""
        self.conflict = False
        await self._draw()

    @handler(Role.VIEWER)
    async def compare(self, version_id: str) -> None:
        """Show what the script has now that it had otherwise then."""
        language = (await current_user(self)).language
        names = await fetch(self, names_of)
        self.changes = [
            FieldDiff(
                translate(language, FIELD_LABELS[change.field]),
                format_setting(change.before or "", names)[:400],
                format_setting(change.after or "", names)[:400],
                change.lines[:400],
            )
            for change in await fetch(self, scripts.diff_version, self._script_id(), version_id)
        ]
        self.compared = version_id

    @handler(Role.OPERATOR)
    async def go_back(self, version_id: str) -> Any:
        """Make the script what it was."""
        try:
            await call(self, scripts.restore_version, self._script_id(), version_id)
        except PlatformError as error:
            return await error_toast(self, error)
        await self._draw()
        return await success_toast(self, "The script is as it was.")

    def _agent_id(self) -> str:
        return agent_of(self.router.url.path)

    def _script_id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _draw(self) -> None:
        row = await fetch(self, scripts.get, self._script_id())
        self.initial = {name: getattr(row, name) for name in ("title", "text", "examples")}
        self.problems = {}
        await self._take_tree(row.condition)
        await self._take_steps(row.steps, self._known)
        await self._show(row)
        await self._check()
        self._loads += 1
        self.script_key = f"{row.id}-{self._loads}"

    async def _show(self, row: Script) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.title, self.kind, self.stage = row.title, row.kind.value, row.stage_id or ANY
        self.for_all, self.enabled = row.agent_id is None, row.enabled
        self._text, self._revision = row.text, row.revision
        clock = exact_time(language, row.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=clock)
        self.steps = [
            Step(one.id, exact_time(language, one.created_at, identity.time_zone), one.author_name, one.data["text"])
            for one in await fetch(self, scripts.list_versions, row.id)
        ]
        untitled = translate(language, "New conversation")
        self.talks = [Option(talk.id, talk.title or untitled) for talk in await fetch(self, _used_in, row.id)]

    async def _check(self) -> None:
        """Mark the first mistake of the text, and show it filled."""
        language = (await current_user(self)).language
        found = text_templates.problems(self._text, self._known)
        others = {name: words for name, words in self.problems.items() if name != "text"}
        if found:
            self.problems = others | {"text": text_templates.describe_problem(found[0], language)}
        else:
            self.problems = others
        seen = await fetch(self, _seen, self._script_id(), agent_id=self._agent_id(), lead_id=self.lead, said=self.said)
        self.preview, self.applies, self.why = seen.preview, seen.applies, seen.why
        self.proof, self.change = seen.proof, seen.change

    async def _keep_tree(self, tree: Tree) -> None:
        await self._save_field("condition", tree)

    async def _keep_steps(self, steps: list[dict[str, Any]]) -> None:
        await self._save_field("steps", steps)


def _leads(session: Transaction, who: Identity, script_id: str) -> tuple[list[Option], str]:
    """Return leads to look at a script with, and the one to begin with: the newest in the script's stage."""
    row = scripts.get(session, who, script_id)
    found, _ = leads.list_leads(session, who, page_size=50)
    fits = leads.newest_in_stage(session, who, row.stage_id, limit=1) if row.stage_id else found[:1]
    shown = {lead.id: lead.title for lead in (*fits, *found)}
    return [Option(lead_id, title) for lead_id, title in shown.items()], fits[0].id if fits else NOBODY


def _used_in(session: Transaction, who: Identity, script_id: str) -> list[Conversation]:
    return conversations.some(session, who, scripts.conversations_using(session, who, script_id, limit=8))


def _seen(session: Transaction, who: Identity, script_id: str, *, agent_id: str, lead_id: str, said: str) -> _Seen:
    """Return what would become of a script in a conversation with a lead, as a reply would decide it."""
    agent, row = agents.get(session, who, agent_id), scripts.get(session, who, script_id)
    facts = fact_snapshots.lead_facts(session, who.tenant_id, lead_id, NamedValue(agent.id, agent.name))
    facts = replace(facts, values={**facts.values, script_selection.MESSAGE_TEXT: said})
    own = fact_snapshots.fact_catalogue(session, who.tenant_id)
    found = script_selection.decide(
        row, replace(facts, names=fact_snapshots.entity_names(session, who.tenant_id)), own, now()
    )
    reader = Reader(who.language, who.time_zone, own)
    try:
        preview = "" if text_templates.problems(row.text, own) else text_templates.render(row.text, facts)
    except Invalid as error:
        preview = translate(who.language, error.sentence, **error.values)
    why = translate(who.language, found.why, expected=found.expected, actual=found.actual)
    change = [change_of(one, reader) for one in found.change]
    return _Seen(preview, found.applied, why, lines_of(found.proof, reader), change)

"""Script: the editor of a script with preview and history."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import reflex as rx

from platform_app import fact_snapshots
from platform_app.automation import text_templates
from platform_app.automation.facts import NamedValue
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.form_fields import field_labels
from platform_app.i18n import exact_time, sentence_case, translate
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity, Role
from platform_app.models.script import SCRIPT_FORM, Script, ScriptVersion
from platform_app.services.agents import agents
from platform_app.services.chat import conversations
from platform_app.services.chat.conversation_rows import link_of
from platform_app.services.crm import leads
from platform_app.services.scripts import script_selection, scripts
from platform_app.services.versions.versioned_rows import VersionedRows
from platform_app.state.console import browser
from platform_app.state.console.base import (
    call,
    current_identity,
    current_user,
    fetch,
    handler,
)
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.console.page_address import agent_of
from platform_app.state.console.versioned_editor import VersionedEditor, VersionLine
from platform_app.state.rules.condition_tree import Tree
from platform_app.state.rules.conditions import ConditionBuilder
from platform_app.state.rules.proof_view import ProofLine, ViewContext, describe_change, proof_lines, view_context
from platform_app.state.rules.rule_words import describe_conditions
from platform_app.state.scripts.guided_steps import GuidedStepEditor, describe_steps

ANY = "any"
NONE = "none"


@dataclass
class _ScriptPreview:
    """The script for a lead: filled text, whether it applies, the reason, the proof, the smallest change."""

    preview: str
    applies: bool
    why: str
    proof: list[ProofLine]
    change: list[str]


class ScriptState(VersionedEditor, ConditionBuilder, GuidedStepEditor, rx.State):
    """The script in the address."""

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
    leads: list[Option] = []
    lead: str = NONE
    sample_message: str = ""  # of the contact, to test objection handling
    preview: str = ""
    applies: bool = False
    why: str = ""
    proof: list[ProofLine] = []
    change: list[str] = []
    conversations: list[Option] = []  # with the path of its page as id
    _text: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the script and fill the form."""
        self.script_key, self.conflict, self.compared, self.sample_message = "", False, "", ""
        self.agent = self._agent_id()
        self.stages = await fetch(self, stage_options)
        self.leads, self.lead = await fetch(self, _lead_options, self._id())
        await self._load_form()

    @handler(Role.OPERATOR)
    async def save(self, field: str, value: str) -> None:
        """Save a field, or show the problem at the field; a mistake in the text is marked too."""
        await self._save_field(field, "" if field in ("stage_id", "agent_id") and value == ANY else value)

    async def _save_field(self, field: str, value: Any) -> None:
        language = (await current_user(self)).language
        others = {name: words for name, words in self.problems.items() if name != field}
        try:
            row = await call(self, scripts.save, self._id(), {field: value}, revision=self._revision)
        except Conflict:
            self.conflict = True
            return
        except Invalid as error:
            self.problems = others | {field: translate(language, error.sentence, **error.values)}
            return
        self.problems = others
        await self._set_fields(row)
        await self._update_preview()

    @handler(Role.OPERATOR)
    async def set_scope(self, which: str) -> Any:
        """Set whether only this agent or all agents use the script."""
        return browser.call_handler(ScriptState.save, "agent_id", ANY if which == "all" else self._agent_id())

    @handler(Role.OPERATOR)
    async def switch(self, enabled: bool) -> None:
        """Switch the script on or off."""
        await call(self, scripts.set_enabled, self._id(), enabled=enabled)
        self.enabled = enabled

    @handler(Role.VIEWER)
    async def select_lead(self, lead_id: str) -> None:
        """Preview the text with the values of a lead."""
        self.lead = lead_id[:32]
        await self._update_preview()

    @handler(Role.VIEWER)
    async def preview_message(self, sample_message: str) -> None:
        """Preview whether the script applies to a message of the contact."""
        self.sample_message = sample_message[:1_000]
        await self._update_preview()

    def _versioned_rows(self) -> VersionedRows[Any, Any]:
        return scripts.SCRIPTS

    def _field_labels(self) -> dict[str, str]:
        return field_labels(SCRIPT_FORM)

    async def _describe(self, names: dict[str, str]) -> Callable[[str, Any], Any]:
        context = await view_context(self)

        def describe(field: str, value: Any) -> Any:
            if field == "condition":
                return sentence_case(describe_conditions(value, context, names))
            return describe_steps(value or [], context.known, context.language) if field == "steps" else value

        return describe

    def _restored_message(self) -> str:
        return "Version restored."

    def _version_line(self, version: ScriptVersion, language: str, zone: str) -> VersionLine:
        return replace(super()._version_line(version, language, zone), text=version.content["text"])

    def _agent_id(self) -> str:
        return agent_of(self.router.url.path)

    async def _load_form(self) -> None:
        row = await fetch(self, scripts.get, self._id())
        self.initial = {name: getattr(row, name) for name in ("title", "text", "examples", "quick_replies")}
        self.problems = {}
        await self._load_tree(row.condition)
        await self._load_steps(row.steps, self._facts)
        await self._set_fields(row)
        await self._update_preview()
        self._loads += 1
        self.script_key = f"{row.id}-{self._loads}"

    async def _set_fields(self, row: Script) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.title, self.kind, self.stage = row.title, row.kind.value, row.stage_id or ANY
        self.for_all, self.enabled = row.agent_id is None, row.enabled
        self._text, self._revision = row.text, row.revision
        clock = exact_time(language, row.updated_at, identity.time_zone)
        self.saved = translate(language, "Saved {when}", when=clock)
        await self._show_versions(await fetch(self, scripts.list_versions, row.id))
        untitled = translate(language, "New conversation")
        self.conversations = [
            Option(link_of(talk), talk.title or untitled) for talk in await fetch(self, _used_in, row.id)
        ]

    async def _update_preview(self) -> None:
        """Show the first mistake of the text and the preview."""
        language = (await current_user(self)).language
        text_problems = text_templates.problems(self._text, self._facts)
        others = {name: words for name, words in self.problems.items() if name != "text"}
        if text_problems:
            self.problems = others | {"text": text_templates.describe_problem(text_problems[0], language)}
        else:
            self.problems = others
        seen = await fetch(
            self,
            _preview_script,
            self._id(),
            agent_id=self._agent_id(),
            lead_id=self.lead,
            sample_message=self.sample_message,
        )
        self.preview, self.applies, self.why = seen.preview, seen.applies, seen.why
        self.proof, self.change = seen.proof, seen.change

    async def _save_tree(self, tree: Tree) -> None:
        await self._save_field("condition", tree)

    async def _save_steps(self, steps: list[dict[str, Any]]) -> None:
        await self._save_field("steps", steps)


def _lead_options(session: Transaction, who: Identity, script_id: str) -> tuple[list[Option], str]:
    """Return leads for the preview and the id of the first: the newest in the script's stage."""
    row = scripts.get(session, who, script_id)
    first_leads, _ = leads.list_leads(session, who, page_size=50)
    fits = leads.newest_in_stage(session, who, row.stage_id, limit=1) if row.stage_id else first_leads[:1]
    shown = {lead.id: lead.title for lead in (*fits, *first_leads)}
    return [Option(lead_id, title) for lead_id, title in shown.items()], fits[0].id if fits else NONE


def _used_in(session: Transaction, who: Identity, script_id: str) -> list[Conversation]:
    return conversations.some(session, who, scripts.conversations_using(session, who, script_id, limit=8))


def _preview_script(
    session: Transaction, who: Identity, script_id: str, *, agent_id: str, lead_id: str, sample_message: str
) -> _ScriptPreview:
    """Return the preview of a script as a reply to a lead would decide it."""
    agent, row = agents.get(session, who, agent_id), scripts.get(session, who, script_id)
    facts = fact_snapshots.lead_facts(session, who.tenant_id, lead_id, NamedValue(agent.id, agent.name))
    facts = replace(facts, values={**facts.values, script_selection.MESSAGE_TEXT: sample_message})
    own = fact_snapshots.fact_catalogue(session, who.tenant_id)
    decision = script_selection.decide(
        row, replace(facts, names=fact_snapshots.entity_names(session, who.tenant_id)), own, now()
    )
    context = ViewContext(who.language, who.time_zone, own)
    try:
        preview = "" if text_templates.problems(row.text, own) else text_templates.render(row.text, facts)
    except Invalid as error:
        preview = translate(who.language, error.sentence, **error.values)
    why = translate(who.language, decision.why, expected=decision.expected, actual=decision.actual)
    change = [describe_change(change, context) for change in decision.change]
    return _ScriptPreview(preview, decision.applied, why, proof_lines(decision.proof, context), change)

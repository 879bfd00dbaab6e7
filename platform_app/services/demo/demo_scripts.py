"""Demo scripts: the scripts of the demo's agent, their use by its replies, and the progress of the guided one."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from platform_app import fact_snapshots
from platform_app.automation import guided_steps
from platform_app.automation.facts import Catalogue
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.demo import Shop, ShopConversation, ShopScript
from platform_app.llm import prompts
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity
from platform_app.models.script import Script, ScriptProgress, ScriptUse
from platform_app.services.demo.demo_crm import DemoCrm, resolve_fact
from platform_app.services.scripts import guided_scripts, script_selection, scripts
from platform_app.services.scripts.script_selection import ScriptDecision


@dataclass
class DemoScripts:
    """The demo's scripts, and the catalogue and names needed to evaluate them."""

    rows: list[Script]
    own: Catalogue
    names: dict[str, str]

    def guided(self, title: str) -> Script:
        """Return the guided script with this title."""
        return next(row for row in self.rows if row.title == title)


def write(
    session: Transaction,
    who: Identity,
    told: Shop,
    made: DemoCrm,
    *,
    agent_id: str,
    began: datetime,
    improved: datetime,
) -> DemoScripts:
    """Write the agent's scripts, created at `began` and changed at `improved`."""
    rows = [_script(session, who, script, made, agent_id=agent_id) for script in told.scripts]
    for row, script in zip(rows, told.scripts, strict=True):
        row.created_at, row.updated_at = began, improved if script.first_text else began
    session.flush()
    for row in rows:
        for version in scripts.list_versions(session, who, row.id):
            version.created_at = improved
    return DemoScripts(
        rows, fact_snapshots.fact_catalogue(session, who.tenant_id), fact_snapshots.entity_names(session, who.tenant_id)
    )


def _script(session: Transaction, who: Identity, told: ShopScript, made: DemoCrm, *, agent_id: str) -> Script:
    stage_id = None if told.stage is None else list(made.stages)[told.stage]
    fields: dict[str, Any] = {"kind": told.kind, "text": told.first_text or told.text, "examples": told.examples}
    fields |= {"condition": told.condition, "steps": _steps(told, made), "stage_id": stage_id}
    row = scripts.create(session, who, title=told.title, agent_id=agent_id, **fields)
    if told.first_text:
        scripts.save(session, who, row.id, {"text": told.text}, revision=row.revision)
    return row


def _steps(told: ShopScript, made: DemoCrm) -> list[dict[str, Any]]:
    return [
        step | {"fields": [asked | {"fact": resolve_fact(made, asked["fact"])} for asked in step["fields"]]}
        for step in told.steps
    ]


def decide_all(
    session: Transaction, held: DemoScripts, talk: Conversation, *, agent: str, said: str
) -> list[ScriptDecision]:
    """Return the decision on each script for a message, as the reply's trace stores it."""
    facts, _ = fact_snapshots.conversation_facts(session, talk, agent, said)
    facts = replace(facts, names=held.names)
    return [script_selection.decide(row, facts, held.own, now()) for row in held.rows]


def usage_rows(decisions: list[ScriptDecision], talk: Conversation, message_id: str, at: datetime) -> list[ScriptUse]:
    """Return the rows that record which scripts a reply used."""
    return [
        ScriptUse(
            tenant_id=talk.tenant_id,
            script_id=decision.script_id,
            message_id=message_id,
            conversation_id=talk.id,
            created_at=at,
        )
        for decision in decisions
        if decision.used
    ]


def guided_progress(
    held: DemoScripts, told: ShopConversation, made: DemoCrm
) -> tuple[ScriptProgress, list[guided_scripts.GuidedProgress]]:
    """Return a conversation's final progress in the guided script, and the progress at each reply."""
    row = held.guided(told.guided)
    steps, words = guided_steps.parse_steps(row.steps), {name: fact.label for name, fact in held.own.items()}
    given: dict[str, str] = {}
    stood = []
    for turn in told.told:
        given = given | {resolve_fact(made, name): value for name, value in turn.items()}
        stood.append(guided_scripts.GuidedProgress(row.id, row.title, steps, given=given, labels=words))
    progress = ScriptProgress(tenant_id=row.tenant_id, script_id=row.id, conversation_id="", values=given)
    progress.asked = [missing.fact for missing in stood[-1].position.missing]
    return progress, stood


def add_to_prompt(
    facts: prompts.PromptContext, decisions: list[ScriptDecision], guidance: guided_scripts.GuidedProgress | None
) -> None:
    """Add the scripts that applied to the facts of the prompt."""
    facts.scripts = script_selection.offer_scripts(decisions)
    if guidance is not None:
        facts.guided = guidance.for_prompt(facts.platform_language)
        guided = next(decision for decision in decisions if decision.script_id == guidance.script_id)
        script_selection.offer_guided(guided, facts.guided, len(facts.scripts))

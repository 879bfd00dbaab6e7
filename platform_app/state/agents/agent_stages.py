"""Agent stages: where an agent works, what it is told there, and which fields it may see."""

from dataclasses import dataclass
from typing import Any

from platform_app import fact_snapshots
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.agent import AgentSettings
from platform_app.models.person import Identity
from platform_app.services.crm import pipelines


@dataclass
class StageLine:
    """A stage, whether the agent works in it, and what it is told there."""

    id: str
    pipeline: str
    name: str
    selected: bool
    text: str


@dataclass
class SeenField:
    """A field of contacts or leads, and whether the agent may see it."""

    name: str
    words: str
    selected: bool


def pipeline_lines(
    session: Transaction, who: Identity, own: AgentSettings, language: str
) -> tuple[list[StageLine], list[SeenField]]:
    """Return every stage of the tenant and every field, as the agent's settings have them."""
    stages = [
        StageLine(s.id, pipeline.name, s.name, s.id in own.stages, own.stage_instructions.get(s.id, ""))
        for pipeline, found in pipelines.list_pipelines(session, who)
        for s in found
    ]
    seen = [
        SeenField(name, fact.label if fact.is_custom else translate(language, fact.label), name in own.seen_fields)
        for name, fact in fact_snapshots.fact_catalogue(session, who.tenant_id).items()
        if name.startswith(("contact.", "lead."))
    ]
    return stages, seen


def names_of(session: Transaction, who: Identity) -> dict[str, str]:
    """Return the names of what settings hold by id."""
    return fact_snapshots.entity_names(session, who.tenant_id)


def worded(value: Any, names: dict[str, str]) -> str:
    """Return a setting as people read it, with names for ids."""
    if isinstance(value, list):
        return ", ".join(names.get(str(one), str(one)) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{names.get(key, key)}: {text}" for key, text in value.items())
    return str(value)

"""Agent stages: the pipeline stages an agent works in, its instructions there, and the fields it may see."""

from dataclasses import dataclass

from platform_app import fact_snapshots
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.agent import AgentSettings
from platform_app.models.person import Identity
from platform_app.services.crm import pipelines


@dataclass
class AgentStageLine:
    """A stage, whether the agent works in it, and the extra instructions there."""

    id: str
    pipeline: str
    name: str
    selected: bool
    text: str


@dataclass
class VisibleField:
    """A field of contacts or leads, and whether the agent may see it."""

    name: str
    words: str
    selected: bool


def stages_and_fields(
    session: Transaction, who: Identity, own: AgentSettings, language: str
) -> tuple[list[AgentStageLine], list[VisibleField]]:
    """Return all stages and all contact and lead fields of the tenant with the agent's settings for them."""
    stages = [
        AgentStageLine(s.id, pipeline.name, s.name, s.id in own.stages, own.stage_instructions.get(s.id, ""))
        for pipeline, listed in pipelines.list_pipelines(session, who)
        for s in listed
    ]
    visible_fields = [
        VisibleField(name, fact.label if fact.is_custom else translate(language, fact.label), name in own.seen_fields)
        for name, fact in fact_snapshots.fact_catalogue(session, who.tenant_id).items()
        if name.startswith(("contact.", "lead."))
    ]
    return stages, visible_fields

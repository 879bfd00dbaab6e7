"""Choices: what a tenant has, to be chosen from in lists."""

from platform_app.db import Transaction
from platform_app.models.person import Identity
from platform_app.services.agents import agent_list
from platform_app.services.crm import pipelines
from platform_app.state.chat.chat_view import Choice


def agent_choices(session: Transaction, who: Identity) -> list[Choice]:
    """Return the tenant's agents by name."""
    rows, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    return [Choice(row.id, row.name) for row in rows]


def stage_choices(session: Transaction, who: Identity) -> list[Choice]:
    """Return the tenant's stages, each with its pipeline."""
    return [
        Choice(stage.id, f"{pipeline.name} · {stage.name}")
        for pipeline, stages in pipelines.of_tenant(session, who)
        for stage in stages
    ]

"""Option lists: the options of select fields, with the lists that several pages offer."""

from dataclasses import dataclass

from platform_app.db import Transaction
from platform_app.models.person import Identity
from platform_app.services.agents import agent_list
from platform_app.services.chat import message_templates
from platform_app.services.crm import pipelines


@dataclass
class Option:
    """One option of a select field: the value that is stored and the name that is shown."""

    id: str
    name: str


def agent_options(session: Transaction, who: Identity) -> list[Option]:
    """Return at most 500 agents of the tenant, ordered by name."""
    rows, _ = agent_list.list_agents(session, who, sort="name", descending=False, page_size=500)
    return [Option(row.id, row.name) for row in rows]


def template_options(session: Transaction, who: Identity) -> list[Option]:
    """Return the templates of channel accounts that can be sent, each once, named "name · language"."""
    rows = {message_templates.key_of(row): row for row in message_templates.list_usable(session, who.tenant_id)}
    return [Option(key, f"{row.name} · {row.language}") for key, row in rows.items()]


def stage_options(session: Transaction, who: Identity) -> list[Option]:
    """Return all stages of the tenant in the order of their pipelines, named "pipeline · stage"."""
    return [
        Option(stage.id, f"{pipeline.name} · {stage.name}")
        for pipeline, stages in pipelines.list_pipelines(session, who)
        for stage in stages
    ]

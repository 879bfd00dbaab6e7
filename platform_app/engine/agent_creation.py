"""Agent creation: creates an agent from a template, with its scripts, its rule and its sequence."""

from platform_app.agent_templates import CODES, agent_template
from platform_app.db import Transaction
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.errors import Invalid
from platform_app.models.agent import Agent
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.scripts import scripts


def create_from_template(session: Transaction, who: Identity, code: str, *, language: str) -> Agent:
    """Create an agent as a draft, with its scripts; its rule and sequence are drafts too, switched off.

    Raises Invalid if the template is unknown, LimitReached if scripts, rules or sequences would be too many.
    """
    if code not in CODES:
        raise Invalid("This value isn’t allowed.")
    template = agent_template(code, language)
    agent = agents.create(session, who, template.settings)
    for script in template.scripts:
        scripts.create(session, who, agent_id=agent.id, **script.model_dump())
    if template.rule:
        rules.DEFINITIONS.create(session, who, name=template.rule.name, agent_id=agent.id, draft=template.rule.draft)
    if template.sequence:
        sequences.DEFINITIONS.create(
            session, who, name=template.sequence.name, agent_id=agent.id, draft=template.sequence.draft
        )
    return agent

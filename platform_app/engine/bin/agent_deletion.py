"""Agent deletion: deletes and restores an agent together with its rules, sequences and scripts."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.engine.rules import rules
from platform_app.engine.sequences import sequences
from platform_app.models.agent import Agent
from platform_app.models.bin import BinKind
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity
from platform_app.services.agents import agents
from platform_app.services.bin import bin_entries
from platform_app.services.scripts import scripts
from platform_app.services.versions.deletable_rows import DeletableRows

_OWN: dict[BinKind, DeletableRows[Any]] = {
    BinKind.RULE: rules.DEFINITIONS,
    BinKind.SEQUENCE: sequences.DEFINITIONS,
    BinKind.SCRIPT: scripts.SCRIPTS,
}


@dataclass
class AgentContents:
    """What an agent has: what is deleted with it, what goes when it is gone for good, and what loses its agent."""

    name: str
    counts: dict[BinKind, int] = field(default_factory=dict)
    conversations: int = 0  # they stay until the agent is deleted for good
    accounts: list[str] = field(default_factory=list)  # names of channel accounts on which it answers


def contents(session: Transaction, who: Identity, agent_id: str) -> AgentContents:
    """Return what an agent has. Raises NotFound if there is no such agent."""
    agent = agents.get(session, who, agent_id)
    found = AgentContents(agent.name)
    for kind, rows in _OWN.items():
        found.counts[kind] = _count(session, _of_agent(rows.model, who.tenant_id, agent.id))
    talks = owned(Conversation, who.tenant_id).where(Conversation.agent_id == agent.id)
    found.conversations = _count(session, talks.where(col(Conversation.deleted_at).is_(None)))
    accounts = session.exec(_of_agent(ChannelAccount, who.tenant_id, agent.id)).all()
    found.accounts = sorted(row.name for row in accounts)
    return found


def _of_agent(model: Any, tenant_id: str, agent_id: str) -> Any:
    return owned(model, tenant_id).where(model.agent_id == agent_id, model.deleted_at.is_(None))


def _count(session: Transaction, query: Any) -> int:
    return int(session.exec(query.with_only_columns(func.count())).one())


def delete(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Delete an agent with its rules, sequences and scripts; `restore` brings all of them back.

    Its conversations stay, and channel accounts stay bound to it. Raises NotFound if there is no such agent.
    """
    agent = agents.delete(session, who, agent_id)
    for rows in _OWN.values():
        query = _of_agent(rows.model, who.tenant_id, agent.id)
        for row in session.exec(query.order_by(rows.model.position, rows.model.id)).all():
            rows.delete(session, who, row.id, with_id=agent.id)
    return agent


def restore(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Restore an agent with what was deleted with it.

    Raises NotFound if there is no such deleted agent, LimitReached if its rules, sequences or scripts would be too
    many.
    """
    agent = agents.restore(session, who, agent_id)
    for entry in bin_entries.entries_with(session, who.tenant_id, agent.id):
        _OWN[entry.kind].restore(session, who, entry.row_id)
    return agent

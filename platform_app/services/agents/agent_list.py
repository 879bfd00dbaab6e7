"""Agent list: a tenant's agents with search, filter, order and pages."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent
from platform_app.models.conversation import Conversation
from platform_app.models.person import Identity

SORT_KEYS = {"name", "status", "updated", "conversations"}


@dataclass
class AgentRow:
    """A row of the list of agents."""

    id: str
    name: str
    active: bool
    status: str  # "active", "inactive" or "draft"
    model: str
    published_number: int
    changed: bool
    conversations: int
    updated_at: datetime


def status_of(agent: Agent) -> str:
    """Return "active", "inactive" or "draft" (never published)."""
    return _status(agent.active, agent.published_number)


def _status(active: bool, published_number: int) -> str:
    if not published_number:
        return "draft"
    return "active" if active else "inactive"


def list_agents(
    session: Transaction,
    who: Identity,
    *,
    search: str = "",
    status: str = "",
    sort: str = "updated",
    descending: bool = True,
    page: int = 1,
    page_size: int = 25,
) -> tuple[list[AgentRow], int]:
    """Return one page of agents and the number of all matching ones. `sort` is one of SORT_KEYS."""
    rows = [row for row in _rows(session, who, search) if status in ("", row.status)]
    keys: dict[str, Callable[[AgentRow], Any]] = {
        "name": lambda row: row.name.casefold(),
        "status": lambda row: row.status,
        "updated": lambda row: row.updated_at,
        "conversations": lambda row: row.conversations,
    }
    rows.sort(key=lambda row: (row.name.casefold(), row.id))
    rows.sort(key=keys[sort if sort in SORT_KEYS else "updated"], reverse=descending)
    start = max(page - 1, 0) * page_size
    shown = rows[start : start + page_size]
    drafts = owned(Agent, who.tenant_id).where(col(Agent.id).in_([row.id for row in shown]))
    models = {agent: draft.get("model", "") for agent, draft in session.execute(_only(drafts, "id", "draft")).all()}
    for row in shown:
        row.model = str(models[row.id])
    return shown, len(rows)


def _only(query: Any, *columns: str) -> Any:
    return query.with_only_columns(*(getattr(Agent, column) for column in columns))


def _rows(session: Transaction, who: Identity, search: str) -> list[AgentRow]:
    """Return the agents whose names contain the search text, without models.

    SQLite's LIKE ignores case in ASCII only.
    """
    counted = (
        owned(Conversation, who.tenant_id)
        .where(col(Conversation.deleted_at).is_(None), col(Conversation.is_live).is_(True))
        .with_only_columns(Conversation.agent_id, func.count())
        .group_by(Conversation.agent_id)
    )
    counts: dict[str, int] = {}
    for agent_id, count in session.execute(counted).all():
        counts[agent_id] = count
    query = owned(Agent, who.tenant_id).where(col(Agent.deleted_at).is_(None))
    columns = ("id", "name", "active", "published_number", "changed_since_publish", "updated_at")
    wanted = search.strip().casefold()
    return [
        AgentRow(
            id=agent.id,
            name=agent.name,
            active=agent.active,
            status=_status(agent.active, agent.published_number),
            model="",
            published_number=agent.published_number,
            changed=agent.changed_since_publish,
            conversations=counts.get(agent.id, 0),
            updated_at=agent.updated_at,
        )
        for agent in session.execute(_only(query, *columns)).all()
        if wanted in agent.name.casefold()
    ]

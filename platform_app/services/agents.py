"""Agents: drafts, publishing, history."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import func

from platform_app import bell
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.agent import Agent, AgentSettings, AgentVersion
from platform_app.models.conversation import Conversation
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services import activity

SORTS = {"name", "status", "updated", "conversations"}
_LIMITS = {
    "name": "The name needs 1 to 120 characters.",
    "temperature": "The temperature is a number from 0 to 2.",
    "max_tokens": "The number of tokens is from 128 to 8000.",
    "reply_delay_seconds": "The delay is from 0 to 86400 seconds.",
    "max_reply_chars": "The longest reply is from 100 to 10000 characters.",
    "instructions": "The instructions may have at most 40000 characters.",
    "no_answer_text": "This text may have at most 2000 characters.",
}


@dataclass
class AgentRow:
    """An agent as lists show it."""

    id: str
    name: str
    active: bool
    status: str  # active, inactive, draft
    model: str
    published_number: int
    changed: bool
    conversations: int
    updated_at: datetime


def validated(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values that fit, and the problems of the rest by field. Unknown fields are left out."""
    good: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field, value in changes.items():
        if field not in AgentSettings.model_fields:
            continue
        try:
            whole = AgentSettings.model_validate({"name": "x", field: value})
            good[field] = whole.model_dump(mode="json")[field]
        except ValidationError:
            problems[field] = _LIMITS.get(field, "This value cannot be taken.")
    return good, problems


def create(session: Transaction, who: Identity, settings: dict[str, Any]) -> Agent:
    """Write a new agent as a draft, inactive."""
    good, problems = validated(settings)
    if problems or not good.get("name"):
        field = next(iter(problems), "name")
        raise Invalid(problems.get(field, _LIMITS["name"]), field=field)
    full = AgentSettings.model_validate(good)
    agent = Agent(tenant_id=who.tenant_id, name=full.name, draft=full.model_dump(mode="json"))
    session.add(agent)
    session.flush()
    _record(session, who, agent, "Agent “{name}” created")
    return agent


def _record(session: Transaction, who: Identity, agent: Agent, sentence: str) -> None:
    activity.record(
        session,
        who.tenant_id,
        ActivityKind.AGENT,
        sentence,
        actor=who.name,
        user_id=who.user_id,
        agent_id=agent.id,
        link=f"/agents/{agent.id}",
        name=agent.name,
    )
    _announce(session, agent)


def _announce(session: Transaction, agent: Agent) -> None:
    tenant_id, agent_id = agent.tenant_id, agent.id
    session.after_commit.append(lambda: bell.announce(tenant_id, "agent", agent_id))


def status_of(agent: Agent) -> str:
    """Return active, inactive or draft (never published)."""
    if agent.published_id is None:
        return "draft"
    return "active" if agent.active else "inactive"


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
    """Return one page of agents and how many fit. `sort` is one of SORTS."""
    agents = session.exec(owned(Agent, who.tenant_id).where(Agent.deleted_at.is_(None))).all()  # type: ignore[union-attr]
    counted = (
        owned(Conversation, who.tenant_id)
        .where(Conversation.deleted_at.is_(None))  # type: ignore[union-attr]
        .with_only_columns(Conversation.agent_id, func.count())
        .group_by(Conversation.agent_id)
    )
    counts = dict(session.execute(counted).tuples().all())
    wanted = search.strip().casefold()
    rows = [
        AgentRow(
            id=agent.id,
            name=agent.name,
            active=agent.active,
            status=status_of(agent),
            model=str(agent.draft.get("model", "")),
            published_number=agent.published_number,
            changed=agent.changed_since_publish,
            conversations=counts.get(agent.id, 0),
            updated_at=agent.draft_saved_at,
        )
        for agent in agents
        if wanted in agent.name.casefold()
    ]
    rows = [row for row in rows if status in ("", row.status)]
    keys: dict[str, Any] = {
        "name": lambda row: row.name.casefold(),
        "status": lambda row: row.status,
        "updated": lambda row: row.updated_at,
        "conversations": lambda row: row.conversations,
    }
    rows.sort(key=keys[sort if sort in SORTS else "updated"], reverse=descending)
    return rows[(page - 1) * page_size : page * page_size], len(rows)


def get(session: Transaction, who: Identity, agent_id: str, *, lock: bool = False) -> Agent:
    """Return an agent that is not deleted."""
    query = owned(Agent, who.tenant_id).where(Agent.id == agent_id)
    agent: Agent | None = session.exec(query.with_for_update() if lock else query).first()
    if agent is None or agent.deleted_at is not None:
        raise NotFound("There is no such agent.")
    return agent


def save_draft(
    session: Transaction, who: Identity, agent_id: str, changes: dict[str, Any], *, revision: int
) -> tuple[int, dict[str, str]]:
    """Save the fields that fit; return the new revision and the problems of the others by field.

    Raises Conflict when somebody else saved since `revision`.
    """
    agent = get(session, who, agent_id, lock=True)
    if agent.revision != revision:
        raise Conflict("Somebody else changed this agent meanwhile.")
    good, problems = validated(changes)
    if good:
        agent.draft = agent.draft | good
        agent.name = agent.draft["name"]
        agent.draft_saved_at = now()
        agent.revision += 1
        agent.changed_since_publish = True
        _announce(session, agent)
    return agent.revision, problems


def publish(session: Transaction, who: Identity, agent_id: str) -> AgentVersion:
    """Make the draft the version that talks to contacts."""
    agent = get(session, who, agent_id, lock=True)
    settings = AgentSettings.model_validate(agent.draft)
    version = AgentVersion(
        tenant_id=who.tenant_id,
        agent_id=agent.id,
        number=agent.published_number + 1,
        settings=settings.model_dump(mode="json"),
        author_name=who.name,
    )
    session.add(version)
    session.flush()
    agent.published_id, agent.published_number = version.id, version.number
    agent.changed_since_publish = False
    agent.revision += 1
    _record(session, who, agent, "Agent “{name}” published")
    return version


def versions(session: Transaction, who: Identity, agent_id: str) -> list[AgentVersion]:
    """Return the published versions of an agent, newest first."""
    agent = get(session, who, agent_id)
    query = owned(AgentVersion, who.tenant_id).where(AgentVersion.agent_id == agent.id)
    return list(session.exec(query.order_by(AgentVersion.number.desc())).all())  # type: ignore[attr-defined]


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str, list[str]]]:
    """Return what changed between two states of settings: field, before, after, and changed lines of long texts."""
    changed = []
    for field in AgentSettings.model_fields:
        old, new = before.get(field), after.get(field)
        if old == new:
            continue
        lines = [
            line
            for line in difflib.unified_diff(str(old or "").splitlines(), str(new or "").splitlines(), lineterm="", n=1)
            if not line.startswith(("---", "+++", "@@"))
        ]
        changed.append((field, str(old), str(new), lines if field == "instructions" else []))
    return changed


def restore(session: Transaction, who: Identity, agent_id: str, version_id: str) -> Agent:
    """Put an older version into the draft; nothing is published by it."""
    agent = get(session, who, agent_id, lock=True)
    query = owned(AgentVersion, who.tenant_id).where(AgentVersion.id == version_id, AgentVersion.agent_id == agent.id)
    version = session.exec(query).first()
    if version is None:
        raise NotFound("There is no such version.")
    agent.draft = dict(version.settings)
    agent.name = version.settings["name"]
    agent.revision += 1
    agent.draft_saved_at = now()
    agent.changed_since_publish = version.id != agent.published_id
    _announce(session, agent)
    return agent


def set_active(session: Transaction, who: Identity, agent_id: str, *, active: bool) -> Agent:
    """Switch an agent on or off; it has to be published first."""
    agent = get(session, who, agent_id, lock=True)
    if active and agent.published_id is None:
        raise Conflict("Publish the agent first.")
    agent.active = active
    _record(session, who, agent, "Agent “{name}” switched on" if active else "Agent “{name}” switched off")
    return agent


def duplicate(session: Transaction, who: Identity, agent_id: str, suffix: str) -> Agent:
    """Write a copy as a new draft."""
    agent = get(session, who, agent_id)
    return create(session, who, agent.draft | {"name": f"{agent.name[: 119 - len(suffix)]} {suffix}"})


def delete(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Take an agent away; it can be brought back."""
    agent = get(session, who, agent_id, lock=True)
    agent.deleted_at = now()
    _record(session, who, agent, "Agent “{name}” deleted")
    return agent


def restore_deleted(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Bring a deleted agent back with all it had."""
    agent: Agent | None = session.exec(owned(Agent, who.tenant_id).where(Agent.id == agent_id)).first()
    if agent is None or agent.deleted_at is None:
        raise NotFound("There is no such agent.")
    agent.deleted_at = None
    _announce(session, agent)
    return agent


def effective(session: Transaction, tenant_id: str, agent_id: str, *, draft: bool) -> tuple[AgentSettings, int]:
    """Return the settings that a reply obeys and their version's number; 0 is the draft."""
    agent: Agent | None = session.exec(owned(Agent, tenant_id).where(Agent.id == agent_id)).first()
    if agent is None or agent.deleted_at is not None:
        raise NotFound("There is no such agent.")
    if draft or agent.published_id is None:
        return AgentSettings.model_validate(agent.draft), 0
    version = session.exec(owned(AgentVersion, tenant_id).where(AgentVersion.id == agent.published_id)).one()
    return AgentSettings.model_validate(version.settings), version.number

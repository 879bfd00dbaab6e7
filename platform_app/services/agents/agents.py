"""Agents: create, change, publish, switch, delete and restore agents, with their versions."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.form_fields import WRONG_VALUE
from platform_app.i18n import translate
from platform_app.models.agent import AGENT_FORM, Agent, AgentSettings, AgentVersion
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.agents.agent_list import SORT_KEYS, AgentRow, list_agents, status_of
from platform_app.services.feed import activity
from platform_app.services.versions.published_rows import PublishedRows

__all__ = ["SORT_KEYS", "AgentRow", "list_agents", "status_of"]


def validate_settings(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the valid values, and the problems of the others by field. Unknown fields are left out."""
    good: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field, value in changes.items():
        if field not in AgentSettings.model_fields:
            continue
        try:
            whole = AgentSettings.model_validate({"name": "x", field: value})
        except ValidationError:
            problems[field] = AGENT_FORM[field].problem
            continue
        kept = whole.model_dump(mode="json")[field]
        if isinstance(kept, str) and "\x00" in kept:  # PostgreSQL cannot store it
            problems[field] = WRONG_VALUE
        else:
            good[field] = kept
    return good, problems


def create(session: Transaction, who: Identity, settings: dict[str, Any]) -> Agent:
    """Create an agent as an inactive draft. Raises Invalid with the field's name for the first wrong value."""
    good, problems = validate_settings(settings)
    if problems or not good.get("name"):
        field = next(iter(problems), "name")
        raise Invalid(problems.get(field, AGENT_FORM["name"].problem), field=field)
    full = AgentSettings.model_validate(good)
    draft = full.model_dump(mode="json")
    agent = Agent(tenant_id=who.tenant_id, name=full.name, draft=draft, updated_by=who.name)
    session.add(agent)
    session.flush()
    _record(session, who, agent, "Agent “{name}” created")
    return agent


def _record(session: Transaction, who: Identity, agent: Agent, sentence: str) -> None:
    activity.record_by(
        session,
        who,
        ActivityKind.AGENT,
        sentence,
        agent_id=agent.id,
        link=f"/agents/{agent.id}",
        name=agent.name,
    )
    _publish_change(session, agent)


def _publish_change(session: Transaction, agent: Agent) -> None:
    tenant_id, agent_id = agent.tenant_id, agent.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "agent", agent_id))


@dataclass(frozen=True, kw_only=True)
class _AgentRows(PublishedRows[Agent, AgentVersion]):
    """Agents, whose draft and versions are settings."""

    def normalize(self, content: dict[str, Any]) -> dict[str, Any]:
        return AgentSettings.model_validate(content).model_dump(mode="json")

    def replace_state(self, session: Transaction, who: Identity, row: Agent, state: dict[str, Any]) -> None:
        super().replace_state(session, who, row, state)
        row.name, row.changed_since_publish = row.draft["name"], self.has_changes(row)
        _publish_change(session, row)

    def check_draft(self, session: Transaction, who: Identity, row: Agent) -> None:
        _, problems = validate_settings(row.draft)
        for field, problem in problems.items():
            raise Invalid(problem, field=field)

    def on_publish(self, session: Transaction, who: Identity, row: Agent) -> None:
        row.changed_since_publish = False


AGENTS: PublishedRows[Agent, AgentVersion] = _AgentRows(
    model=Agent, version=AgentVersion, parent="agent_id", missing="Agent not found. It may have been deleted."
)
get = AGENTS.get
list_versions = AGENTS.versions
compare_versions = AGENTS.compare_versions
restore_version = AGENTS.restore_version


def save_draft(
    session: Transaction, who: Identity, agent_id: str, changes: dict[str, Any], *, revision: int
) -> tuple[int, dict[str, str]]:
    """Save the valid fields of the draft; return the new revision and the problems of the others by field.

    Raises NotFound if there is no such agent, Conflict if the draft was changed since `revision`.
    """
    agent = AGENTS.get_for_update(session, who, agent_id, revision)
    good, problems = validate_settings(changes)
    if agent.draft | good != agent.draft:
        AGENTS.replace_state(session, who, agent, good)
    return agent.revision, problems


def publish(
    session: Transaction, who: Identity, agent_id: str, *, revision: int | None = None, switch_on: bool = False
) -> AgentVersion:
    """Publish the draft as a new version and return it; `switch_on` also switches the agent on.

    Raises Conflict if nothing has changed since the last version, or the draft was changed since `revision`, and
    Invalid if a setting is no longer valid.
    """
    version = AGENTS.publish(session, who, agent_id, revision=revision)
    agent = get(session, who, agent_id)
    is_switched_on = switch_on and not agent.active
    agent.active = agent.active or switch_on
    sentence = "Agent “{name}” published and turned on" if is_switched_on else "Agent “{name}” published"
    _record(session, who, agent, sentence)
    return version


def set_active(session: Transaction, who: Identity, agent_id: str, *, active: bool) -> Agent:
    """Switch an agent on or off. Raises Conflict if it is switched on before it was published."""
    agent = get(session, who, agent_id, lock=True)
    if active and not agent.published_number:
        raise Conflict("Publish the agent first.")
    if agent.active == active:
        return agent
    agent.active = active
    _record(session, who, agent, "Agent “{name}” turned on" if active else "Agent “{name}” turned off")
    return agent


def duplicate(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Create a copy of an agent's draft as a new agent."""
    agent = get(session, who, agent_id)
    room = 120 - len(translate(who.language, "{name} (copy)", name=""))
    name = translate(who.language, "{name} (copy)", name=agent.name[:room].strip())
    return create(session, who, agent.draft | {"name": name})


def delete(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Delete an agent; it can be restored. `engine.bin.agent_deletion` deletes what is its own with it."""
    agent = AGENTS.delete(session, who, agent_id)
    _record(session, who, agent, "Agent “{name}” deleted")
    return agent


def restore(session: Transaction, who: Identity, agent_id: str) -> Agent:
    """Restore a deleted agent with its settings. Raises NotFound if there is no such deleted agent."""
    agent = AGENTS.restore(session, who, agent_id)
    _publish_change(session, agent)
    return agent


def effective_settings(
    session: Transaction, tenant_id: str, agent_id: str, *, draft: bool
) -> tuple[AgentSettings, int]:
    """Return the settings for a reply and the version number, 0: draft. Raises NotFound if it is deleted."""
    agent: Agent | None = session.exec(owned(Agent, tenant_id).where(Agent.id == agent_id)).first()
    if agent is None or agent.deleted_at is not None:
        raise NotFound("Agent not found. It may have been deleted.")
    if draft or not agent.published_number:
        return AgentSettings.model_validate(agent.draft), 0
    return AgentSettings.model_validate(agent.published), agent.published_number

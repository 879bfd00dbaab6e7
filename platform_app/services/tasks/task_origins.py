"""Task origins: which rule, sequence or agent made a task, by the event of its creation."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.agent import Agent
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.models.rule import Rule, RuleRun
from platform_app.models.sequence import Enrollment, Sequence


class OriginKind(StrEnum):
    """The kind of what made a task."""

    RULE = "rule"
    SEQUENCE = "sequence"
    AGENT = "agent"
    MEMBER = "member"  # or an integration


@dataclass(frozen=True)
class TaskOrigin:
    """What made a task: its kind, its name or "", and the path of the page that tells why, below that of the tenant."""

    kind: OriginKind
    name: str
    link: str


def origins_of(session: Transaction, who: Identity, event_ids: set[str]) -> dict[str, TaskOrigin]:
    """Return what made tasks, by the id of the event of their creation."""
    events = _by_id(session, who, Event, event_ids)
    runs = _by_id(session, who, RuleRun, {event.run_id for event in events.values()})
    rules = _by_id(session, who, Rule, {run.rule_id for run in runs.values()})
    enrolled = _by_id(session, who, Enrollment, {event.origin_id for event in events.values() if not event.run_id})
    sequences = _by_id(session, who, Sequence, {row.sequence_id for row in enrolled.values()})
    agents = _by_id(session, who, Agent, {event.agent_id for event in events.values()})
    found = {}
    for event in events.values():
        origin = TaskOrigin(OriginKind.MEMBER, str(event.after.get("by", "")), f"/events/{event.id}")
        run, enrollment = runs.get(event.run_id or ""), enrolled.get(event.origin_id or "")
        if run is not None and run.rule_id in rules:
            origin = TaskOrigin(OriginKind.RULE, rules[run.rule_id].name, f"/rules/runs/{run.id}")
        elif enrollment is not None and enrollment.sequence_id in sequences:
            name = sequences[enrollment.sequence_id].name
            origin = TaskOrigin(OriginKind.SEQUENCE, name, f"/sequences/enrollments/{enrollment.id}")
        elif event.agent_id in agents:
            origin = TaskOrigin(OriginKind.AGENT, agents[event.agent_id].name, f"/events/{event.id}")
        found[event.id] = origin
    return found


def _by_id(session: Transaction, who: Identity, model: Any, ids: Iterable[str | None]) -> dict[str, Any]:
    wanted = {row_id for row_id in ids if row_id}
    if not wanted:
        return {}
    query = owned(model, who.tenant_id).where(col(model.id).in_(wanted))
    return {row.id: row for row in session.exec(query).all()}

"""Activity: what people and the platform did, newest first."""

from typing import Any

from platform_app import bell
from platform_app.db import Transaction, owned
from platform_app.models.event import Activity, ActivityKind
from platform_app.models.person import Identity


def record(
    session: Transaction,
    tenant_id: str,
    kind: ActivityKind,
    sentence: str,
    *,
    actor: str = "",
    user_id: str | None = None,
    agent_id: str | None = None,
    link: str = "",
    **values: Any,
) -> Activity:
    """Write an activity in this transaction; open dashboards hear of it after the commit.

    `sentence` is a message id with {places} for `values`; `link` is a path below /manage/{tenant}.
    """
    row = Activity(
        tenant_id=tenant_id,
        kind=kind,
        sentence=sentence,
        values=values,
        actor=actor,
        user_id=user_id,
        agent_id=agent_id,
        link=link,
    )
    session.add(row)
    session.after_commit.append(lambda: bell.announce(tenant_id, "activity", row.id))
    return row


def by(session: Transaction, who: Identity, kind: ActivityKind, sentence: str, **values: Any) -> Activity:
    """Write what this person did, as `record` does."""
    return record(session, who.tenant_id, kind, sentence, actor=who.name, user_id=who.user_id or None, **values)


def recent(
    session: Transaction, tenant_id: str, *, kind: str = "", agent_id: str = "", user_id: str = "", limit: int = 30
) -> list[Activity]:
    """Return the newest activities, filtered by kind, agent and person where given."""
    query = owned(Activity, tenant_id).order_by(Activity.at.desc(), Activity.id.desc()).limit(limit)  # type: ignore[attr-defined]
    if kind:
        query = query.where(Activity.kind == kind)
    if agent_id:
        query = query.where(Activity.agent_id == agent_id)
    if user_id:
        query = query.where(Activity.user_id == user_id)
    return list(session.exec(query).all())

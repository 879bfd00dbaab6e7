"""Checklist: the first steps of a new company, each done once the database holds what it creates."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app.bounded_count import count_each
from platform_app.db import Transaction, owned, unscoped
from platform_app.errors import Forbidden
from platform_app.models.agent import Agent, Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation
from platform_app.models.invitation import Invitation
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity, Member, Role, Tenant

ADMIN_STEPS = ("channel", "invite")  # an operator is not shown what only an admin may do


@dataclass(frozen=True)
class ChecklistStep:
    """A step: its kind, whether it is done, and the path on which it is begun, below the tenant's."""

    kind: str
    is_done: bool
    path: str


def list_steps(session: Transaction, who: Identity) -> list[ChecklistStep]:
    """Return the first steps of a member's company in order, [] where no checklist is shown.

    None is shown to viewers, in the demo tenant, once all is done, and after an admin has hidden it. Demo data counts
    as nothing done.
    """
    tenant: Tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
    if not who.role.includes(Role.OPERATOR) or tenant.is_demo or tenant.hides_checklist:
        return []
    agents = _agents(who)
    newest = session.exec(agents.order_by(col(Agent.created_at).desc()).limit(1)).first()
    queries = [
        _existing(Source, who),
        agents,
        _asked(who),
        _existing(ChannelAccount, who),
        _members(who),
        _invited(who),
    ]
    columns = (Source.id, Agent.id, Conversation.id, ChannelAccount.id, Member.id, Invitation.id)
    counts = count_each(session, [q.with_only_columns(c) for q, c in zip(queries, columns, strict=True)], 1)
    steps = [
        ChecklistStep("knowledge", counts[0] > 0, "/knowledge"),
        ChecklistStep("agent", counts[1] > 0, "/agents/new"),
        ChecklistStep("ask", counts[2] > 0, f"/test-chat?agent={newest.id}" if newest else "/test-chat"),
        ChecklistStep("channel", counts[3] > 0, "/settings/channels"),
        ChecklistStep("invite", counts[4] > 1 or counts[5] > 0, "/settings/members?invite=1"),
    ]
    allowed = [step for step in steps if who.role.includes(Role.ADMIN) or step.kind not in ADMIN_STEPS]
    return [] if all(step.is_done for step in allowed) else allowed


def hide(session: Transaction, who: Identity) -> None:
    """Hide the checklist of a company from all its members. Raises Forbidden unless an owner or admin does so."""
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().hides_checklist = True


def _existing(model: Any, who: Identity) -> Any:
    return owned(model, who.tenant_id).where(col(model.deleted_at).is_(None), col(model.is_demo).is_(False))


def _agents(who: Identity) -> Any:
    return _existing(Agent, who)


def _asked(who: Identity) -> Any:
    """Return the query of conversations in the test chat in which something was asked."""
    query = owned(Conversation, who.tenant_id).where(
        Conversation.channel == Channel.TEST, col(Conversation.is_demo).is_(False)
    )
    return query.where(Conversation.last_line != "")


def _members(who: Identity) -> Any:
    return owned(Member, who.tenant_id)


def _invited(who: Identity) -> Any:
    return owned(Invitation, who.tenant_id).where(col(Invitation.revoked_at).is_(None))

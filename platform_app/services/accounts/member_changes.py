"""Member changes: role, access, ownership and removal of the members of a tenant, by its owners and admins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.automation.availability import Availability
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, unscoped
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.events import emit
from platform_app.models.crm import Lead, Task
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import availability, sessions, two_factor_policy
from platform_app.services.feed import activity
from platform_app.services.notifications import notifications

MEMBERS_LINK = "/settings/members"


@dataclass(frozen=True)
class MemberView:
    """A member as the list shows one."""

    user_id: str
    name: str
    email: str
    role: Role
    is_disabled: bool
    seen_at: datetime | None
    joined_at: datetime
    two_factor: bool
    availability: Availability


def list_views(session: Transaction, who: Identity) -> list[MemberView]:
    """Return all members of the tenant, the disabled ones too, in the order they joined."""
    query = (
        owned(Member, who.tenant_id)
        .with_only_columns(Member, User)
        .join(User, User.id == Member.user_id)
        .order_by(Member.created_at, Member.id)
    )
    rows = list(session.execute(query))
    zone, at = availability.tenant_zone(session, who.tenant_id), now()
    enabled = two_factor_policy.enabled_users(session, [user.id for _, user in rows])
    return [
        MemberView(
            user_id=user.id,
            name=user.name,
            email=user.email,
            role=member.role,
            is_disabled=member.disabled_at is not None or user.disabled_at is not None,
            seen_at=member.seen_at,
            joined_at=member.created_at,
            two_factor=user.id in enabled,
            availability=availability.availability_of(member, zone, at),
        )
        for member, user in rows
    ]


def set_role(session: Transaction, who: Identity, user_id: str, role: Role) -> None:
    """Change a member's role.

    Raises Forbidden if either role exceeds that of `who`, Conflict if no owner would be left, and NotFound if there is
    no such member.
    """
    member, others = _locked(session, who, user_id)
    if not who.role.includes(role):
        raise Forbidden("Your role doesn’t allow this.")
    if member.role == role:
        return
    if role != Role.OWNER:
        _check_owner_stays(member, others)
    before, member.role = member.role, role
    after = {"role": role.value}
    _record(session, who, member, "Role of {name} changed", before={"role": before.value}, after=after)


def set_access(session: Transaction, who: Identity, user_id: str, *, allowed: bool) -> None:
    """Switch a member's access to this tenant off, which ends it at once, or on again."""
    member, others = _locked(session, who, user_id)
    _check_other(who, user_id)
    if allowed == (member.disabled_at is None):
        return
    if not allowed:
        _check_owner_stays(member, others)
    member.disabled_at = None if allowed else now()
    sentence = "{name} enabled" if allowed else "{name} disabled"
    _record(session, who, member, sentence, before={"access": not allowed}, after={"access": allowed})
    if not allowed:
        _end_sessions(session, member)


def hand_over(session: Transaction, who: Identity, user_id: str) -> None:
    """Make another member the owner in place of `who`, who becomes an admin.

    Raises Forbidden if `who` is not an owner, Conflict if the member is disabled or is `who`, NotFound if there is
    none.
    """
    if who.role != Role.OWNER:
        raise Forbidden("Only an owner can do this.")
    member, others = _locked(session, who, user_id)
    _check_other(who, user_id)
    own = next(one for one in others if one.user_id == who.user_id)
    if member.disabled_at is not None:
        raise Conflict("This member is disabled.")
    before, member.role, own.role = member.role, Role.OWNER, Role.ADMIN
    after = {"role": Role.OWNER.value, "from": who.user_id}
    _record(session, who, member, "Ownership transferred to {name}", before={"role": before.value}, after=after)


def remove(session: Transaction, who: Identity, user_id: str, *, successor_id: str = "") -> None:
    """Remove a member from the tenant; their leads and open tasks go to the successor, or to nobody.

    The user's account stays, with their other tenants. Raises NotFound if there is no such member or successor,
    Forbidden or Conflict if the member may not be removed.
    """
    member, others = _locked(session, who, user_id)
    _check_other(who, user_id)
    _check_owner_stays(member, others)
    if successor_id and successor_id not in {one.user_id for one in others if one.disabled_at is None}:
        raise NotFound("Member not found.")
    before, after = {"role": member.role.value}, {"successor_id": successor_id}
    _record(session, who, member, "{name} removed", kind=EventKind.MEMBER_REMOVED, before=before, after=after)
    for statement in _of_member(who, user_id):
        session.execute(statement.values(responsible_id=successor_id or None))
    notifications.delete_of_member(session, who.tenant_id, user_id)
    session.delete(member)
    session.flush()
    _end_sessions(session, member)


def count_assigned(session: Transaction, who: Identity, user_id: str) -> tuple[int, int]:
    """Return how many leads and how many open tasks are assigned to a member."""
    leads = owned(Lead, who.tenant_id).where(Lead.responsible_id == user_id, col(Lead.deleted_at).is_(None))
    is_open = (col(Task.done_at).is_(None), col(Task.deleted_at).is_(None))
    tasks = owned(Task, who.tenant_id).where(Task.responsible_id == user_id, *is_open)
    counts = [int(session.exec(query.with_only_columns(func.count())).one()) for query in (leads, tasks)]
    return counts[0], counts[1]


def _of_member(who: Identity, user_id: str) -> list[Any]:
    leads = owned_update(Lead, who.tenant_id).where(col(Lead.responsible_id) == user_id)
    tasks = owned_update(Task, who.tenant_id).where(col(Task.responsible_id) == user_id, col(Task.done_at).is_(None))
    return [leads, tasks]


def _locked(session: Transaction, who: Identity, user_id: str) -> tuple[Member, list[Member]]:
    """Return a member whom a person may change, and all others; every row of the tenant is locked."""
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Your role doesn’t allow this.")
    rows = list(session.exec(owned(Member, who.tenant_id).order_by(Member.id).with_for_update()).all())
    member = next((row for row in rows if row.user_id == user_id), None)
    if member is None:
        raise NotFound("Member not found.")
    if not who.role.includes(member.role):
        raise Forbidden("Only an owner can change an owner.")
    return member, [row for row in rows if row is not member]


def _check_other(who: Identity, user_id: str) -> None:
    if user_id == who.user_id:
        raise Conflict("You can’t do this to yourself. Ask another owner or admin.")


def _check_owner_stays(member: Member, others: list[Member]) -> None:
    if member.role == Role.OWNER and not any(one.role == Role.OWNER and one.disabled_at is None for one in others):
        raise Conflict("A company needs an owner. Make someone else an owner first.")


def _end_sessions(session: Transaction, member: Member) -> None:
    """End the sessions of a user after the commit, unless they are a member of another tenant."""
    user_id = member.user_id
    session.after_commit.append(lambda: sessions.end_without_tenant(user_id))


def _record(
    session: Transaction,
    who: Identity,
    member: Member,
    sentence: str,
    *,
    kind: EventKind = EventKind.MEMBER_CHANGED,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    """Write what became of a member as event and activity, and let open pages look again."""
    name = session.exec(unscoped(User).where(User.id == member.user_id)).one().name
    whom = {"user_id": member.user_id, "name": name}
    event = emit(session, who.tenant_id, kind, before=before, after=after | whom)
    told = activity.record_by(session, who, ActivityKind.PERSON, sentence, link=MEMBERS_LINK, name=name)
    told.event_id = event.id
    tenant_id, user_id = who.tenant_id, member.user_id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "member", user_id))

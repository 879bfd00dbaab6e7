"""Availability: what members say of their presence and working hours, and who can be assigned conversations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError
from sqlmodel import col

from platform_app import notifier
from platform_app.automation.availability import Availability, Presence, WorkingHours, availability_at, parse_hours
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, session_scope
from platform_app.models.person import Identity, Member, Tenant


@dataclass(frozen=True)
class OwnAvailability:
    """What a member said: whether they are away, and their hours."""

    is_away: bool
    hours: WorkingHours


def get_own(session: Transaction, who: Identity) -> OwnAvailability:
    """Return what the acting member said."""
    member = _own(session, who)
    return OwnAvailability(member.is_away, read_hours(member))


def set_away(session: Transaction, who: Identity, away: bool) -> None:
    """Store that the acting member is away, or online again."""
    member = _own(session, who)
    member.is_away = away
    _publish(session, who)


def save_hours(session: Transaction, who: Identity, data: dict[str, Any]) -> WorkingHours:
    """Store the working hours of the acting member and return them.

    `data` is that of a WorkingHours. Raises Invalid as `parse_hours` does.
    """
    hours = parse_hours(data)
    member = _own(session, who)
    member.working_hours = hours.model_dump(mode="json")
    _publish(session, who)
    return hours


def read_hours(member: Member) -> WorkingHours:
    """Return the working hours of a member; what cannot be read counts as none."""
    try:
        return WorkingHours.model_validate(member.working_hours)
    except ValidationError:
        return WorkingHours()


def availability_of(member: Member, tenant_zone: str, at: datetime) -> Availability:
    """Return whether a member is available at a moment, or why not."""
    return availability_at(Presence(member.is_away, read_hours(member), member.seen_at), tenant_zone, at)


def list_availability(session: Transaction, who: Identity) -> dict[str, Availability]:
    """Return the availability of every member with access to the tenant now, by user id."""
    rows = session.exec(owned(Member, who.tenant_id).where(col(Member.disabled_at).is_(None))).all()
    zone, at = tenant_zone(session, who.tenant_id), now()
    return {row.user_id: availability_of(row, zone, at) for row in rows}


def tenant_zone(session: Transaction, tenant_id: str) -> str:
    """Return the time zone of a tenant."""
    tenant = session.get(Tenant, tenant_id)
    assert tenant is not None
    return tenant.time_zone


def note_present(members: Iterable[tuple[str, str]]) -> None:
    """Store that these members, by tenant and user, have a page open now."""
    by_tenant: dict[str, list[str]] = {}
    for tenant_id, user_id in members:
        by_tenant.setdefault(tenant_id, []).append(user_id)
    for tenant_id, user_ids in by_tenant.items():
        with session_scope(tenant_id) as session:
            present = owned_update(Member, tenant_id).where(
                col(Member.user_id).in_(user_ids), col(Member.disabled_at).is_(None)
            )
            session.execute(present.values(seen_at=now()))


def _own(session: Transaction, who: Identity) -> Member:
    member: Member = session.exec(owned(Member, who.tenant_id).where(Member.user_id == who.user_id)).one()
    return member


def _publish(session: Transaction, who: Identity) -> None:
    session.after_commit.append(partial(notifier.publish, who.tenant_id, "member", who.user_id))

"""Two-factor policy: whether a tenant requires a second factor of its members."""

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, unscoped
from platform_app.errors import Conflict, Forbidden
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role, Tenant
from platform_app.models.second_factor import SecondFactor
from platform_app.services.accounts import members
from platform_app.services.feed import activity

REQUIRED = "This company requires two-factor authentication. Set it up first."
SECURITY_LINK = "/settings/security"


def is_required(session: Transaction, who: Identity) -> bool:
    """Return whether the tenant requires a second factor."""
    return bool(session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one().require_two_factor)


def set_required(session: Transaction, who: Identity, required: bool) -> None:
    """Require a second factor of every member, at once, or no longer.

    Raises Forbidden unless the user is an owner or admin, and Conflict if the user has no second factor.
    """
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
    if tenant.require_two_factor == required:
        return
    if required and not enabled_users(session, [who.user_id]):
        raise Conflict("Turn two-factor on for yourself first.")
    tenant.require_two_factor = required
    sentence = "Two-factor is required for all members" if required else "Two-factor is no longer required"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=SECURITY_LINK)
    session.after_commit.append(lambda: notifier.publish(who.tenant_id, "member", ""))


def enabled_users(session: Transaction, user_ids: list[str]) -> set[str]:
    """Return which of these users have two-factor on."""
    query = unscoped(SecondFactor).where(col(SecondFactor.confirmed_at).is_not(None))
    rows = session.exec(query.where(col(SecondFactor.user_id).in_(user_ids))).all()
    return {row.user_id for row in rows}


def check_not_required(session: Transaction, user_id: str) -> None:
    """Raise Conflict if a tenant of the user requires a second factor."""
    for tenant, _ in members.list_tenants(session, user_id):
        if tenant.require_two_factor:
            raise Conflict("{tenant} requires two-factor for its members.", tenant=tenant.name)

"""Deletion requests: an owner asks for the deletion of the company, which waits a week and can be called off."""

from datetime import datetime, timedelta
from typing import Any

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped
from platform_app.errors import Conflict, Forbidden
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.notification import NotificationKind
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.accounts import accounts, two_factor
from platform_app.services.audit import audit_trail
from platform_app.services.bin.bin_entries import check_name
from platform_app.services.notifications import notifications
from platform_app.services.notifications.notifications import Notice

WAIT = timedelta(days=7)
PAGE = "/settings/data"


def request(who: Identity, *, name: str, password: str, code: str = "") -> datetime:
    """Ask for the deletion of the company; return when it begins, WAIT from now. Owners and admins are told.

    `name` is the company's, typed; `code` is one of the second factor, for a user who has one. Raises Forbidden unless
    `who` is an owner, and for a wrong password or code, Invalid for another name, Conflict if it was asked for already,
    and LimitReached after too many wrong attempts.
    """
    _require_owner(who)
    check_name(name, who.tenant_name)
    accounts.check_password(who, password, field="password")
    two_factor.check_code(who, code)
    with session_scope(reason="deletion of a tenant is requested") as session:
        tenant = _locked(session, who)
        if tenant.deletion_at is not None:
            raise Conflict("The deletion of this company has already been requested.")
        tenant.deletion_at, tenant.deletion_by = now() + WAIT, who.name
        changes = {"deletion_at": {"to": tenant.deletion_at}}
        _record(session, who, AuditAction.DELETION_REQUESTED, changes)
        sentence = "“{company}” will be deleted on {due_at}. {who} asked for it."
        _tell(session, who, AuditAction.DELETION_REQUESTED, sentence, due=tenant.deletion_at)
        return tenant.deletion_at


def cancel(session: Transaction, who: Identity) -> None:
    """Cancel the deletion of the company. Owners and admins are told.

    Raises Forbidden unless `who` is an owner, and Conflict if no deletion was asked for, or if it has begun.
    """
    _require_owner(who)
    tenant = _locked(session, who)
    if tenant.deletion_at is None:
        raise Conflict("The deletion of this company hasn’t been requested.")
    if tenant.deletion_at <= now():
        raise Conflict("The deletion has already begun.")
    due, tenant.deletion_at, tenant.deletion_by = tenant.deletion_at, None, ""
    _record(session, who, AuditAction.DELETION_CANCELED, {})
    sentence = "“{company}” will not be deleted. Canceled by {who}."
    _tell(session, who, AuditAction.DELETION_CANCELED, sentence, due=due)


def _require_owner(who: Identity) -> None:
    if who.role != Role.OWNER:
        raise Forbidden("Only an owner can do this.")


def _locked(session: Transaction, who: Identity) -> Tenant:
    tenant: Tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id).with_for_update()).one()
    return tenant


def _record(session: Transaction, who: Identity, action: AuditAction, changes: dict[str, Any]) -> None:
    told: dict[str, Any] = {"object_id": who.tenant_id, "name": who.tenant_name, "changes": changes}
    audit_trail.record(session, who.tenant_id, action, AuditObject.COMPANY, **told)


def _tell(session: Transaction, who: Identity, action: AuditAction, sentence: str, *, due: datetime) -> None:
    members = notifications.active_members(session, who.tenant_id)
    notifications.notify(
        session,
        who.tenant_id,
        {user_id for user_id, role in members.items() if role.includes(Role.ADMIN)},
        NotificationKind.COMPANY,
        notice=Notice(sentence, PAGE, {"company": who.tenant_name, "who": who.name, "due_at": due.isoformat()}),
        cause=f"{action.value} {due.isoformat()}"[:64],
    )
    session.after_commit.append(lambda: notifier.publish(who.tenant_id, "tenant", who.tenant_id))

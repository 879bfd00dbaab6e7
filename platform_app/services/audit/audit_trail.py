"""Audit trail: what a transaction records in the audit log, written with it at its end."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlmodel import col

from platform_app.actor import Actor, ActorKind, current_actor
from platform_app.db import Transaction, owned, unscoped
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.person import Member, User
from platform_app.services.audit import chain
from platform_app.services.audit.chain import Draft

_PENDING, _PAUSED = "audit", "audit is paused"
_TEXT_LENGTH = 200  # characters of a value that is recorded
_MAX_ITEMS = 30  # of a list that is recorded


@dataclass(frozen=True)
class _Pending:
    """A draft, the tenant whose chain it is for, or the user whose tenants' chains it is for."""

    draft: Draft
    tenant_id: str | None = None
    user_id: str = ""  # of a user that it was done to, whose name is recorded
    by_user: bool = False  # the user acted, if nobody else is known to


def record(
    session: Transaction,
    tenant_id: str | None,
    action: AuditAction,
    kind: AuditObject,
    *,
    object_id: str = "",
    name: str = "",
    changes: dict[str, Any] | None = None,
) -> None:
    """Record an action in the audit log of a tenant, or of the installation for None, when the transaction ends.

    `changes` holds JSON values, never secrets; they are shortened.
    """
    said = {key: plain(value) for key, value in (changes or {}).items()}
    add(session, Draft(current_actor(), action, kind, object_id, name, said), tenant_id=tenant_id)


def add(
    session: Transaction, draft: Draft, *, tenant_id: str | None = None, user_id: str = "", by_user: bool = False
) -> None:
    """Add a draft that is written when the transaction ends; the same one is written once."""
    if session.info.get(_PAUSED):
        return
    pending: tuple[_Pending, ...] = session.info.get(_PENDING, ())
    if not pending:
        session.before_commit.append(partial(_write, session))
    new = _Pending(draft, tenant_id, user_id, by_user)
    if new not in pending:
        session.info[_PENDING] = (*pending, new)


def pause(session: Transaction) -> None:
    """Record nothing more in this transaction: it changes rows in bulk, and records that itself elsewhere."""
    session.info[_PAUSED] = True


def is_paused(session: Transaction) -> bool:
    """Return whether a transaction records nothing."""
    return bool(session.info.get(_PAUSED))


def plain(value: Any) -> Any:
    """Return a value as it is recorded: a number, a truth value, or a text of bounded length."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in list(value)[:_MAX_ITEMS]]
    if isinstance(value, dict):
        return {str(key)[:80]: plain(item) for key, item in list(value.items())[:_MAX_ITEMS]}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)[:_TEXT_LENGTH]


def _write(session: Transaction) -> None:
    """Append what is pending to the chains, always in the same order, so that no two transactions wait in a circle."""
    pending: tuple[_Pending, ...] = session.info.pop(_PENDING, ())
    users = {one.user_id for one in pending if one.user_id}
    names = _names(session, users)
    tenants = {user_id: _tenants(session, user_id) for user_id in users}
    chains: dict[str | None, list[Draft]] = {}
    for one in pending:
        draft = one.draft
        if one.user_id:
            draft = replace(draft, object_name=draft.object_name or names.get(one.user_id, ""))
            if one.by_user and draft.actor.kind in (ActorKind.VISITOR, ActorKind.PLATFORM):
                acts = Actor(ActorKind.MEMBER, one.user_id, names.get(one.user_id, ""), draft.actor.address)
                draft = replace(draft, actor=acts)
        goes_to: Iterable[str | None] = [one.tenant_id] if one.tenant_id or not one.user_id else tenants[one.user_id]
        for tenant_id in goes_to:
            chains.setdefault(tenant_id, []).append(draft)
    for tenant_id in sorted(chains, key=lambda key: key or "~"):
        chain.append(session, tenant_id, chains[tenant_id])


def _names(session: Transaction, users: set[str]) -> dict[str, str]:
    if not users:
        return {}
    query = unscoped(User).where(col(User.id).in_(users)).with_only_columns(User.id, User.name)
    return dict(iter(session.execute(query)))


def _tenants(session: Transaction, user_id: str) -> list[str | None]:
    """Return the tenants in which a user may work and whose chains this transaction may write.

    Without any it is the tenant of the transaction, or the installation: a tenant that has disabled a member learns
    nothing of what they do elsewhere.
    """
    query = unscoped(Member) if session.tenant_id is None else owned(Member, session.tenant_id)
    active = query.where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
    return sorted(session.exec(active.with_only_columns(Member.tenant_id)).all()) or [session.tenant_id]

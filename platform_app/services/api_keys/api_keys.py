"""API keys: made, listed and revoked by admins, and the identity with which a request acts."""

import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, or_

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, session_scope, unscoped
from platform_app.errors import Forbidden, Invalid, LimitReached, NotFound, Unavailable
from platform_app.models.api_key import ApiKey
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Member, Role, Tenant, User
from platform_app.models.second_factor import SecondFactor
from platform_app.services.accounts.link_tokens import hash_token
from platform_app.services.api_keys.scopes import Scope
from platform_app.services.crm import crm_values
from platform_app.services.feed import activity

MAX_KEYS = 100  # of a tenant, without the revoked ones
LIFETIMES = (30, 90, 365, 0)  # choices in days; 0: for ever
LINK = "/settings/api-keys"
_PREFIX_CHARS = 12
_KEY = re.compile(r"gpta_[A-Za-z0-9_-]{43}")
_USED_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True)
class KeyHolder:
    """What a key stands for: the acting identity, whose role the key may lower, and what the key may do."""

    key_id: str
    who: Identity
    scopes: frozenset[str]


def list_keys(session: Transaction, who: Identity) -> list[ApiKey]:
    """Return the tenant's keys that are not revoked, newest first."""
    query = owned(ApiKey, who.tenant_id).where(col(ApiKey.revoked_at).is_(None))
    return list(session.exec(query.order_by(col(ApiKey.id).desc())).all())


def create(
    session: Transaction, who: Identity, *, name: str, role: Role, scopes: Iterable[str], days: int
) -> tuple[ApiKey, str]:
    """Create a key; return its row and the key itself, which cannot be read again. `days` is one of LIFETIMES.

    Raises Forbidden unless `who` is an admin whose role includes `role`, Invalid at the field for a wrong value, and
    LimitReached if the tenant has MAX_KEYS.
    """
    _check_admin(who)
    if not who.role.includes(role):
        raise Forbidden("Your role doesn’t allow this.")
    name = crm_values.clean_line(name, "name", max_length=120, required=True)
    chosen = [scope.value for scope in Scope if scope in set(scopes)]
    if not chosen:
        raise Invalid("Choose what the key may do.", field="scopes")
    if days not in LIFETIMES:
        raise Invalid("This value isn’t allowed.", field="days")
    if len(list_keys(session, who)) >= MAX_KEYS:
        raise LimitReached("You can add up to {count} API keys.", count=MAX_KEYS)
    key = f"gpta_{secrets.token_urlsafe(32)}"
    row = ApiKey(
        tenant_id=who.tenant_id,
        name=name,
        role=role,
        scopes=chosen,
        key_hash=hash_token(key),
        prefix=key[:_PREFIX_CHARS],
        user_id=who.user_id,
        author_name=who.name,
    )
    row.expires_at = now() + timedelta(days=days) if days else None
    session.add(row)
    session.flush()
    _record(session, who, row, "API key “{name}” created")
    return row, key


def revoke(session: Transaction, who: Identity, key_id: str) -> ApiKey:
    """Revoke a key: it is refused from now on. Raises NotFound if there is none, Forbidden unless `who` is an admin."""
    _check_admin(who)
    query = owned(ApiKey, who.tenant_id).where(ApiKey.id == key_id, col(ApiKey.revoked_at).is_(None))
    row: ApiKey | None = session.exec(query.with_for_update()).first()
    if row is None:
        raise NotFound("API key not found. It may have been deleted.")
    row.revoked_at = now()
    _record(session, who, row, "API key “{name}” revoked")
    return row


def _check_admin(who: Identity) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def _record(session: Transaction, who: Identity, row: ApiKey, sentence: str) -> None:
    activity.record_by(session, who, ActivityKind.INTEGRATION, sentence, link=LINK, name=row.name)
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "api_key", row.id))


def has_form(key: str) -> bool:
    """Return whether a text has the form of a key."""
    return _KEY.fullmatch(key) is not None


def find_holder(key: str) -> KeyHolder | None:
    """Return what a key stands for.

    None if it is unknown, revoked or expired, or if the member who made it is disabled or no longer one. Nothing is
    cached: every call reads the rows.
    """
    if not has_form(key):
        return None
    row = _find_in_force(ApiKey.key_hash == hash_token(key))
    if row is None:
        return None
    held, user, member, tenant, enrolled_at = row
    _note_use(held)
    who = Identity(
        user_id=user.id,
        tenant_id=tenant.id,
        role=held.role if member.role.includes(held.role) else member.role,
        name=user.name,
        email=user.email,
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=user.language,
        time_zone=tenant.time_zone,
        must_enroll=tenant.require_two_factor and enrolled_at is None,
    )
    return KeyHolder(held.id, who, frozenset(held.scopes))


def is_in_force(holder: KeyHolder) -> bool:
    """Return whether the key of a holder is still in force, with the same role."""
    row = _find_in_force(ApiKey.id == holder.key_id)
    return row is not None and bool(row[2].role.includes(holder.who.role))


def _find_in_force(condition: Any) -> Any:
    """Return a key that is in force with its user, member and tenant, and since when they have a second factor."""
    with session_scope(reason="who holds this key", read_only=True) as session:
        query = (
            unscoped(ApiKey)
            .with_only_columns(ApiKey, User, Member, Tenant, SecondFactor.confirmed_at)
            .join(User, User.id == ApiKey.user_id)
            .join(Member, (Member.user_id == User.id) & (Member.tenant_id == ApiKey.tenant_id))
            .join(Tenant, Tenant.id == ApiKey.tenant_id)
            .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
            .where(condition, col(ApiKey.revoked_at).is_(None))
            .where(or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now()))
            .where(col(User.disabled_at).is_(None), col(Member.disabled_at).is_(None))
        )
        return session.execute(query).first()


def _note_use(held: ApiKey) -> None:
    """Store when a key was last used, at most once a minute."""
    if held.last_used_at is not None and now() - held.last_used_at < _USED_PRECISION:
        return
    update = owned_update(ApiKey, held.tenant_id).where(col(ApiKey.id) == held.id)
    with suppress(Unavailable), session_scope(held.tenant_id) as session:
        session.execute(update.values(last_used_at=now()))

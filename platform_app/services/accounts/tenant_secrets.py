"""Tenant secrets: encrypted values of tenants by purpose, and the rotation of their encryption keys."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter, methodcaller
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app import encryption
from platform_app.db import Transaction, owned, owned_delete, session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.models.audit import AuditAction, AuditObject
from platform_app.models.oauth_grant import OAuthGrant
from platform_app.models.outgoing_webhook import OUTGOING_SECRET_COLUMNS, OutgoingWebhook
from platform_app.models.second_factor import SecondFactor
from platform_app.models.secret import Secret
from platform_app.models.webhook import WEBHOOK_SECRET_COLUMNS, IncomingWebhook
from platform_app.services.audit import audit_trail, chain

SECOND_FACTOR_PURPOSE = "second factor"
_BATCH_SIZE = 100  # rows of one transaction while all are re-encrypted


@dataclass(frozen=True)
class _SecretColumn:
    """A column with encrypted values; "" means that a row has none."""

    model: type[Secret | IncomingWebhook | OutgoingWebhook | SecondFactor | OAuthGrant]
    column: str
    purpose: Callable[[Any], str]
    owner: Callable[[Any], str] = attrgetter("tenant_id")  # what the value is bound to beside its purpose

    def all(self) -> Any:
        """Return the query of all rows that have a value."""
        return unscoped(self.model).where(col(getattr(self.model, self.column)) != "")

    def unseal(self, row: Any) -> str:
        """Return a row's value in clear. Raises Conflict if it cannot be decrypted."""
        return encryption.decrypt(getattr(row, self.column), self.owner(row), self.purpose(row))


_SECRET_COLUMNS = (
    _SecretColumn(Secret, "sealed", attrgetter("purpose")),
    *(_SecretColumn(IncomingWebhook, name, methodcaller("secret_purpose", name)) for name in WEBHOOK_SECRET_COLUMNS),
    _SecretColumn(OAuthGrant, "sealed", methodcaller("secret_purpose")),
    *(_SecretColumn(OutgoingWebhook, name, methodcaller("secret_purpose", name)) for name in OUTGOING_SECRET_COLUMNS),
    _SecretColumn(SecondFactor, "sealed", lambda row: SECOND_FACTOR_PURPOSE, attrgetter("user_id")),
)


def store(session: Transaction, tenant_id: str, purpose: str, secret: str) -> None:
    """Encrypt and store a tenant's secret for a purpose, in place of the one before."""
    row = _row(session, tenant_id, purpose, lock=True) or Secret(tenant_id=tenant_id, purpose=purpose, sealed="")
    row.sealed = encryption.encrypt(secret, tenant_id, purpose)
    session.add(row)


def read(session: Transaction, tenant_id: str, purpose: str) -> str | None:
    """Return a tenant's secret for a purpose, None if there is none. Raises Conflict if it cannot be decrypted."""
    row = _row(session, tenant_id, purpose)
    return encryption.decrypt(row.sealed, tenant_id, purpose) if row else None


def exists(session: Transaction, tenant_id: str, purpose: str) -> bool:
    """Return whether a tenant has a secret for a purpose, whether or not it can be decrypted."""
    return _row(session, tenant_id, purpose) is not None


def delete(session: Transaction, tenant_id: str, purpose: str) -> None:
    """Delete a tenant's secret for a purpose, if there is one."""
    session.execute(owned_delete(Secret, tenant_id).where(col(Secret.purpose) == purpose))


def rotate() -> int:
    """Encrypt every secret with the newest key and return how many were changed.

    Rows are committed in batches, so an interrupted rotation keeps its progress. Raises Conflict if some secrets cannot
    be decrypted; all others are encrypted by then.
    """
    found = [_rotate_column(place) for place in _SECRET_COLUMNS]
    with session_scope(reason="secrets are re-encrypted") as session:
        chain.sign_again(session)
        changes = {"count": {"to": sum(done for done, _ in found)}}
        audit_trail.record(session, None, AuditAction.SECRET_CHANGED, AuditObject.ENCRYPTION_KEYS, changes=changes)
    if lost := sum(lost for _, lost in found):
        raise Conflict("Secrets that can’t be read with the current keys: {count}.", count=lost)
    return sum(done for done, _ in found)


def _rotate_column(place: _SecretColumn) -> tuple[int, int]:
    """Encrypt one column with the newest key; return how many values were changed and how many cannot be decrypted."""
    done, lost, after = 0, 0, ""
    while True:
        with session_scope(reason="secrets are re-encrypted") as session:
            audit_trail.pause(session)
            rows = _rows_to_rotate(session, place, after)
            for row in rows:
                try:
                    secret = place.unseal(row)
                except Conflict:
                    lost += 1
                    continue
                setattr(row, place.column, encryption.encrypt(secret, place.owner(row), place.purpose(row)))
                done += 1
        if not rows:
            return done, lost
        after = rows[-1].id


def _rows_to_rotate(session: Transaction, place: _SecretColumn, after: str) -> list[Any]:
    column = col(getattr(place.model, place.column))
    query = place.all().where(~column.startswith(encryption.newest_key_prefix()), col(place.model.id) > after)
    return list(session.exec(query.order_by(place.model.id).limit(_BATCH_SIZE).with_for_update()).all())


def count_secrets() -> tuple[int, int]:
    """Return how many secrets there are, and how many of them cannot be decrypted with the present keys."""
    count = lost = 0
    with session_scope(reason="a look at the secrets", read_only=True) as session:
        for place in _SECRET_COLUMNS:
            count += int(session.exec(place.all().with_only_columns(func.count())).one())
            rows = session.exec(place.all().execution_options(yield_per=_BATCH_SIZE))
            lost += sum(not _is_readable(place, row) for row in rows)
    return count, lost


def _is_readable(place: _SecretColumn, row: Any) -> bool:
    try:
        place.unseal(row)
    except Conflict:
        return False
    return True


def _row(session: Transaction, tenant_id: str, purpose: str, *, lock: bool = False) -> Secret | None:
    query = owned(Secret, tenant_id).where(Secret.purpose == purpose)
    found: Secret | None = session.exec(query.with_for_update() if lock else query).first()
    return found

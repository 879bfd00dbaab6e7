"""Idempotency: the answers to requests that a client may repeat, stored with what the request changed."""

import hashlib
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped, unscoped_delete
from platform_app.errors import Conflict
from platform_app.models.api_key import IdempotentRequest
from platform_app.services.api_keys.api_keys import KeyHolder

KEPT = timedelta(hours=24)
BATCH = 1_000  # deleted by each run


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return the SHA-256 hash, in hexadecimal, by which a repeat of a request is recognized."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode("utf-8", "replace"), body):
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def claim(session: Transaction, holder: KeyHolder, key: str, print_: str) -> tuple[IdempotentRequest, bool]:
    """Return the row of a request, locked, and whether it was answered before.

    A concurrent repeat waits until the first has been answered. Raises Conflict if the key came with another request.
    """
    query = owned(IdempotentRequest, holder.who.tenant_id).where(
        IdempotentRequest.api_key_id == holder.key_id, IdempotentRequest.key == key
    )
    row: IdempotentRequest | None = session.exec(query.with_for_update()).first()
    if row is None:
        try:
            with session.savepoint():
                row = IdempotentRequest(
                    tenant_id=holder.who.tenant_id, api_key_id=holder.key_id, key=key, fingerprint=print_, status=0
                )
                session.add(row)
                session.flush()
            return row, False
        except IntegrityError:  # a concurrent repeat came first
            row = session.exec(query.with_for_update()).one()
    assert row is not None
    if now() - row.created_at > KEPT:  # not swept yet
        row.fingerprint, row.created_at, row.status, row.body = print_, now(), 0, ""
    if row.fingerprint != print_:
        raise Conflict("This Idempotency-Key was used for a different request.")
    return row, row.status != 0


def delete_old() -> bool:
    """Delete answers that are older than KEPT, at most BATCH; return whether more may be left."""
    with session_scope(reason="answers to repeated requests that are old") as session:
        due = unscoped(IdempotentRequest).where(col(IdempotentRequest.created_at) < now() - KEPT)
        ids = list(session.exec(due.with_only_columns(IdempotentRequest.id).limit(BATCH)).all())
        gone = unscoped_delete(IdempotentRequest).where(col(IdempotentRequest.id).in_(ids))
        session.execute(gone.execution_options(synchronize_session=False))
    return len(ids) == BATCH

"""Secrets: what tenants entrust to the platform: kept encrypted, used, forgotten, sealed anew with another key."""

from sqlalchemy import func
from sqlmodel import col

from platform_app import vault
from platform_app.db import Transaction, everywhere, owned, owned_delete, session_scope
from platform_app.errors import Conflict
from platform_app.models.secret import Secret

_AT_ONCE = 100  # rows of one transaction while all are sealed anew


def keep(session: Transaction, tenant_id: str, purpose: str, secret: str) -> None:
    """Keep a tenant's secret for a purpose, in place of the one before."""
    row = _row(session, tenant_id, purpose, lock=True) or Secret(tenant_id=tenant_id, purpose=purpose, sealed="")
    row.sealed = vault.seal(secret, tenant_id, purpose)
    session.add(row)


def use(session: Transaction, tenant_id: str, purpose: str) -> str | None:
    """Return a tenant's secret, None when there is none; raises Conflict when it cannot be read."""
    row = _row(session, tenant_id, purpose)
    return vault.unseal(row.sealed, tenant_id, purpose) if row else None


def has(session: Transaction, tenant_id: str, purpose: str) -> bool:
    """Tell whether a tenant's secret is kept, readable or not."""
    return _row(session, tenant_id, purpose) is not None


def forget(session: Transaction, tenant_id: str, purpose: str) -> None:
    """Take a tenant's secret away."""
    session.execute(owned_delete(Secret, tenant_id).where(col(Secret.purpose) == purpose))


def rotate() -> int:
    """Seal every secret with the newest key and return how many were; what was done stays done when it is stopped.

    Raises Conflict when some cannot be read, after all others are sealed.
    """
    done, lost, after = 0, 0, ""
    while True:
        with session_scope(reason="secrets are sealed anew") as session:
            rows = _old(session, after)
            for row in rows:
                try:
                    secret = vault.unseal(row.sealed, row.tenant_id, row.purpose)
                except Conflict:
                    lost += 1
                    continue
                row.sealed = vault.seal(secret, row.tenant_id, row.purpose)
                done += 1
        if not rows:
            break
        after = rows[-1].id
    if lost:
        raise Conflict("{count} secrets cannot be read with the present keys.", count=lost)
    return done


def _old(session: Transaction, after: str) -> list[Secret]:
    query = everywhere(Secret).where(~col(Secret.sealed).startswith(vault.newest()), col(Secret.id) > after)
    return list(session.exec(query.order_by(Secret.id).limit(_AT_ONCE).with_for_update()).all())


def state() -> tuple[int, int]:
    """Return how many secrets there are, and how many of them cannot be read with the present keys."""
    with session_scope(reason="a look at the secrets", reading=True) as session:
        count = int(session.exec(everywhere(Secret).with_only_columns(func.count())).one())
        rows = session.exec(everywhere(Secret).execution_options(yield_per=_AT_ONCE))
        return count, sum(not _is_readable(row) for row in rows)


def _is_readable(row: Secret) -> bool:
    try:
        vault.unseal(row.sealed, row.tenant_id, row.purpose)
    except Conflict:
        return False
    return True


def _row(session: Transaction, tenant_id: str, purpose: str, *, lock: bool = False) -> Secret | None:
    query = owned(Secret, tenant_id).where(Secret.purpose == purpose)
    found: Secret | None = session.exec(query.with_for_update() if lock else query).first()
    return found

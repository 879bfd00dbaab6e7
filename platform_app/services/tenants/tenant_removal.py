"""Tenant removal: deletes everything of a tenant, in parts that continue after a stop, and reports what it was.

Access ends first: members, the accounts of those who work nowhere else, API keys and queued jobs; agents, rules,
sequences, channels and webhooks are turned off, so that nothing is sent or received any more. Then go the search
indexes, the rows of every table with the files that they name, and last the tenant itself with its audit log. What was
deleted is counted in the tenant's row meanwhile; the report is an entry in the audit log of the installation.
"""

import time
from collections import Counter
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import func
from sqlmodel import SQLModel, col

from platform_app import notifier
from platform_app.actor import current_actor
from platform_app.clock import now
from platform_app.db import (
    Transaction,
    owned,
    owned_delete,
    owned_tables,
    owned_update,
    session_scope,
    unscoped,
    unscoped_delete,
    unscoped_update,
)
from platform_app.errors import PlatformError
from platform_app.files import tenant_files
from platform_app.models.agent import Agent
from platform_app.models.api_key import ApiKey
from platform_app.models.audit import AuditAction, AuditEntry, AuditHead, AuditObject
from platform_app.models.channel import ChannelAccount
from platform_app.models.job import Job, JobTurn
from platform_app.models.knowledge import KnowledgeState
from platform_app.models.message_search import messagesearch
from platform_app.models.outgoing_webhook import OutgoingWebhook
from platform_app.models.person import Member, Session, SignInTicket, Tenant, User
from platform_app.models.rule import Rule
from platform_app.models.sequence import Sequence
from platform_app.models.webhook import IncomingWebhook
from platform_app.rag import lexical_files, vector_index
from platform_app.services.audit import audit_trail, chain
from platform_app.services.audit.chain import Draft

log = structlog.get_logger()
BATCH_SIZE = 500  # rows of one transaction
VISIT_SECONDS = 20.0  # of a worker's visit, which has to end in time to count as alive
_SWITCHES = (  # what acts by itself, and the column that turns it off
    (Agent, "active"),
    (Rule, "enabled"),
    (Sequence, "enabled"),
    (ChannelAccount, "enabled"),
    (IncomingWebhook, "enabled"),
    (OutgoingWebhook, "enabled"),
)
_WITH_TENANT = (AuditEntry, AuditHead)  # deleted by the database together with the tenant's row
_FILES, _VECTORS, _ACCOUNTS, _KEPT = "(files)", "(vectors)", "(accounts)", "(accounts kept)"


def remove_due(seconds: float = VISIT_SECONDS) -> bool:
    """Delete tenants whose time has come for up to `seconds`; return whether there is more to do at once.

    What cannot be deleted now is left for the next visit, and the others are deleted.
    """
    until = time.monotonic() + seconds
    with session_scope(reason="tenants to delete", read_only=True) as session:
        query = unscoped(Tenant).where(col(Tenant.deletion_at) <= now()).with_only_columns(Tenant.id)
        due = list(session.exec(query.order_by(Tenant.deletion_at)).all())
    for tenant_id in due:
        try:
            if remove(tenant_id, until=until) is None:
                return True
        except PlatformError as error:
            log.warning("a tenant is not deleted yet", tenant=tenant_id, reason=str(error))
        except Exception:
            log.exception("a tenant cannot be deleted", tenant=tenant_id)
    return False


def schedule_now(tenant_id: str, by: str) -> None:
    """Let the deletion of a tenant begin now, without waiting; `remove`, or else a worker, does it."""
    with session_scope(reason="deletion of a tenant") as session:
        tenant: Tenant = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id).with_for_update()).one()
        tenant.deletion_at, tenant.deletion_by = now(), by[:200]


def remove(tenant_id: str, *, until: float | None = None) -> dict[str, int] | None:
    """Delete a tenant whose time has come, continuing where another call stopped; return what was deleted, by table.

    Empty if another process is at it; None if something was left at `until`, a time of the monotonic clock. Raises
    Unavailable if the vector index or the file storage does not answer: nothing is lost then, a worker tries again.
    """
    if not _end_access(tenant_id):
        return {}
    _remove_indexes(tenant_id)
    while (more := _remove_some(tenant_id)) is True:
        if until is not None and time.monotonic() >= until:
            return None
    if more is None:
        return {}
    _remove_indexes(tenant_id)  # a job that was running may have written to them meanwhile
    tenant_files.delete_all(tenant_id)  # those that no row named
    return _finish(tenant_id)


def _locked(session: Transaction, tenant_id: str) -> Tenant | None:
    """Return the row of a tenant that is due, locked; None if there is none, or if another process holds it."""
    audit_trail.pause(session)
    query = unscoped(Tenant).where(Tenant.id == tenant_id, col(Tenant.deletion_at) <= now())
    tenant: Tenant | None = session.exec(query.with_for_update(skip_locked=True)).first()
    return tenant


def _count(tenant: Tenant, what: str, number: int) -> None:
    if number:
        tenant.deleted_rows = dict(Counter(tenant.deleted_rows) + Counter({what: number}))


def _end_access(tenant_id: str) -> bool:
    """Let nobody and nothing act in the tenant any more; return whether it is due and no other process is at it."""
    with session_scope(reason="deletion of a tenant") as session:
        tenant = _locked(session, tenant_id)
        if tenant is None:
            return False
        users = set(session.exec(_users().where(Member.tenant_id == tenant_id)).all())
        for acting, switch in _SWITCHES:
            session.execute(owned_update(acting, tenant_id).values({switch: False}))
        for model in (Member, ApiKey, Job):
            _count(tenant, str(model.__tablename__), _executed(session, owned_delete(model, tenant_id)))
        elsewhere = set(session.exec(_users().where(col(Member.user_id).in_(users))).all())
        for user_id in sorted(users - elsewhere):
            _remove_account(session, tenant, user_id)
        session.add(tenant)
    return True


def _users() -> Any:
    return unscoped(Member).with_only_columns(Member.user_id)


def _executed(session: Transaction, statement: Any) -> int:
    """Run a delete; return how many rows it deleted."""
    # execute() is typed as Result; a delete returns a CursorResult
    return int(session.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _remove_account(session: Transaction, tenant: Tenant, user_id: str) -> None:
    """Delete the account of a person who works nowhere else, unless rows of another tenant would go with it.

    The account is locked first, so that a membership which another transaction adds is seen here, or is not added.
    """
    account = unscoped(User).where(User.id == user_id).with_only_columns(User.id).with_for_update()
    is_there = session.exec(account).first() is not None
    if not is_there or session.exec(_users().where(Member.user_id == user_id).limit(1)).first() is not None:
        return
    for model in (Session, SignInTicket):
        session.execute(unscoped_delete(model).where(col(model.user_id) == user_id))
    is_named = any(
        session.exec(unscoped(model).where(model.user_id == user_id, model.tenant_id != tenant.id).limit(1)).first()
        for model in _tables_of_users()
    )
    if is_named:
        _count(tenant, _KEPT, 1)
    else:
        _count(tenant, _ACCOUNTS, _executed(session, unscoped_delete(User).where(col(User.id) == user_id)))


def _table(model: Any) -> Any:
    return SQLModel.metadata.tables[str(model.__tablename__)]


@lru_cache
def _tables_of_users() -> list[Any]:
    """Return the tables of tenants whose rows are deleted with an account."""
    return [
        model
        for model in owned_tables().values()
        if "user" in {key.column.table.name for key in _table(model).foreign_keys}
    ]


def _remove_indexes(tenant_id: str) -> None:
    """Delete vectors and lexical index. The tenant is not locked meanwhile: the vector index may be slow."""
    with session_scope(reason="deletion of a tenant", read_only=True) as session:
        tenant: Tenant | None = session.exec(unscoped(Tenant).where(Tenant.id == tenant_id)).first()
        is_indexed = session.exec(owned(KnowledgeState, tenant_id)).first() is not None
    if is_indexed or (tenant is not None and _VECTORS in tenant.deleted_rows):
        count = vector_index.clear_all(tenant_id)
        with session_scope(reason="deletion of a tenant") as session:
            if (locked := _locked(session, tenant_id)) is not None:
                locked.deleted_rows = locked.deleted_rows | {
                    _VECTORS: int(locked.deleted_rows.get(_VECTORS, 0)) + count
                }
                session.add(locked)
    lexical_files.remove(tenant_id)


@lru_cache
def _order() -> list[Any]:
    """Return the tables of tenants, each before those that it refers to."""
    models = owned_tables()
    named = [table.name for table in reversed(SQLModel.metadata.sorted_tables) if table.name in models]
    return [models[name] for name in named if models[name] not in _WITH_TENANT]


def _remove_some(tenant_id: str) -> bool | None:
    """Delete some rows of the first table that has any; return whether there were some, None if the tenant is gone.

    Files are deleted before the rows that name them: whatever is stopped in between is found again.
    """
    with session_scope(reason="deletion of a tenant") as session:
        tenant = _locked(session, tenant_id)
        if tenant is None:
            return None
        for model in _order():
            query = unscoped(model).where(model.tenant_id == tenant_id).with_only_columns(model.id).limit(BATCH_SIZE)
            if ids := list(session.exec(query).all()):
                _remove_rows(session, tenant, model, ids)
                session.add(tenant)
                return True
    return False


def _remove_rows(session: Transaction, tenant: Tenant, model: Any, ids: list[str]) -> None:
    name = str(model.__tablename__)
    if "stored_as" in model.model_fields:
        names = session.exec(unscoped(model).where(model.id.in_(ids)).with_only_columns(model.stored_as)).all()
        _count(tenant, _FILES, tenant_files.delete(tenant.id, *filter(None, names)))
    for key in _table(model).foreign_keys:
        if key.column.table.name == name:  # rows of the same table that stay for now
            unlinked = unscoped_update(model).where(model.tenant_id == tenant.id).values({key.parent.name: None})
            session.execute(unlinked.execution_options(synchronize_session=False))
    _count(tenant, name, _executed(session, unscoped_delete(model).where(model.id.in_(ids))))
    if name == "message" and session.get_bind().dialect.name == "sqlite":
        own = messagesearch.c.scope.op("MATCH")(f'"{tenant.id}"')
        session.execute(messagesearch.delete().where(own))


def _finish(tenant_id: str) -> dict[str, int]:
    """Delete the row of a tenant, with its audit log, and record the report in the log of the installation."""
    with session_scope(reason="deletion of a tenant") as session:
        tenant = _locked(session, tenant_id)
        if tenant is None:
            return {}
        head: AuditHead | None = session.exec(owned(AuditHead, tenant_id)).first()
        count = int(session.exec(owned(AuditEntry, tenant_id).with_only_columns(func.count())).one())
        report = {name: int(number) for name, number in sorted(tenant.deleted_rows.items())} | {"auditentry": count}
        changes = {"deleted": {"to": report}, "requested_by": {"to": tenant.deletion_by}}
        if head is not None:
            changes["audit_head"] = {"to": f"{head.number}:{head.hash}"}
            session.expunge(head)
        turns = unscoped_update(JobTurn).where(col(JobTurn.last_tenant_id) == tenant_id).values(last_tenant_id="")
        session.execute(turns.execution_options(synchronize_session=False))
        session.execute(unscoped_delete(Tenant).where(col(Tenant.id) == tenant_id))
        draft = Draft(current_actor(), AuditAction.REMOVED, AuditObject.COMPANY, tenant_id, tenant.name, changes)
        session.expunge(tenant)
        chain.append(session, None, [draft])
        session.after_commit.append(lambda: notifier.delete_stream(tenant_id))
    log.info("a tenant is deleted", tenant=tenant_id, deleted=report)
    return report

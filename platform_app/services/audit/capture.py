"""Capture: turns changes of audited rows into entries of the audit log, wherever they are made.

It listens to the sessions of the database, so that no service has to remember it: what changes an access, a secret or a
setting without a row goes through `audit_trail.record`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, Null, event, inspect
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm import Session as OrmSession

from platform_app.actor import current_actor
from platform_app.clock import now
from platform_app.db import Transaction, unscoped
from platform_app.models.audit import AuditAction, AuditEntry, AuditObject, PlatformAuditEntry
from platform_app.models.bin import BinEntry
from platform_app.models.person import Session, Tenant
from platform_app.services.audit import audit_trail
from platform_app.services.audit.audited_rows import AUDITED, NAMELESS, AuditedTable
from platform_app.services.audit.chain import Draft

_APPEND_ONLY = (AuditEntry, PlatformAuditEntry)
Change = tuple[AuditAction, dict[str, Any]]


class AuditLogChanged(RuntimeError):
    """A transaction would change or delete entries of the audit log: always a bug."""


class UnknownValue(RuntimeError):
    """A transaction would set an audited column to what only the database computes: always a bug."""


@event.listens_for(Transaction, "before_flush")
def _capture_rows(session: OrmSession, context: Any, instances: Any) -> None:
    assert isinstance(session, Transaction)
    for row in (*session.dirty, *session.deleted):
        if isinstance(row, _APPEND_ONLY) and (row in session.deleted or session.is_modified(row)):
            raise AuditLogChanged("entries of the audit log are never changed")
    if audit_trail.is_paused(session):
        return
    for row in session.new:
        if (table := AUDITED.get(type(row))) is not None and not getattr(row, "is_demo", False):
            _add(session, row, table, _creation(row, table))
    for row in session.dirty:
        if (table := AUDITED.get(type(row))) is not None:
            before = dict(_former_values(row, table.watched))
            after = {name: getattr(row, name) for name in before}
            if any(isinstance(value, ClauseElement) for value in after.values()):
                raise UnknownValue("audited columns are set to values, not to expressions of SQL")
            _add_changes(session, row, table, before=before, after=after)
    for row in session.deleted:
        if (table := AUDITED.get(type(row))) is not None:
            _add(session, row, table, _removal(row, table))


@event.listens_for(Transaction, "do_orm_execute")
def _capture_statement(state: ORMExecuteState) -> None:
    """Record the rows that a statement is going to change or delete."""
    if not (state.is_delete or state.is_update) or state.bind_mapper is None:
        return
    session, model = state.session, state.bind_mapper.class_
    if model in _APPEND_ONLY:
        raise AuditLogChanged("entries of the audit log are never changed")
    table = AUDITED.get(model)
    if table is None or not isinstance(session, Transaction) or audit_trail.is_paused(session):
        return
    statement: Any = state.statement
    rows = unscoped(model).where(*statement._where_criteria)
    if state.is_update:
        given = {column.key: value for column, value in (statement._values or {}).items()}
        if after := {name: _known(name, value) for name, value in given.items() if name in table.watched}:
            for row in session.exec(rows).all():
                before = {name: getattr(row, name) for name in after if getattr(row, name) != after[name]}
                _add_changes(session, row, table, before=before, after=after)
    elif table.removed is not None and model is not BinEntry:
        for row in session.exec(rows).all():
            _add(session, row, table, _removal(row, table))


def _known(column: str, value: Any) -> Any:
    """Return the value that a statement sets. Raises UnknownValue for an expression."""
    if isinstance(value, BindParameter):
        return value.value
    if isinstance(value, Null):
        return None
    raise UnknownValue(f"{column} is audited: set it to a value, not to an expression of SQL")


def _creation(row: Any, table: AuditedTable) -> Change | None:
    if table.created is None or (isinstance(row, BinEntry) and row.with_id):
        return None
    values = {name: getattr(row, name) for name in table.shown}
    return table.created, {name: {"to": _plain(value)} for name, value in values.items() if value not in (None, "")}


def _removal(row: Any, table: AuditedTable) -> Change | None:
    is_over = isinstance(row, Session) and row.expires_at < now()  # it ended by itself
    if table.removed is None or is_over or (isinstance(row, BinEntry) and row.with_id):
        return None
    return table.removed, {}


def _add_changes(
    session: Transaction, row: Any, table: AuditedTable, *, before: dict[str, Any], after: dict[str, Any]
) -> None:
    for change in (*_changes(table, before, after), *_switched(table, before, after)):
        _add(session, row, table, change)


def _changes(table: AuditedTable, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    values = {name: {"from": _plain(before[name]), "to": _plain(after[name])} for name in before}
    said: dict[str, Any] = {name: values[name] for name in table.shown if name in before}
    said |= {name: {} for name in table.named if name in before}
    if said:
        yield AuditAction.CHANGED, said
    if any(name in before for name in table.secrets):
        yield AuditAction.SECRET_CHANGED, {name: {} for name in table.secrets if name in before}
    if table.hashed in before:
        yield AuditAction.PASSWORD_CHANGED, {}
    if table.published in before:
        yield AuditAction.PUBLISHED, {table.published: values[table.published]}
    if (table.ended in before and after[table.ended] is not None) or table.removed_by in before:
        yield AuditAction.REMOVED, {}


def _switched(table: AuditedTable, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for column in {table.switch, table.off_since, table.on_since} & before.keys():
        was_on, is_on = (
            value is None if column == table.off_since else bool(value) for value in (before[column], after[column])
        )
        if was_on != is_on:
            yield (AuditAction.TURNED_ON if is_on else AuditAction.TURNED_OFF), {}


def _former_values(row: Any, columns: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """Yield the changed columns among `columns` with their former values; None for one that was not known."""
    state = inspect(row)
    for name in columns:
        history = state.attrs[name].history
        if history.added and list(history.added) != list(history.deleted):
            yield name, history.deleted[0] if history.deleted else None


def _plain(value: Any) -> Any:
    return audit_trail.plain(value.value if isinstance(value, StrEnum) else value)


def _add(session: Transaction, row: Any, table: AuditedTable, change: Change | None) -> None:
    if change is None:
        return
    kind = table.kind or AuditObject(row.kind.value)
    name = str(getattr(row, table.name) or "") if table.name and kind not in NAMELESS else ""
    user_id = str(getattr(row, table.user)) if table.user else ""
    tenant_id = row.id if isinstance(row, Tenant) else getattr(row, "tenant_id", None)
    object_id = user_id or str(row.row_id if isinstance(row, BinEntry) else row.id)
    draft = Draft(current_actor(), change[0], kind, object_id, name, change[1])
    audit_trail.add(session, draft, tenant_id=tenant_id, user_id=user_id, by_user=table.by_user)
    if isinstance(row, Tenant) and change[0] == AuditAction.CREATED:
        audit_trail.add(session, draft)  # the log of the installation names every tenant there was

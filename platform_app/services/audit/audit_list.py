"""Audit list: entries of a tenant's audit log by member, action and day, for the page and as CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col

from platform_app.actor import ActorKind
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Forbidden
from platform_app.i18n import exact_time, translate
from platform_app.models.audit import AuditAction, AuditEntry, AuditHead, AuditObject
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.audit import audit_trail, audit_words
from platform_app.services.crm import csv_files

PAGE_SIZE = 50
_BATCH_SIZE = 1_000  # entries of the CSV file in memory at a time
_MAX_PEOPLE = 500  # offered as a filter
_HEADS = ("No.", "When", "Who", "Action|audit", "Object|audit", "What changed", "IP address", "SHA-256")


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are asked for; "" and None are all. Days are of the tenant's time zone, both included."""

    actor_id: str = ""
    action: str = ""
    object_kind: str = ""
    first: date | None = None
    last: date | None = None


def list_entries(session: Transaction, who: Identity, asked: AuditFilter, *, page: int = 1) -> list[AuditEntry]:
    """Return a page of entries, newest first, with one more than PAGE_SIZE if there is a next page.

    Pages count from 1. Raises Forbidden unless `who` is an owner or admin.
    """
    query = _query(who, asked).offset((max(page, 1) - 1) * PAGE_SIZE).limit(PAGE_SIZE + 1)
    return list(session.exec(query).all())


def get_head(session: Transaction, who: Identity) -> AuditHead | None:
    """Return the head of the tenant's chain, None if nothing was recorded yet.

    Raises Forbidden unless `who` is an owner or admin.
    """
    require_admin(who)
    head: AuditHead | None = session.exec(owned(AuditHead, who.tenant_id)).first()
    return head


def list_people(session: Transaction, who: Identity) -> list[tuple[str, str]]:
    """Return id and name of the members and of former members whom entries name, by name, to filter by.

    Raises Forbidden unless `who` is an owner or admin.
    """
    require_admin(who)
    query = unscoped(User).join(Member, Member.user_id == User.id).where(Member.tenant_id == who.tenant_id)
    people = _actors(session, who.tenant_id)
    people |= dict(iter(session.execute(query.with_only_columns(User.id, User.name))))
    return sorted(people.items(), key=lambda person: (person[1].casefold(), person[0]))


def _actors(session: Transaction, tenant_id: str) -> dict[str, str]:
    """Return the last name of each person who acted, by id; each costs one seek in an index."""
    names: dict[str, str] = {}
    newest_first = col(AuditEntry.actor_id).desc(), col(AuditEntry.number).desc()
    last = owned(AuditEntry, tenant_id).order_by(*newest_first).limit(1)
    row = session.exec(last).first()
    while row is not None and row.actor_id and len(names) < _MAX_PEOPLE:
        if row.actor_kind == ActorKind.MEMBER:
            names[row.actor_id] = row.actor_name
        row = session.exec(last.where(AuditEntry.actor_id < row.actor_id)).first()
    return names


def require_admin(who: Identity) -> None:
    """Raise Forbidden unless `who` is an owner or admin."""
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only owners and admins can see the audit log.")


def csv_lines(who: Identity, asked: AuditFilter) -> Iterator[str]:
    """Yield the entries as parts of a CSV file, newest first; that they were exported is recorded first.

    Raises Forbidden unless `who` is an owner or admin.
    """
    require_admin(who)
    with session_scope(who.tenant_id) as session:
        audit_trail.record(session, who.tenant_id, AuditAction.EXPORTED, AuditObject.AUDIT_LOG)
    yield csv_files.write_rows([[translate(who.language, head) for head in _HEADS]])
    below = None
    while True:
        with session_scope(who.tenant_id, read_only=True) as session:
            query = _query(who, asked).limit(_BATCH_SIZE)
            rows = list(session.exec(query if below is None else query.where(AuditEntry.number < below)).all())
        if not rows:
            return
        yield csv_files.write_rows([_line(row, who) for row in rows])
        below = rows[-1].number


def _line(row: AuditEntry, who: Identity) -> list[str]:
    return [
        str(row.number),
        exact_time(who.language, row.at, who.time_zone),
        audit_words.actor(who.language, row),
        audit_words.action(who.language, row.action),
        audit_words.subject(who.language, row),
        audit_words.changes(who.language, row.changes, who.time_zone),
        row.address,
        row.hash,
    ]


def _query(who: Identity, asked: AuditFilter) -> Any:
    require_admin(who)
    query = owned(AuditEntry, who.tenant_id)
    for column, value in (
        (AuditEntry.actor_id, asked.actor_id),
        (AuditEntry.action, asked.action),
        (AuditEntry.object_kind, asked.object_kind),
    ):
        query = query.where(column == value) if value else query
    if asked.first is not None:
        query = query.where(AuditEntry.at >= _start(asked.first, who))
    if asked.last is not None and asked.last < date.max:
        query = query.where(AuditEntry.at < _start(asked.last + timedelta(days=1), who))
    return query.order_by(col(AuditEntry.number).desc())


def _start(day: date, who: Identity) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(who.time_zone))

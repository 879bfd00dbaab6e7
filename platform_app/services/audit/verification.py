"""Verification: reads a chain of the audit log in order and names the first entry that is not as it was written."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.models.audit import FIRST_HASH, AuditEntry, AuditFields, HeadFields, PlatformAuditEntry
from platform_app.services.audit import chain

_PAGE = 500  # entries read at once


class Fault(StrEnum):
    """What may be wrong with a chain."""

    ALTERED = "altered"  # the entry does not say what it said
    MISSING = "missing"  # there is no entry of this number
    INSERTED = "inserted"  # the entry does not follow the one before it
    CUT = "cut"  # the newest entries, from this number, are gone
    ADDED = "added"  # the entry was added after the last that the head knows
    HEAD = "head"  # the head was not written by this installation
    EXPECTED = "expected"  # the entry has not the hash that was noted down


@dataclass(frozen=True)
class Verdict:
    """The result for one chain: entries in order, number and hash of its end, and the first fault, if any."""

    count: int
    number: int
    hash: str
    fault: Fault | None = None
    fault_number: int = 0


def verify(tenant_id: str | None, *, expected: tuple[int, str] | None = None) -> Verdict:
    """Read the chain of a tenant, or of the installation for None, in pages; return what was found.

    `expected` is number and hash of an entry as an earlier verdict named them, kept elsewhere: with it also a chain
    that was put back whole to an earlier state is found. Entries that are added meanwhile are left to the next call.
    """
    with _reading(tenant_id) as session:
        head = chain.head_of(session, tenant_id)
    end = head.number if head else 0
    reader = _Reader(tenant_id, expected)
    while reader.fault is None and reader.number < end and reader.read_page(end):
        pass
    verdict = reader.verdict()
    if verdict.fault is None:
        verdict = _check_end(tenant_id, head, reader)
    return verdict


def verify_and_note(tenant_id: str) -> Verdict:
    """Verify the chain of a tenant and store the verdict in its head, for the page."""
    verdict = verify(tenant_id)
    with session_scope(tenant_id) as session:
        head = chain.head_of(session, tenant_id, lock=True)
        if head is not None:
            head.verified_at, head.verified_count = now(), verdict.count
            head.fault, head.fault_number = verdict.fault or "", verdict.fault_number
            session.add(head)
    return verdict


def _reading(tenant_id: str | None) -> Any:
    return session_scope(tenant_id, reason="audit log is verified", read_only=True)


class _Reader:
    """Reads a chain and stops at the first fault."""

    def __init__(self, tenant_id: str | None, expected: tuple[int, str] | None) -> None:
        self.tenant_id, self.expected = tenant_id, expected
        self.number, self.hash = 0, FIRST_HASH
        self.fault: Fault | None = None
        self.fault_number = 0

    def read_page(self, end: int) -> bool:
        """Check the next entries up to number `end`; return whether there were any."""
        column = _model(self.tenant_id).number
        with _reading(self.tenant_id) as session:
            query = chain.entries_of(self.tenant_id).where(column > self.number, column <= end)
            rows = _rows(session, query.order_by(column).limit(_PAGE))
        for row in rows:
            self._check(row)
            if self.fault is not None:
                return True
        return bool(rows)

    def _check(self, row: AuditFields | int) -> None:
        if isinstance(row, int):
            self._stop(Fault.ALTERED, row)
        elif row.number != self.number + 1:
            self._stop(Fault.MISSING, self.number + 1)
        elif not _is_as_written(row, self.tenant_id):
            self._stop(Fault.ALTERED, row.number)
        elif row.previous_hash != self.hash:
            self._stop(Fault.INSERTED, row.number)
        elif self.expected and row.number == self.expected[0] and row.hash != self.expected[1]:
            self._stop(Fault.EXPECTED, row.number)
        else:
            self.number, self.hash = row.number, row.hash

    def _stop(self, fault: Fault, number: int) -> None:
        self.fault, self.fault_number = fault, number

    def verdict(self) -> Verdict:
        """Return what was found so far."""
        return Verdict(self.number, self.number, self.hash, self.fault, self.fault_number)


def _model(tenant_id: str | None) -> Any:
    return PlatformAuditEntry if tenant_id is None else AuditEntry


def _rows(session: Transaction, query: Any) -> list[Any]:
    """Return the entries of a query; in place of one that cannot be read as an entry, its number ends the list."""
    try:
        return list(session.exec(query).all())
    except (ValueError, TypeError, LookupError, AttributeError):
        model = query.column_descriptions[0]["entity"]
        numbers = session.exec(query.with_only_columns(model.number)).all()
    rows: list[Any] = []
    for number in numbers:
        try:
            rows.append(session.exec(query.limit(None).where(model.number == number)).one())
        except (ValueError, TypeError, LookupError, AttributeError):
            return [*rows, number]
    return rows


def _is_as_written(row: AuditFields, tenant_id: str | None) -> bool:
    try:
        return chain.entry_hash(row, tenant_id) == row.hash
    except (ValueError, TypeError, AttributeError, json.JSONDecodeError):
        return False


def _check_end(tenant_id: str | None, head: HeadFields | None, reader: _Reader) -> Verdict:
    """Compare the end of a chain with its head, and with what was added meanwhile."""
    end = head.number if head else 0
    fault: tuple[Fault, int] | None = None
    if reader.number < end:
        fault = (Fault.CUT, reader.number + 1)
    elif head is not None and (head.hash != reader.hash or not chain.is_head_signed(tenant_id, head)):
        fault = (Fault.HEAD, end)
    elif beyond := _beyond_head(tenant_id):
        fault = (Fault.ADDED, beyond)
    elif reader.expected and reader.expected[0] > end:
        fault = (Fault.CUT, end + 1)
    if fault is None:
        return reader.verdict()
    return Verdict(reader.number, reader.number, reader.hash, *fault)


def _beyond_head(tenant_id: str | None) -> int:
    """Return the number of the first entry after the head, 0 if there is none."""
    column = col(_model(tenant_id).number)
    with _reading(tenant_id) as session:
        newest = session.exec(chain.entries_of(tenant_id).with_only_columns(func.max(column))).one() or 0
        head = chain.head_of(session, tenant_id)  # read later: it is never behind the entries
        end = head.number if head else 0
        if int(newest) <= end:
            return 0
        return int(
            session.exec(chain.entries_of(tenant_id).where(column > end).with_only_columns(func.min(column))).one()
        )

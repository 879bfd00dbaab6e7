"""Job turns: picks the jobs that are next, by priority and round-robin among the tenants.

Tenants of a priority have their turns in the order of their ids, one job each; whose turn it is, is a row of JobTurn.
Every step is a seek in the index `ix_job_ready`: its cost grows with the kinds and tenants that wait, not with their
jobs.
"""

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, TextClause

from platform_app.clock import new_id, now
from platform_app.db import Transaction, session_scope
from platform_app.models.job import Priority
from platform_app.services.jobs.job_limits import Limits, count_threads
from platform_app.services.jobs.job_statements import END_TURN, FIRST_TURN, HEADS, JOBS, KINDS, LOCK, TURNS

# Of eight claims in turn, the priority that comes first. The others follow by rank, so that no thread is left idle.
PREFERRED = (
    Priority.HIGH,
    Priority.HIGH,
    Priority.NORMAL,
    Priority.HIGH,
    Priority.HIGH,
    Priority.NORMAL,
    Priority.HIGH,
    Priority.LOW,
)
AHEAD_SECONDS = 0.1  # for which jobs that were read are picked without reading again
AHEAD = 20  # jobs that are read at once
_CLAIM_LOCK = 7_203_511_905  # any number, the same in every process

_LAST_ID = "g"  # behind every hexadecimal id


@dataclass(frozen=True)
class Choice:
    """A job that is next."""

    id: str
    tenant_id: str
    kind: str
    lock_key: str | None
    run_at: Any  # as the database returns it, for comparison
    priority: Priority


def lock_claims(session: Transaction) -> None:
    """Let no other transaction claim until this one ends. It comes before rows of jobs are written or locked."""
    if session.connection().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        session.connection().execute(LOCK, {"key": _CLAIM_LOCK})


class Turns:
    """Picks the next jobs for one worker, and counts those that are claimed.

    What it has read is used for AHEAD_SECONDS, in which quick jobs are claimed without reading again; running jobs and
    limits are read in every transaction.
    """

    def __init__(self) -> None:
        self._waiting: dict[Priority, _Waiting] = {}
        self._read_at = float("-inf")
        self._claimed = 0

    def begin(self, session: Transaction, threads: int, *, read_only: bool = False) -> None:
        """Begin to pick in a transaction; it waits for that of another worker that does."""
        self.is_fresh = False  # whether anything was read in this transaction
        self._connection = session.connection()
        if not read_only:
            lock_claims(session)
        self.limits = Limits(self._connection, threads)

    def choose(self, count: int, *, again: bool = False) -> list[Choice]:
        """Return up to `count` jobs that are next, `again` from the database; `settle` has to be called with them."""
        if again or time.monotonic() - self._read_at > AHEAD_SECONDS:
            self._read(max(count, AHEAD))
        picked: list[Choice] = []
        for number in range(count):
            first = PREFERRED[(self._claimed + number) % len(PREFERRED)]
            ranked = [first, *(priority for priority in Priority if priority != first)]
            choice = next(
                filter(None, (self._waiting[one].next(self._connection, self.limits) for one in ranked)), None
            )
            if choice is None:
                break
            self.limits.add(choice.tenant_id, choice.kind, choice.priority)
            picked.append(choice)
        return picked

    def settle(self, picked: list[Choice], claimed: set[str]) -> None:
        """Record whose turn is over; picked jobs that were not claimed are not counted as running."""
        for choice in picked:
            if choice.id not in claimed:
                self.limits.add(choice.tenant_id, choice.kind, choice.priority, -1)
        for priority in Priority:
            served = [choice.tenant_id for choice in picked if choice.priority == priority and choice.id in claimed]
            if served:
                self._record(priority, served[-1], len(served))

    def _record(self, priority: Priority, tenant_id: str, count: int) -> None:
        values = {"priority": priority, "tenant_id": tenant_id, "count": count}
        if not self._connection.execute(END_TURN, values).rowcount:
            self._connection.execute(FIRST_TURN, values | {"id": new_id(), "now": now()})
        self._claimed += count

    def _read(self, count: int) -> None:
        rows = {row.priority: row for row in self._connection.execute(TURNS)}
        self._claimed = sum(row.claimed for row in rows.values())
        for priority in Priority:
            after = rows[priority].last_tenant_id if priority in rows else ""
            self._waiting[priority] = _Waiting(priority, after, count)
        self._read_at, self.is_fresh = time.monotonic(), True


class _Waiting:
    """The next jobs of a priority, read when the first one is asked for."""

    def __init__(self, priority: Priority, after: str, count: int) -> None:
        self.priority, self.after, self.count = priority, after, count
        self._jobs: deque[Choice] | None = None

    def next(self, connection: Connection, limits: Limits) -> Choice | None:
        """Return the next job within the limits, or None."""
        if limits.is_full(self.priority):
            return None
        self.connection = connection  # of this transaction
        if self._jobs is None:
            self._jobs = deque(self._in_turn(limits))
        while self._jobs:
            job = self._jobs.popleft()
            is_full = limits.is_full_for_tenant(job.tenant_id, self.priority) or limits.is_full_for_kind(job.kind)
            if not is_full:
                return job
        return None

    def _in_turn(self, limits: Limits) -> Iterator[Choice]:
        """Yield the first job of each tenant in turn, then the second ones, and so on."""
        heads: dict[str, list[Choice]] = defaultdict(list)
        for head in self._heads(limits):
            if not limits.is_full_for_tenant(head.tenant_id, self.priority):
                heads[head.tenant_id].append(head)
        each = -(-self.count // max(1, len(heads)))
        lines: list[list[Choice]] = []
        for tenant_id in sorted(heads, key=lambda tenant_id: (tenant_id <= self.after, tenant_id)):
            jobs = heads[tenant_id]
            if each > 1:
                jobs = [job for head in jobs for job in self._rows(JOBS, head.kind, tenant_id=tenant_id, count=each)]
            lines.append(sorted(jobs, key=lambda job: (job.run_at, job.id)))
        for nth in zip_longest(*lines):
            yield from filter(None, nth)

    def _heads(self, limits: Limits) -> Iterator[Choice]:
        wanted = self.count + limits.full_tenants(self.priority)
        for kind in self.connection.execute(KINDS, {"priority": self.priority}).scalars().all():
            if limits.is_full_for_kind(kind):
                continue
            found = self._rows(HEADS, kind, after=self.after, until=_LAST_ID, count=wanted)
            yield from found
            if self.after and len(found) < wanted:
                yield from self._rows(HEADS, kind, after="", until=self.after, count=wanted - len(found))

    def _rows(self, query: TextClause, kind: str, **values: Any) -> list[Choice]:
        values |= {"priority": self.priority, "kind": kind, "now": now()}
        rows = self.connection.execute(query, values).all()
        return [Choice(row.id, row.tenant_id, kind, row.lock_key, row.run_at, self.priority) for row in rows]


def has_next() -> bool:
    """Return whether a job is due that may be claimed."""
    turns = Turns()
    with session_scope(reason="jobs that are due", read_only=True) as session:
        turns.begin(session, count_threads(session), read_only=True)
        return bool(turns.choose(1))

"""Job limits: how many jobs of a priority, a kind and a tenant may run at once, over all workers together.

Running jobs are rows, so that every worker counts the same ones. A job is never interrupted, so threads are kept free
for those that are yet to come.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, unscoped
from platform_app.jobs import KINDS
from platform_app.models.job import Priority, ProcessBeat
from platform_app.services.jobs.job_statements import RUNNING


def count_threads(session: Transaction) -> int:
    """Return the number of jobs that all workers with a recent heartbeat may run at once, at least that of one."""
    recent = now() - timedelta(seconds=2 * settings().lease_seconds)
    beats = session.exec(unscoped(ProcessBeat).where(col(ProcessBeat.beat_at) > recent)).all()
    threads = (int(beat.snapshot.get("worker", {}).get("concurrency", 0)) for beat in beats)
    return max(settings().worker_concurrency, sum(threads))


def unknown_kinds() -> list[str]:
    """Return the kinds of PLATFORM_JOB_LIMITS that no job has."""
    return [kind for kind in settings().limits_of_jobs if kind not in KINDS]


class Limits:
    """What is running, and whether one more job may be claimed."""

    def __init__(self, connection: Connection, threads: int) -> None:
        kept = max(1, threads // 6)  # threads kept free at each priority for higher ones, and as many for other tenants
        self.of_all = {
            Priority.HIGH: threads,
            Priority.NORMAL: max(1, threads - kept),
            Priority.LOW: max(1, threads - 2 * kept),
        }
        self.of_a_tenant = {
            Priority.HIGH: max(1, threads - kept),
            Priority.NORMAL: max(1, threads - 2 * kept),
            Priority.LOW: max(1, threads - 3 * kept),
        }
        self.of_a_kind = settings().limits_of_jobs
        self.running: Counter[Any] = Counter()
        for tenant_id, kind, priority, count in connection.execute(RUNNING).all():
            self.add(tenant_id, kind, as_priority(priority), count)

    def add(self, tenant_id: str, kind: str, priority: Priority, count: int = 1) -> None:
        """Count jobs as running."""
        self.running[kind] += count
        for level in Priority:
            if priority >= level:  # those of a lower priority take threads from the same share
                self.running[level] += count
                self.running[tenant_id, level] += count

    def is_full(self, priority: Priority) -> bool:
        """Return whether no job of a priority may be claimed."""
        return any(self.running[level] >= self.of_all[level] for level in Priority if level <= priority)

    def is_full_for_tenant(self, tenant_id: str, priority: Priority) -> bool:
        """Return whether a tenant has as many jobs running as it may."""
        levels = (level for level in Priority if level <= priority)
        return any(self.running[tenant_id, level] >= self.of_a_tenant[level] for level in levels)

    def is_full_for_kind(self, kind: str) -> bool:
        """Return whether as many jobs of a kind are running as may."""
        limit = self.of_a_kind.get(kind)
        return limit is not None and self.running[kind] >= limit

    def full_tenants(self, priority: Priority) -> int:
        """Return the number of tenants that have as many jobs running as they may."""
        tenants = {key[0] for key in self.running if isinstance(key, tuple)}
        return sum(self.is_full_for_tenant(tenant_id, priority) for tenant_id in tenants)


def as_priority(number: int) -> Priority:
    """Return the priority with a number of the ledger; one that this version does not know is the lowest."""
    return Priority(number) if number in set(Priority) else Priority.LOW

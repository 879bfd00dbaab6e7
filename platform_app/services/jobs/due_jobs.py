"""Due jobs: selects jobs to wake workers for, fairly among tenants."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import session_scope, unscoped
from platform_app.models.job import Job, JobState

MAX_PER_TENANT = 20  # wake-ups per tenant and run, so that no tenant's backlog fills the queue


def dispatch_due() -> list[tuple[str, str]]:
    """Return kind and id of due jobs not dispatched recently, and mark them as dispatched now.

    At most MAX_PER_TENANT jobs of each tenant are returned.
    """
    with session_scope(reason="jobs that are due") as session:
        at = now()
        silent = or_(
            col(Job.dispatched_at).is_(None),
            col(Job.dispatched_at) < at - timedelta(seconds=settings().redispatch_seconds),
        )
        waits = unscoped(Job).where(Job.state == JobState.QUEUED, Job.run_at <= at, silent)
        tenants = session.exec(waits.with_only_columns(Job.tenant_id).distinct()).all()
        jobs: list[Job] = []
        for tenant in tenants:
            mine = waits.where(Job.tenant_id == tenant, _is_first_in_line(tenant)).order_by(Job.run_at, Job.id)
            mine = mine.limit(MAX_PER_TENANT)
            jobs.extend(session.exec(mine.with_for_update(skip_locked=True)).all())
        for job in jobs:
            job.dispatched_at = at
        return [(job.kind, job.id) for job in sorted(jobs, key=lambda job: job.run_at)]


def _is_first_in_line(tenant_id: str) -> Any:
    """Return the SQL condition that no older or running job has a job's lock.

    The heads of all lines are read once; a look before each job would take quadratic time.
    """
    locked = unscoped(Job).where(Job.tenant_id == tenant_id, col(Job.lock_key).is_not(None))
    heads = locked.where(Job.state == JobState.QUEUED).with_only_columns(func.min(Job.id)).group_by(Job.lock_key)
    held = locked.where(Job.state == JobState.RUNNING).with_only_columns(Job.lock_key)
    return or_(col(Job.lock_key).is_(None), col(Job.id).in_(heads) & col(Job.lock_key).not_in(held))

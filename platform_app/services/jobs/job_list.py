"""Job list: jobs as the console shows them, what members may do with them, and the worker's status."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, unscoped
from platform_app.errors import Conflict, NotFound
from platform_app.job_callbacks import call_on_failure, call_on_retry
from platform_app.job_queue import request_wakeups, unblock_next
from platform_app.jobs import add_to_tally, priority_of
from platform_app.models.job import Effect, Job, JobState, WorkerBeat
from platform_app.models.person import Identity
from platform_app.services.jobs import job_counts

RETRYABLE = (JobState.FAILED, JobState.DEAD, JobState.UNCERTAIN, JobState.CANCELLED)
BEAT_TIMEOUT = 10.0  # seconds without a heartbeat after which the worker counts as down


def list_jobs(
    session: Transaction, who: Identity, *, state: str = "", kind: str = "", page: int = 1, page_size: int = 25
) -> tuple[list[Job], int]:
    """Return one page of the tenant's jobs, newest first, and the number of all matching ones."""
    query = owned(Job, who.tenant_id)
    if state:
        query = query.where(Job.state == state)
    if kind:
        query = query.where(Job.kind == kind)
    total = job_counts.count_jobs(session, who.tenant_id, state=state, kind=kind)
    page_query = (
        query.order_by(col(Job.created_at).desc(), col(Job.id).desc()).offset((page - 1) * page_size).limit(page_size)
    )
    return list(session.exec(page_query).all()), total


def _get(session: Transaction, who: Identity, job_id: str) -> Job:
    job: Job | None = session.exec(owned(Job, who.tenant_id).where(Job.id == job_id).with_for_update()).first()
    if job is None:
        raise NotFound("Job not found.")
    return job


def retry(session: Transaction, who: Identity, job_id: str) -> Job:
    """Queue a failed, dead, uncertain or cancelled job again.

    Raises NotFound if there is no such job, Conflict if it is in another state or its callback refuses.
    """
    job = _get(session, who, job_id)
    if job.state not in RETRYABLE:
        raise Conflict("This job can’t be retried now.")
    for effect in session.exec(owned(Effect, who.tenant_id).where(Effect.job_id == job.id)).all():
        if effect.closed_at is None:
            session.delete(effect)
    job.state, job.attempts, job.crashes, job.shared_crashes = JobState.QUEUED, 0, 0, 0
    job.error, job.error_values = "", {}
    job.run_at, job.finished_at, job.is_blocked = now(), None, False
    job.priority = priority_of(job.kind)
    call_on_retry(session, job)
    request_wakeups(session)
    return job


def cancel(session: Transaction, who: Identity, job_id: str) -> Job:
    """Cancel a queued job. Raises NotFound if there is no such job, Conflict if it is not queued."""
    job = _get(session, who, job_id)
    if job.state != JobState.QUEUED:
        raise Conflict("Only a queued job can be canceled.")
    job.state, job.finished_at = JobState.CANCELLED, now()
    session.flush()
    unblock_next(session, [job])
    call_on_failure(session, job, job.state)
    return job


def resolve_uncertain(session: Transaction, who: Identity, job_id: str) -> Job:
    """Mark an uncertain job as done: a member says that its call arrived.

    Raises NotFound if there is no such job, Conflict if it is not uncertain.
    """
    job = _get(session, who, job_id)
    if job.state != JobState.UNCERTAIN:
        raise Conflict("This job isn’t uncertain.")
    call_on_failure(session, job, job.state)  # its callback lets people decide where they look for it
    job.state, job.finished_at = JobState.DONE, now()
    add_to_tally(session, who.tenant_id, job.kind)
    return job


@dataclass
class WorkerStatus:
    """The newest snapshot of a worker, and whether it is healthy."""

    is_healthy: bool
    is_responding: bool  # a worker's heartbeat is recent
    snapshot: dict[str, Any] = field(default_factory=dict)
    tenant_jobs: dict[str, int] = field(default_factory=dict)  # the tenant's own jobs by state


def worker_status(session: Transaction, who: Identity) -> WorkerStatus:
    """Return the worker's status for the dashboard, from the snapshot that /health and /metrics render."""
    beat: WorkerBeat | None = session.exec(
        unscoped(WorkerBeat).order_by(col(WorkerBeat.beat_at).desc()).limit(1)
    ).first()
    mine = job_counts.tenant_counts(session, who.tenant_id)
    if beat is None or (now() - beat.beat_at).total_seconds() > BEAT_TIMEOUT:
        return WorkerStatus(
            is_healthy=False, is_responding=False, snapshot=beat.snapshot if beat else {}, tenant_jobs=mine
        )
    return WorkerStatus(
        is_healthy=beat.snapshot.get("status") == "ok", is_responding=True, snapshot=beat.snapshot, tenant_jobs=mine
    )

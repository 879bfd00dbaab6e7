"""Jobs: what a person sees of the ledger and may do with it, and the worker's own word about itself."""

from dataclasses import dataclass, field
from typing import Any

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, unscoped
from platform_app.errors import Conflict, NotFound
from platform_app.job_callbacks import call_on_failure, call_on_retry
from platform_app.jobs import add_to_tally
from platform_app.models.job import Effect, Job, JobState, WorkerBeat
from platform_app.models.person import Identity
from platform_app.services.jobs import job_counts

RETRYABLE = (JobState.FAILED, JobState.DEAD, JobState.UNCERTAIN, JobState.CANCELLED)
BEAT_TIMEOUT = 10.0  # seconds without a beat after which no worker answers


def list_jobs(
    session: Transaction, who: Identity, *, state: str = "", kind: str = "", page: int = 1, page_size: int = 25
) -> tuple[list[Job], int]:
    """Return one page of the tenant's jobs, newest first, and how many there are."""
    query = owned(Job, who.tenant_id)
    if state:
        query = query.where(Job.state == state)
    if kind:
        query = query.where(Job.kind == kind)
    total = job_counts.count_jobs(session, who.tenant_id, state=state, kind=kind)
    found = query.order_by(Job.created_at.desc(), Job.id.desc()).offset((page - 1) * page_size).limit(page_size)  # type: ignore[attr-defined]
    return list(session.exec(found).all()), total


def _get(session: Transaction, who: Identity, job_id: str) -> Job:
    job: Job | None = session.exec(owned(Job, who.tenant_id).where(Job.id == job_id).with_for_update()).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job


def retry(session: Transaction, who: Identity, job_id: str) -> Job:
    """Put a job that failed, died, is uncertain or was cancelled back into the queue."""
    job = _get(session, who, job_id)
    if job.state not in RETRYABLE:
        raise Conflict("This job cannot be retried now.")
    for effect in session.exec(owned(Effect, who.tenant_id).where(Effect.job_id == job.id)).all():
        if effect.closed_at is None:
            session.delete(effect)
    job.state, job.attempts, job.crashes, job.shared_crashes = JobState.QUEUED, 0, 0, 0
    job.error, job.error_values = "", {}
    job.run_at = job.dispatched_at = now()
    job.finished_at = None
    call_on_retry(session, job)
    kind = job.kind
    session.after_commit.append(lambda: notifier.wake_workers([(kind, job_id)]))
    return job


def cancel(session: Transaction, who: Identity, job_id: str) -> Job:
    """Take a waiting job out of the queue."""
    job = _get(session, who, job_id)
    if job.state != JobState.QUEUED:
        raise Conflict("Only a job that waits can be cancelled.")
    job.state, job.finished_at = JobState.CANCELLED, now()
    call_on_failure(session, job, job.state)
    return job


def resolve_uncertain(session: Transaction, who: Identity, job_id: str) -> Job:
    """Note a person's word that an uncertain call did arrive."""
    job = _get(session, who, job_id)
    if job.state != JobState.UNCERTAIN:
        raise Conflict("This job is not uncertain.")
    call_on_failure(session, job, job.state)  # where people look for it, they decide
    job.state, job.finished_at = JobState.DONE, now()
    add_to_tally(session, who.tenant_id, job.kind)
    return job


@dataclass
class WorkerStatus:
    """The worker's newest snapshot, and whether all is well."""

    is_healthy: bool
    is_responding: bool  # a worker gave a sign of life of late
    snapshot: dict[str, Any] = field(default_factory=dict)
    tenant_jobs: dict[str, int] = field(default_factory=dict)  # the tenant's own jobs by state


def worker_status(session: Transaction, who: Identity) -> WorkerStatus:
    """Return what the dashboard shows of the worker: the very snapshot that /health and /metrics render."""
    beat: WorkerBeat | None = session.exec(unscoped(WorkerBeat).order_by(WorkerBeat.beat_at.desc()).limit(1)).first()  # type: ignore[attr-defined]
    mine = job_counts.tenant_counts(session, who.tenant_id)
    if beat is None or (now() - beat.beat_at).total_seconds() > BEAT_TIMEOUT:
        return WorkerStatus(
            is_healthy=False, is_responding=False, snapshot=beat.snapshot if beat else {}, tenant_jobs=mine
        )
    return WorkerStatus(
        is_healthy=beat.snapshot.get("status") == "ok", is_responding=True, snapshot=beat.snapshot, tenant_jobs=mine
    )

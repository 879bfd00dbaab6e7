"""Job list: jobs as the console shows them, what members may do with them, and the worker's status."""

from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, NotFound
from platform_app.job_callbacks import call_on_failure, call_on_retry
from platform_app.job_queue import request_wakeups, unblock_next
from platform_app.jobs import add_to_tally, priority_of
from platform_app.models.job import Effect, Job, JobState, ProcessKind
from platform_app.models.person import Identity
from platform_app.services.jobs import job_counts, process_beats
from platform_app.services.jobs.process_beats import RunningProcess

RETRYABLE = (JobState.FAILED, JobState.DEAD, JobState.UNCERTAIN, JobState.CANCELLED)


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
    """Whether the workers with a recent heartbeat are healthy; the snapshot of one that is not, else of any.

    Without such a worker, the snapshot has only the age of the oldest job.
    """

    is_healthy: bool
    count: int = 0  # of workers with a recent heartbeat
    snapshot: dict[str, Any] = field(default_factory=dict)
    tenant_jobs: dict[str, int] = field(default_factory=dict)  # the tenant's own jobs by state
    processes: list[RunningProcess] = field(default_factory=list)  # of every kind

    @property
    def is_responding(self) -> bool:
        """Whether there is a worker with a recent heartbeat."""
        return self.count > 0


def worker_status(session: Transaction, who: Identity) -> WorkerStatus:
    """Return the workers' status for the dashboard, from the snapshots that /health and /metrics render."""
    beats = process_beats.recent_beats(session)
    snapshots = sorted((beat.snapshot for beat in beats if beat.kind == ProcessKind.WORKER), key=is_well)
    status = WorkerStatus(all(map(is_well, snapshots)) and bool(snapshots), len(snapshots))
    status.snapshot = snapshots[0] if snapshots else {"oldestJobAge": job_counts.oldest_wait_seconds()}
    status.processes = process_beats.running_processes(beats)
    status.tenant_jobs = job_counts.tenant_counts(session, who.tenant_id)
    return status


def is_well(snapshot: dict[str, Any]) -> bool:
    """Return whether a worker is well, by the snapshot of its heartbeat."""
    return snapshot.get("status") == "ok"

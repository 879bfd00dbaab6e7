"""Abandoned jobs: recovery of running jobs whose lease ran out.

An expired lease does not prove that the job is at fault: its worker may be starved or stopped, or have died of another
job that it ran at the same time. So:

- If the worker's heartbeat is newer than its last renewal, it is alive: nothing is counted.
- If the job finished an outbound call in this attempt, it made progress: its counts are reset.
- If the worker died while it ran only this job, that is a crash of the job. After MAX_CRASHES the job is dead.
- If it ran several jobs, that is a shared crash of each. From then on the job is run alone (see worker.isolation) to
  find the culprit; where that is not possible, MAX_SHARED_CRASHES make it dead.

An attempt that is not counted as a crash does not count as an attempt either.
"""

from datetime import timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, session_scope, unscoped
from platform_app.job_callbacks import call_on_failure
from platform_app.job_queue import request_wakeups, unblock_next
from platform_app.jobs import REPORT_UNCERTAIN
from platform_app.models.job import Effect, Job, JobState, ProcessBeat

MAX_CRASHES = 3  # without progress in between
MAX_SHARED_CRASHES = 12  # of workers that ran other jobs too
BATCH_SIZE = 200  # jobs recovered per transaction


def recover_abandoned() -> None:
    """Take running jobs with expired leases from their workers: queued again, uncertain or dead."""
    late = unscoped(Job).where(Job.state == JobState.RUNNING, col(Job.lease_until) < now())
    with session_scope(reason="leases that ran out", read_only=True) as session:  # keeps no writer waiting
        if session.exec(late.with_only_columns(Job.id).limit(1)).first() is None:
            return
    with session_scope(reason="leases that ran out") as session:
        for job in session.exec(late.limit(BATCH_SIZE).with_for_update(skip_locked=True)).all():
            _recover(session, job)
            call_on_failure(session, job, job.state)
            session.flush()
            if job.state == JobState.QUEUED:
                request_wakeups(session)
            else:
                unblock_next(session, [job])


def _recover(session: Transaction, job: Job) -> None:
    effects = unscoped(Effect).where(Effect.job_id == job.id)
    doubtful = effects.where(col(Effect.closed_at).is_(None), col(Effect.repeatable).is_(False))
    in_doubt = session.exec(doubtful.limit(1)).first() is not None
    is_alive = _is_alive(session, job)
    job.lease_token = None
    if in_doubt and job.kind in REPORT_UNCERTAIN and job.attempts < 2 * MAX_CRASHES:
        job.state = JobState.QUEUED
    elif in_doubt:
        job.state, job.finished_at = JobState.UNCERTAIN, now()
        job.error = "The worker stopped during an external call. We don’t know if it arrived."
    else:
        came_on = session.exec(effects.where(col(Effect.closed_at) >= job.started_at).limit(1)).first() is not None
        _count_crash(job, is_alive=is_alive, came_on=came_on)


def _is_alive(session: Transaction, job: Job) -> bool:
    """Return whether the worker's heartbeat is well after its last renewal of the lease."""
    beat = session.get(ProcessBeat, job.worker_id) if job.worker_id else None
    half = timedelta(seconds=settings().lease_seconds / 2)
    return beat is not None and job.lease_until is not None and beat.beat_at > job.lease_until - half


def _count_crash(job: Job, *, is_alive: bool, came_on: bool) -> None:
    """Count the end of an attempt, and queue the job again or mark it as dead."""
    if came_on:
        job.crashes = job.shared_crashes = 0
    elif job.is_alone and not is_alive:
        job.crashes += 1
    elif not is_alive:
        job.shared_crashes += 1
    if came_on or is_alive or not job.is_alone:
        job.attempts = max(0, job.attempts - 1)
    job.state, job.is_alone = JobState.QUEUED, False
    if job.crashes >= MAX_CRASHES or job.shared_crashes >= MAX_SHARED_CRASHES:
        job.state, job.finished_at = JobState.DEAD, now()
        job.error = "The worker crashed three times while running this job."
        if job.crashes < MAX_CRASHES:
            job.error = "The workers running this job kept crashing."
    elif job.run_at < now():
        job.run_at = now()  # behind the waiting jobs: the first in line would meet every fault of the machine

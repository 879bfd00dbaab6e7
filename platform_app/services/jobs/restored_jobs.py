"""Restored jobs: the jobs that were open when a backup was made are not run again without being asked for."""

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import session_scope, unscoped
from platform_app.job_callbacks import call_on_failure
from platform_app.jobs import ImportContacts, IndexSource, ReadSite, RebuildIndex, RemoveSource
from platform_app.models.job import Job, JobState

# These change the platform's own rows and files only, and go on where they stopped.
_OWN_DATA = (IndexSource, RemoveSource, ReadSite, RebuildIndex, ImportContacts)
_REPEATABLE = tuple(payload.model_fields["kind"].default for payload in _OWN_DATA)
_OPEN = (JobState.QUEUED, JobState.RUNNING)
_BATCH = 200
ASK = "This job was open when the backup was made. Check whether it was done since, then retry or cancel it."


def hold_open_jobs() -> int:
    """Mark open jobs that may reach other systems as uncertain, and queue the others again; return how many wait.

    What such a job does may have been done between the backup and its restore.
    """
    held = 0
    while count := _hold_some():
        held += count
    with session_scope(reason="jobs that were running at the backup") as session:
        query = unscoped(Job).where(Job.state == JobState.RUNNING)
        for job in session.exec(query).all():
            job.state, job.lease_token, job.lease_until = JobState.QUEUED, None, None
    return held


def _hold_some() -> int:
    with session_scope(reason="jobs that were open at the backup") as session:
        query = unscoped(Job).where(col(Job.state).in_(_OPEN), col(Job.kind).not_in(_REPEATABLE))
        jobs: list[Job] = list(session.exec(query.limit(_BATCH)).all())
        for job in jobs:
            job.state, job.finished_at, job.error = JobState.UNCERTAIN, now(), ASK
            job.lease_token = job.lease_until = None
            session.flush()
            call_on_failure(session, job, job.state)
        return len(jobs)

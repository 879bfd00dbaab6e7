"""Purposes: by the kind of a job, what is told when the job ends without what it was for, and when it is revived."""

from platform_app.db import Transaction
from platform_app.engine import log, outside_steps
from platform_app.job_purposes import OTHER, PURPOSES, Purpose
from platform_app.jobs import RebuildIndex
from platform_app.models.event import ActivityKind
from platform_app.models.job import JobState
from platform_app.services import activity, importing, rebuilding, reply_jobs, source_jobs


def declare() -> None:
    """Make the purposes known to this process: the worker gives jobs up, people cancel and retry them."""
    PURPOSES["index_source"] = Purpose(
        source_jobs.indexing_given_up, source_jobs.indexing_revived, source_jobs.indexing_named_by
    )
    PURPOSES["remove_source"] = Purpose(
        source_jobs.removal_given_up, source_jobs.removal_revived, source_jobs.removal_named_by
    )
    PURPOSES["rebuild_index"] = Purpose(rebuilding.given_up, rebuilding.revived, lambda session, job: RebuildIndex())
    PURPOSES["import_contacts"] = Purpose(importing.given_up, importing.revived, importing.named_by)
    PURPOSES["handle_event"] = Purpose(log.given_up, log.revived)
    PURPOSES["take_step"] = Purpose(outside_steps.given_up, outside_steps.revived, outside_steps.named_by)
    PURPOSES["reply"] = Purpose(reply_jobs.given_up, reply_jobs.revived, reply_jobs.named_by)
    PURPOSES[OTHER] = Purpose(_other_given_up, lambda session, tenant_id, payload: None)


def _other_given_up(
    session: Transaction, tenant_id: str, kind: str, *, state: JobState, sentence: str, values: dict[str, str]
) -> None:
    """Say that a job has ended of which nothing else is known than its kind."""
    told, reason = "The background job “{job}” was given up: {reason}", sentence.format_map(values)
    link = f"/jobs?state={state.value}"
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, job=kind, reason=reason)

"""Source jobs: callbacks that update a source when its indexing or removal fails or is retried."""

from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import IndexSource, RemoveSource
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.services.feed import activity

_IN_PROGRESS = (SourceState.QUEUED, SourceState.READING, SourceState.INDEXING)


def _source(session: Transaction, tenant_id: str, source_id: str, *, deleted: bool) -> Source | None:
    query = owned(Source, tenant_id).where(Source.id == source_id)
    gone = col(Source.deleted_at)
    source: Source | None = session.exec(
        query.where(gone.is_not(None) if deleted else gone.is_(None)).with_for_update()
    ).first()
    return source


def on_indexing_failure(
    session: Transaction, tenant_id: str, payload: IndexSource, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark a source as failed if its indexing was in progress."""
    source = _source(session, tenant_id, payload.source_id, deleted=False)
    if source is None or source.state not in _IN_PROGRESS:
        return
    source.state, source.error, source.progress = SourceState.FAILED, sentence.format_map(values)[:500], 0
    link = f"/knowledge/{source.id}"
    failed = "Source “{title}” couldn’t be read"
    activity.record(session, tenant_id, ActivityKind.FAILURE, failed, link=link, title=source.title)
    _publish_change(session, source)


def on_indexing_retry(session: Transaction, tenant_id: str, payload: IndexSource) -> None:
    """Put a failed source back into state QUEUED. Raises Conflict if it is deleted."""
    source = _source(session, tenant_id, payload.source_id, deleted=False)
    if source is None:
        raise Conflict("This source is deleted.")
    if source.state == SourceState.FAILED:
        source.state, source.error, source.progress = SourceState.QUEUED, "", 0
        _publish_change(session, source)


def on_removal_failure(
    session: Transaction, tenant_id: str, payload: RemoveSource, *, state: JobState, sentence: str, values: Any
) -> None:
    """Record an activity that the file and chunks of a deleted source are still stored."""
    source = _source(session, tenant_id, payload.source_id, deleted=True)
    if source is None:
        return
    link, reason = "/jobs?kind=remove_source", sentence.format_map(values)
    kept = "File and text of the deleted source “{title}” are still kept: {reason}"
    activity.record(session, tenant_id, ActivityKind.FAILURE, kept, link=link, title=source.title, reason=reason)


def on_removal_retry(session: Transaction, tenant_id: str, payload: RemoveSource) -> None:
    """Check that a source is still to be removed.

    Raises Conflict if it was restored or is removed already.
    """
    if _source(session, tenant_id, payload.source_id, deleted=True) is None:
        raise Conflict("This source was restored or already removed.")


def indexing_payload_from_keys(session: Transaction, job: Job) -> IndexSource | None:
    """Return the payload of an indexing job from its lock key, or None."""
    source_id = id_from_key(job.lock_key, "source:")
    return IndexSource(source_id=source_id) if source_id else None


def removal_payload_from_keys(session: Transaction, job: Job) -> RemoveSource | None:
    """Return the payload of a removal job from its lock key, or None."""
    source_id = id_from_key(job.lock_key, "source:")
    return RemoveSource(source_id=source_id) if source_id else None


def _publish_change(session: Transaction, source: Source) -> None:
    tenant_id, source_id = source.tenant_id, source.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "source", source_id))

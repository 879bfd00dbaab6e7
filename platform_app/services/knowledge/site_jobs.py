"""Site jobs: begins the readings of web addresses that are due, and what their jobs call when they fail."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope, unscoped
from platform_app.errors import Conflict
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import ReadSite
from platform_app.models.job import Job, JobState
from platform_app.models.web_site import SiteState, WebSite
from platform_app.services.knowledge import site_readings

CLOCK_TOLERANCE = timedelta(hours=1)


def _is_due() -> ColumnElement[bool]:
    """Return the condition of being due: also of what was read by a clock that was ahead, and would wait for that."""
    was_ahead = and_(col(WebSite.next_read_at).is_not(None), col(WebSite.read_at) > now() + CLOCK_TOLERANCE)
    return or_(col(WebSite.next_read_at) <= now(), was_ahead)


def start_due() -> bool:
    """Begin the readings that are due; return that none is left."""
    due = unscoped(WebSite).where(_is_due(), col(WebSite.is_paused).is_(False), col(WebSite.deleted_at).is_(None))
    with session_scope(reason="web addresses that are due", read_only=True) as session:
        found = session.execute(due.with_only_columns(WebSite.tenant_id, WebSite.id)).all()
    for tenant_id, site_id in found:
        with session_scope(tenant_id) as session:
            still = owned(WebSite, tenant_id).where(WebSite.id == site_id, _is_due())
            site: WebSite | None = session.exec(still.with_for_update(skip_locked=True)).first()
            if site is not None and not site.is_paused and site.deleted_at is None and not site.is_in_progress:
                site_readings.start(session, site)
    return False


def on_failure(
    session: Transaction, tenant_id: str, payload: ReadSite, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark a web address as failed if the job of its current reading ended without success."""
    site = _of_job(session, tenant_id, payload)
    if site is not None and site.is_in_progress:
        site_readings.fail(session, site, sentence.format_map(values))


def on_retry(session: Transaction, tenant_id: str, payload: ReadSite) -> None:
    """Go on with the reading of a failed job. Raises Conflict if it is deleted or was read again since."""
    site = _of_job(session, tenant_id, payload)
    if site is None:
        raise Conflict("This web address is deleted or was read again since.")
    if site.state == SiteState.FAILED:
        site.state, site.error, site.next_read_at = SiteState.READING, "", None
        site_readings.let_unread_wait(session, site)
        site_readings.publish_change(session, site)


def payload_from_keys(session: Transaction, job: Job) -> ReadSite | None:
    """Return the payload of a job that reads a web address from its key, or None."""
    site_id = id_from_key(job.dedupe_key, site_readings.JOB_KEY).split("/")[0]
    site: WebSite | None = session.exec(owned(WebSite, job.tenant_id).where(WebSite.id == site_id)).first()
    return ReadSite(site_id=site.id, reading=site.reading) if site is not None else None


def _of_job(session: Transaction, tenant_id: str, payload: ReadSite) -> WebSite | None:
    query = owned(WebSite, tenant_id).where(WebSite.id == payload.site_id, col(WebSite.deleted_at).is_(None))
    site: WebSite | None = session.exec(query.where(WebSite.reading == payload.reading).with_for_update()).first()
    return site

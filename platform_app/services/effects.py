"""Effects: outward calls that happen once, or are known to be uncertain."""

from collections.abc import Callable
from typing import Any

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.jobs import RunningJob
from platform_app.models.job import Effect


class SureFailure(Exception):
    """The other side did not do it: refused, or answered with an error. It may be tried again."""


class Uncertain(Exception):
    """Whether the other side did it is not known: a person decides."""


def once(job: RunningJob, key: str, call: Callable[[str], dict[str, Any]], *, repeatable: bool) -> dict[str, Any]:
    """Make an outward call for a job once and return its outcome.

    The effect is written down before the call and closed after it. `call` gets the key to send along as the
    idempotency key; `repeatable` says that the other side honours it, so that a doubtful call may be made again.
    Raises SureFailure as `call` does, Uncertain when the outcome is unknown and the call must not be repeated.
    """
    with session_scope(job.tenant_id) as session:
        held = session.exec(owned(Effect, job.tenant_id).where(Effect.key == key)).first()
        if held is not None and held.closed_at is not None:
            return dict(held.outcome)
        if held is not None and not repeatable:
            raise Uncertain(key)
        if held is None:
            session.add(Effect(tenant_id=job.tenant_id, job_id=job.id, key=key, repeatable=repeatable))
    try:
        outcome = call(key)
    except SureFailure:
        _forget(job, key)
        raise
    except Exception as error:
        if repeatable:
            raise
        raise Uncertain(key) from error
    with session_scope(job.tenant_id) as session:
        row = session.exec(owned(Effect, job.tenant_id).where(Effect.key == key)).one()
        row.closed_at, row.outcome = now(), outcome
    return outcome


def _forget(job: RunningJob, key: str) -> None:
    with session_scope(job.tenant_id) as session:
        for row in session.exec(owned(Effect, job.tenant_id).where(Effect.key == key)).all():
            session.delete(row)

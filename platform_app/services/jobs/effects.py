"""Effects: outbound calls that are made once, or whose outcome is known to be uncertain."""

from collections.abc import Callable
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import PlatformError
from platform_app.jobs import RunningJob
from platform_app.models.job import Effect


class CallFailed(Exception):
    """The call had no effect: refused, or answered with an error. It may be retried.

    `sentence` is a message id of the catalogs whose placeholders `values` fill.
    """

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence.format(**values) if values else sentence)
        self.sentence = sentence
        self.values = values


class UncertainOutcome(Exception):
    """Whether the call had an effect is not known; a person decides."""


def call_once(job: RunningJob, key: str, call: Callable[[str], dict[str, Any]], *, repeatable: bool) -> dict[str, Any]:
    """Make an outbound call for a job once and return its outcome.

    The effect is recorded before the call and closed after it. `call` gets `key` to send as the idempotency key;
    `repeatable` says that the other side honours it, so that a call with an uncertain outcome may be repeated. Raises
    CallFailed and PlatformError as `call` does: nothing was done then. Raises UncertainOutcome if the outcome is
    unknown and the call must not be repeated.
    """
    with session_scope(job.tenant_id) as session:
        known = open_effect(session, job, key, repeatable=repeatable)
    if known is not None:
        return known
    try:
        outcome = call(key)
    except (CallFailed, PlatformError):
        with session_scope(job.tenant_id) as session:
            delete_effect(session, job, key)
        raise
    except Exception as error:
        if repeatable:
            raise
        raise UncertainOutcome(key) from error
    with session_scope(job.tenant_id) as session:
        close_effect(session, job.tenant_id, key, outcome)
    return outcome


def open_effect(session: Transaction, job: RunningJob, key: str, *, repeatable: bool) -> dict[str, Any] | None:
    """Record that a call is about to be made; return its outcome if it was made before, else None.

    Raises UncertainOutcome if it may have been made and must not be repeated.
    """
    held = session.exec(owned(Effect, job.tenant_id).where(Effect.key == key)).first()
    if held is None:
        session.add(Effect(tenant_id=job.tenant_id, job_id=job.id, key=key, repeatable=repeatable))
        return None
    if held.closed_at is not None:
        return dict(held.outcome)
    if not repeatable:
        raise UncertainOutcome(key)
    return None


def close_effect(session: Transaction, tenant_id: str, key: str, outcome: dict[str, Any]) -> None:
    """Record the outcome of a call."""
    row = session.exec(owned(Effect, tenant_id).where(Effect.key == key)).one()
    row.closed_at, row.outcome = now(), outcome


def delete_effect(session: Transaction, job: RunningJob, key: str) -> None:
    """Delete the record of a call that had no effect, so that it can be made again."""
    mine = owned_delete(Effect, job.tenant_id).where(col(Effect.key) == key, col(Effect.job_id) == job.id)
    session.execute(mine)


def is_uncertain(session: Transaction, tenant_id: str, key: str) -> bool:
    """Return whether a call was begun whose outcome is not known and that must not be repeated."""
    query = owned(Effect, tenant_id).where(Effect.key == key, col(Effect.closed_at).is_(None))
    return session.exec(query.where(col(Effect.repeatable).is_(False))).first() is not None


def allow_retry(session: Transaction, tenant_id: str, key: str) -> None:
    """Allow a call with an uncertain outcome to be made again; it may then have its effect twice."""
    begun = owned_delete(Effect, tenant_id).where(col(Effect.key) == key, col(Effect.closed_at).is_(None))
    session.execute(begun)

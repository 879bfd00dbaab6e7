"""Job callbacks: functions by kind of job that are called when a job ends without success or is retried."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.jobs import IN_DOUBT, PAYLOAD_CLASSES, RunningJob, UnreadablePayload, read_payload
from platform_app.models.job import Job, JobState

_logger = structlog.get_logger()


@dataclass(frozen=True)
class JobCallbacks:
    """The callbacks of a kind of job.

    `payload_from_keys` returns the payload from the keys of a job whose stored payload cannot be read, or None.
    """

    on_failure: Callable[..., object]  # also with `state`, the state of the job, a `sentence` and its `values`
    on_retry: Callable[[Transaction, str, Any], object]  # with the session, tenant id and payload
    payload_from_keys: Callable[[Transaction, Job], Any] = lambda session, job: None


CALLBACKS: dict[str, JobCallbacks] = {}  # by kind; see engine.callback_registry
OTHER_KINDS = ""  # key in CALLBACKS of kinds without callbacks of their own; its payload is the kind
_SENTENCES = {
    JobState.CANCELLED: "The job was canceled.",
    JobState.DEAD: "All retries failed.",
    JobState.UNCERTAIN: IN_DOUBT,
}


def call_on_failure(
    session: Transaction,
    job: Job | RunningJob,
    state: JobState,
    error: str = "",
    *,
    values: Mapping[str, str] | None = None,
) -> None:
    """Call the callback of a job that has ended without success; an exception in it is logged.

    `error` is a message id whose placeholders `values` fill, used for a job that failed or cannot be read.
    """
    if state not in (JobState.FAILED, *_SENTENCES):
        return
    said = {"state": state, "sentence": error or _SENTENCES[state], "values": dict(values or {})}
    try:
        with session.savepoint():
            _call(session, job, said)
    except OperationalError:  # the database is busy or away: the job's end is not written either
        raise
    except Exception:  # the job ends all the same
        _logger.exception("what a job was for was not told of its end", job_id=job.id)


def _call(session: Transaction, job: Job | RunningJob, said: dict[str, Any]) -> None:
    purpose = CALLBACKS.get(job.kind)
    payload = _payload(session, job, purpose) if purpose else None
    if purpose and payload is not None:
        purpose.on_failure(session, job.tenant_id, payload, **said)
    elif OTHER_KINDS in CALLBACKS:
        CALLBACKS[OTHER_KINDS].on_failure(session, job.tenant_id, job.kind, **said)


def call_on_retry(session: Transaction, job: Job) -> None:
    """Call the callback of a job that is retried. Raises Conflict if it cannot be retried."""
    try:
        payload = read_payload(job.kind, job.payload)
    except UnreadablePayload:
        raise Conflict("This job’s data couldn’t be read. Start it again where it was created.") from None
    if job.kind in CALLBACKS:
        CALLBACKS[job.kind].on_retry(session, job.tenant_id, payload)


def _payload(session: Transaction, job: Job | RunningJob, purpose: JobCallbacks) -> Any:
    """Return a job's payload; of one that cannot be read, what is known of it: the rest of it, or the job's keys."""
    if not isinstance(job, Job):
        return job.payload
    try:
        return read_payload(job.kind, job.payload)
    except UnreadablePayload:
        return _readable_fields(job.kind, job.payload) or purpose.payload_from_keys(session, job)


def _readable_fields(kind: str, data: Any) -> Any:
    """Return the payload made of those fields that can be read, when these are enough; else nothing."""
    if kind not in PAYLOAD_CLASSES or not isinstance(data, dict):
        return None
    fields = {name: data[name] for name in PAYLOAD_CLASSES[kind].model_fields if isinstance(data.get(name), str)}
    try:
        return PAYLOAD_CLASSES[kind].model_validate(fields | {"kind": kind}, strict=True)
    except ValidationError:
        return None


def id_from_key(key: str | None, prefix: str) -> str:
    """Return the id behind the prefix of a dedupe_key or lock_key, "" for another key."""
    return key.removeprefix(prefix) if key and key.startswith(prefix) else ""

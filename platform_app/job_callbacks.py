"""Job purposes: what jobs are for, which is told when they end without it and when they are tried again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from platform_app.db import Transaction
from platform_app.errors import Conflict
from platform_app.jobs import CLASSES, RunningJob, Unreadable, read_payload
from platform_app.models.job import Job, JobState

_logger = structlog.get_logger()


@dataclass(frozen=True)
class Purpose:
    """What a job of a kind is for: told when the job ends without it, and when the job is tried again.

    `named_by` returns the payload from the job's keys when the payload itself cannot be read; nothing when it cannot.
    """

    given_up: Callable[..., object]  # also what the job became, as `state`, a `sentence` that says so, its `values`
    revived: Callable[[Transaction, str, Any], object]  # of a tenant, with the payload
    named_by: Callable[[Transaction, Job], Any] = lambda session, job: None


PURPOSES: dict[str, Purpose] = {}  # by kind; see engine.purposes
OTHER = ""  # stands in PURPOSES for kinds without a purpose of their own; its payload is the kind
_SENTENCES = {
    JobState.CANCELLED: "Its job was cancelled.",
    JobState.DEAD: "It was tried again and again, and given up.",
    JobState.UNCERTAIN: "Whether it arrived is not known. Look there first: trying again does it once more.",
}


def give_up(
    session: Transaction,
    job: Job | RunningJob,
    state: JobState,
    error: str = "",
    *,
    values: Mapping[str, str] | None = None,
) -> None:
    """Tell what a job was for that the job has ended without it.

    `error` is said of one that failed or cannot be read: a message id, `values` fill its places.
    """
    if state not in (JobState.FAILED, *_SENTENCES):
        return
    said = {"state": state, "sentence": error or _SENTENCES[state], "values": dict(values or {})}
    try:
        with session.part():
            _tell(session, job, said)
    except OperationalError:  # the database is busy or away: the job's end is not written either
        raise
    except Exception:  # the job ends all the same
        _logger.exception("what a job was for was not told of its end", job_id=job.id)


def _tell(session: Transaction, job: Job | RunningJob, said: dict[str, Any]) -> None:
    purpose = PURPOSES.get(job.kind)
    payload = _payload(session, job, purpose) if purpose else None
    if purpose and payload is not None:
        purpose.given_up(session, job.tenant_id, payload, **said)
    elif OTHER in PURPOSES:
        PURPOSES[OTHER].given_up(session, job.tenant_id, job.kind, **said)


def revive(session: Transaction, job: Job) -> None:
    """Let what a job is for know that it is tried again; raises Conflict when that cannot be."""
    try:
        payload = read_payload(job.kind, job.payload)
    except Unreadable:
        raise Conflict("The data of this job cannot be read. Start it anew where it was begun.") from None
    if job.kind in PURPOSES:
        PURPOSES[job.kind].revived(session, job.tenant_id, payload)


def _payload(session: Transaction, job: Job | RunningJob, purpose: Purpose) -> Any:
    """Return a job's payload; of one that cannot be read, what is known of it: the rest of it, or the job's keys."""
    if not isinstance(job, Job):
        return job.payload
    try:
        return read_payload(job.kind, job.payload)
    except Unreadable:
        return _readable_part(job.kind, job.payload) or purpose.named_by(session, job)


def _readable_part(kind: str, data: Any) -> Any:
    """Return the payload made of those fields that can be read, when these are enough; else nothing."""
    if kind not in CLASSES or not isinstance(data, dict):
        return None
    fields = {name: data[name] for name in CLASSES[kind].model_fields if isinstance(data.get(name), str)}
    try:
        return CLASSES[kind].model_validate(fields | {"kind": kind}, strict=True)
    except ValidationError:
        return None


def id_in(key: str | None, prefix: str) -> str:
    """Return the id behind the prefix of a dedupe_key or lock_key; nothing for another key."""
    return key.removeprefix(prefix) if key and key.startswith(prefix) else ""

"""Job: the ledger of the worker's units of work, effects and the workers' signs of life."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, Row, enum_column, factory


class JobState(StrEnum):
    """Where a job stands. `failed` is a failure the person has to mend, `dead` gave up after its attempts."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


_QUEUED = text("state = 'queued'")
_RUNNING = text("state = 'running'")
_NOT_DONE = text("state <> 'done'")


class StoredPayload(TypeDecorator[Any]):
    """JSON as it was written by whatever release; a text that is no JSON is returned as it is instead of raising."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return what reads a stored value."""
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                return read(value) if read else value
            except (ValueError, RecursionError):
                return str(value)

        return process


class Job(Owned, table=True):
    """A unit of work for the worker. The row is the queue; Redis only rings."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "dedupe_key"),
        Index("ix_job_due", "tenant_id", "run_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index("ix_job_leased", "lease_until", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("uq_job_lock", "tenant_id", "lock_key", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_job_recent", "tenant_id", "state", "created_at"),
        Index("ix_job_newest", "tenant_id", "created_at", "id"),
        Index("ix_job_kind", "tenant_id", "kind", "created_at"),
        Index("ix_job_waiting", "run_at", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
        Index("ix_job_open", "tenant_id", "state", "kind", sqlite_where=_NOT_DONE, postgresql_where=_NOT_DONE),
    )
    kind: str = Field(max_length=40)
    payload: dict[str, Any] = Field(default_factory=factory(dict), sa_type=StoredPayload)
    state: JobState = Field(default=JobState.QUEUED, sa_type=enum_column(JobState))
    run_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    attempts: int = 0
    crashes: int = 0  # workers that died over it since it came on last, while they did nothing else
    shared_crashes: int = 0  # workers that died while they did it and more: any of it may be the reason
    max_attempts: int = 5
    dedupe_key: str | None = Field(default=None, max_length=200)
    lock_key: str | None = Field(default=None, max_length=100, index=True)
    lease_token: str | None = Field(default=None, max_length=32)
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    dispatched_at: datetime | None = Field(default=None, sa_type=Instant)
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    worker_id: str | None = Field(default=None, max_length=32)  # the WorkerBeat of who took it last
    is_alone: bool = False  # its worker does nothing else meanwhile: if that dies, it dies of this job
    error: str = ""  # a message id with {places}
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class JobTally(Owned, table=True):
    """How many jobs of a kind are done: the sum of its rows. Each transaction adds a row of its own, so that none
    waits for another; the worker puts rows together now and then."""

    __table_args__ = (Index("ix_jobtally_kind", "tenant_id", "kind"),)
    kind: str = Field(max_length=40)
    done: int = Field(default=0, sa_type=BigInteger)


class Effect(Owned, table=True):
    """One outward call. Written before the call, closed after: an open one after a crash is uncertain."""

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)
    job_id: str = Field(foreign_key="job.id", index=True, max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=200)
    repeatable: bool = False  # the other side honours the key: a doubtful call may be made again
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class WorkerBeat(Row, table=True):
    """A worker's sign of life with the snapshot of its probe; the console shows this very snapshot."""

    beat_at: datetime = Field(sa_type=Instant)
    snapshot: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)

"""Job models: the ledger of jobs, their effects, and the heartbeats of processes."""

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint, false, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, Row, enum_column, factory


class JobState(StrEnum):
    """The state of a job. FAILED needs a person to fix something; DEAD gave up after its attempts."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    DEAD = "dead"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


class Priority(IntEnum):
    """The class of a kind of job: those of a lower number are claimed first, but never they alone."""

    HIGH = 0  # somebody waits for it: replies, messages, links to sign in
    NORMAL = 1
    LOW = 2  # long work that nobody watches: indexing, imports


MAX_ATTEMPTS = 5  # of a job and its outbound calls
_QUEUED = text("state = 'queued'")
_RUNNING = text("state = 'running'")
_NOT_DONE = text("state <> 'done'")
_READY = text("state = 'queued' AND NOT is_blocked")


class StoredPayload(TypeDecorator[Any]):
    """JSON of any release; a text that is not JSON is returned as a string instead of raising."""

    impl = JSON
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return the function that converts stored values."""
        read = super().result_processor(dialect, coltype)

        def process(value: Any) -> Any:
            try:
                return read(value) if read else value
            except (ValueError, RecursionError):
                return str(value)

        return process


class Job(Owned, table=True):
    """A unit of work for the worker. The row is the queue; Redis only wakes workers."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "dedupe_key"),
        Index(
            "ix_job_ready",
            "priority",
            "kind",
            "tenant_id",
            "run_at",
            "id",
            sqlite_where=_READY,
            postgresql_where=_READY,
        ),
        Index("ix_job_lock", "tenant_id", "lock_key", "id", sqlite_where=_QUEUED, postgresql_where=_QUEUED),
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
    crashes: int = 0  # crashes of workers that ran only it, since its last progress
    shared_crashes: int = 0  # crashes of workers that ran it and other jobs
    max_attempts: int = MAX_ATTEMPTS
    dedupe_key: str | None = Field(default=None, max_length=200)
    lock_key: str | None = Field(default=None, max_length=100)
    priority: int = Field(default=Priority.NORMAL, sa_column_kwargs={"server_default": text("1")})
    is_blocked: bool = Field(default=False, sa_column_kwargs={"server_default": false()})  # another job has its lock
    lease_token: str | None = Field(default=None, max_length=32)
    lease_until: datetime | None = Field(default=None, sa_type=Instant)
    dispatched_at: datetime | None = Field(default=None, sa_type=Instant)  # of the previous release, whose processes
    # may still run during an update
    started_at: datetime | None = Field(default=None, sa_type=Instant)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    worker_id: str | None = Field(default=None, max_length=32)  # the ProcessBeat of the worker that last claimed it
    is_alone: bool = False  # its worker runs nothing else, so a crash of the worker is one of the job
    traceparent: str | None = Field(default=None, max_length=55)  # the span that queued it (W3C Trace Context)
    error: str = ""  # a message id with {places}
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class JobTally(Owned, table=True):
    """The number of finished jobs of a kind: the sum of its rows.

    Each transaction adds its own row, so that none waits for another; the worker merges them.
    """

    __table_args__ = (Index("ix_jobtally_kind", "tenant_id", "kind"),)
    kind: str = Field(max_length=40)
    done: int = Field(default=0, sa_type=BigInteger)


class JobTurn(Row, table=True):
    """Whose turn it is to have a job of a priority claimed: the tenant after the one that had it last."""

    priority: int = Field(unique=True)
    last_tenant_id: str = Field(default="", max_length=32)
    claimed: int = Field(default=0, sa_type=BigInteger)  # number of jobs claimed so far


class Effect(Owned, table=True):
    """An outbound call, recorded before it and closed after it; an open one after a crash is uncertain."""

    __table_args__ = (UniqueConstraint("tenant_id", "key"),)
    job_id: str = Field(foreign_key="job.id", index=True, max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=200)
    repeatable: bool = False  # the other side honours the key, so an uncertain call may be repeated
    closed_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class ProcessKind(StrEnum):
    """What a process of the platform serves."""

    CONSOLE = "console"
    HOOKS = "hooks"  # webhooks alone
    WORKER = "worker"


class ProcessBeat(Row, table=True):
    """The heartbeat of a process with what it says of itself, which the console shows; a worker adds its probe."""

    __tablename__ = "workerbeat"  # workers alone had one, and those of the previous release know this name

    beat_at: datetime = Field(sa_type=Instant)
    kind: ProcessKind = Field(
        default=ProcessKind.WORKER,
        sa_type=enum_column(ProcessKind),
        sa_column_kwargs={"server_default": ProcessKind.WORKER.value},
    )
    snapshot: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)

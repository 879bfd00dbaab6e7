"""Jobs: what the worker can be asked to do, and the only door to it."""

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter

from platform_app import bell
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.job import Job


class IndexSource(BaseModel):
    """Read an uploaded source, cut it into chunks and index them."""

    kind: Literal["index_source"] = "index_source"
    source_id: str


class RemoveSource(BaseModel):
    """Take a deleted source's vectors, chunks and file away."""

    kind: Literal["remove_source"] = "remove_source"
    source_id: str


class Reply(BaseModel):
    """Let the agent answer a message whose delay is over."""

    kind: Literal["reply"] = "reply"
    conversation_id: str
    message_id: str  # the reply's own row, in state delayed


Payload = Annotated[IndexSource | RemoveSource | Reply, Field(discriminator="kind")]
payload_adapter: TypeAdapter[IndexSource | RemoveSource | Reply] = TypeAdapter(Payload)
KINDS: tuple[str, ...] = tuple(k.model_fields["kind"].default for k in get_args(get_args(Payload)[0]))


def enqueue(
    session: Transaction,
    tenant_id: str,
    payload: BaseModel,
    *,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
    lock_key: str | None = None,
) -> Job:
    """Write a job in this transaction; the bell rings after its commit.

    A job with the same `dedupe_key` is returned instead of a second one. Jobs with the same `lock_key` run one
    after another, oldest first.
    """
    if dedupe_key:
        held: Job | None = session.exec(owned(Job, tenant_id).where(Job.dedupe_key == dedupe_key)).first()
        if held is not None:
            return held
    data = payload.model_dump(mode="json")
    job = Job(tenant_id=tenant_id, kind=data["kind"], payload=data, dedupe_key=dedupe_key, lock_key=lock_key)
    job.run_at = run_at or job.run_at
    session.add(job)
    if job.run_at <= now():
        session.after_commit.append(lambda: bell.ring([job.id]))
    return job

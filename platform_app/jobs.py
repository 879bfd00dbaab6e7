"""Jobs: payloads of the worker's jobs, `enqueue`, and running jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, session_scope
from platform_app.job_queue import request_wakeups, unblock_next
from platform_app.models.job import Job, JobState, JobTally, Priority
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind


class IndexSource(BaseModel):
    """Parse an uploaded source, cut it into chunks and index them."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["index_source"] = "index_source"
    source_id: str


class RemoveSource(BaseModel):
    """Delete the vectors and chunks of a deleted source, and its file and row if it is not in the bin."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["remove_source"] = "remove_source"
    source_id: str


class ReadSite(BaseModel):
    """Read the next page of a web address; the job is postponed until no page is left."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["read_site"] = "read_site"
    site_id: str
    reading: int  # a job of an earlier reading ends


class RebuildIndex(BaseModel):
    """Rebuild a tenant's vector index from the chunks in the database."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["rebuild_index"] = "rebuild_index"


class ImportContacts(BaseModel):
    """Import the rows of an uploaded file as contacts."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["import_contacts"] = "import_contacts"
    import_id: str


class ExchangeCrm(BaseModel):
    """Exchange changes with a connected CRM, or go on with its synchronization."""

    kind: Literal["exchange_crm"] = "exchange_crm"
    connection_id: str


class HandleEvent(BaseModel):
    """Evaluate the rules and sequences that listen to an event, and run their actions."""

    kind: Literal["handle_event"] = "handle_event"
    event_id: str
    again: str = ""  # the rule run whose failed action is retried


class TakeStep(BaseModel):
    """Make the outbound call of a step of a sequence."""

    kind: Literal["take_step"] = "take_step"
    step_row_id: str


class Reply(BaseModel):
    """Generate an agent's reply whose delay is over, or a message that automation requested."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["reply"] = "reply"
    conversation_id: str
    message_id: str  # the row of the reply itself


class ReadUpdates(BaseModel):
    """Read what a channel posted while more came in than could be read at once: the rows from one id to another."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["read_updates"] = "read_updates"
    account_id: str
    first_id: str
    last_id: str


class DeliverMessage(BaseModel):
    """Send the waiting parts of a message to the contact, through the server of its channel."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["deliver_message"] = "deliver_message"
    message_id: str


class SendChatAnswers(BaseModel):
    """E-mail the answers that a visitor of a web chat who has left has not seen."""

    kind: Literal["send_chat_answers"] = "send_chat_answers"
    identity_id: str
    since: str  # ISO 8601: answers after it
    until: str  # and until it


class SendWebhook(BaseModel):
    """Send a delivery to an outgoing webhook."""

    kind: Literal["send_webhook"] = "send_webhook"
    delivery_id: str


class SendInvitation(BaseModel):
    """Send the e-mail with the link of an invitation."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["send_invitation"] = "send_invitation"
    invitation_id: str


class SendPasswordReset(BaseModel):
    """Send a user the e-mail with a link to set a new password."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["send_password_reset"] = "send_password_reset"
    user_id: str


class SendTwoFactorReset(BaseModel):
    """Send a user the e-mail that their second factor was reset."""

    priority: ClassVar[Priority] = Priority.HIGH
    kind: Literal["send_two_factor_reset"] = "send_two_factor_reset"
    user_id: str


class SendNotification(BaseModel):
    """E-mail a notification to its member."""

    kind: Literal["send_notification"] = "send_notification"
    notification_id: str


class SendDigest(BaseModel):
    """E-mail a member the notifications of a day that are still unread."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["send_digest"] = "send_digest"
    user_id: str
    due: str  # ISO 8601: notifications whose digest is due by then


class ExportTenant(BaseModel):
    """Write the archive with all data of a tenant."""

    priority: ClassVar[Priority] = Priority.LOW
    kind: Literal["export_tenant"] = "export_tenant"
    export_id: str


AnyPayload = (
    IndexSource
    | RemoveSource
    | ReadSite
    | RebuildIndex
    | ImportContacts
    | ExchangeCrm
    | HandleEvent
    | TakeStep
    | Reply
    | ReadUpdates
    | DeliverMessage
    | SendChatAnswers
    | SendWebhook
    | SendInvitation
    | SendPasswordReset
    | SendTwoFactorReset
    | SendNotification
    | SendDigest
    | ExportTenant
)
Payload = Annotated[AnyPayload, Field(discriminator="kind")]
payload_adapter: TypeAdapter[AnyPayload] = TypeAdapter(Payload)
REPORT_UNCERTAIN = (
    "handle_event",
    "take_step",
)  # kinds that find an uncertain call when retried, and report it where people look for it
IN_DOUBT = "We don’t know if it arrived. Check there first, because a retry sends it again."
PAYLOAD_CLASSES: dict[str, type[BaseModel]] = {one.model_fields["kind"].default: one for one in get_args(AnyPayload)}
KINDS: tuple[str, ...] = tuple(PAYLOAD_CLASSES)


class UnreadablePayload(ValueError):
    """A payload that cannot be parsed. `sentence` is a message id whose placeholders `values` fill."""

    def __init__(self, sentence: str, **values: str) -> None:
        super().__init__(sentence.format(**values))
        self.sentence, self.values = sentence, values


def read_payload(kind: str, data: Any) -> Any:
    """Return a job's stored payload as its class, or unchanged if the kind is unknown.

    Raises UnreadablePayload if it is not a JSON object, lacks a field or has one of a wrong type.
    """
    if not isinstance(data, dict):
        raise UnreadablePayload("The data of this job isn’t a JSON object.")
    if kind not in PAYLOAD_CLASSES:
        return data
    try:
        return PAYLOAD_CLASSES[kind].model_validate({"kind": kind} | data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:100]
        if first["type"] == "missing":
            raise UnreadablePayload("The data of this job lacks the field “{field}”.", field=name) from None
        raise UnreadablePayload("The field “{field}” in the data of this job has a wrong value.", field=name) from None


def enqueue(
    session: Transaction,
    tenant_id: str,
    payload: BaseModel,
    *,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
    lock_key: str | None = None,
) -> Job:
    """Add a job in this transaction and return it; workers are woken after the commit if it is due.

    `run_at` is when it is due, by default now. If a job with the same `dedupe_key` exists, that is returned instead.
    Jobs with the same `lock_key` run one after another, oldest first.
    """
    if dedupe_key:
        held: Job | None = session.exec(owned(Job, tenant_id).where(Job.dedupe_key == dedupe_key)).first()
        if held is not None:
            return held
    data = payload.model_dump(mode="json")
    job = Job(tenant_id=tenant_id, kind=data["kind"], payload=data, dedupe_key=dedupe_key, lock_key=lock_key)
    job.priority = priority_of(job.kind)
    job.run_at = run_at or job.run_at
    job.traceparent = _traceparent_of(job)
    session.add(job)
    if job.run_at <= now():
        request_wakeups(session)
    return job


def _traceparent_of(job: Job) -> str | None:
    """Return the span of queueing a job, in which its attempts are; None without traces."""
    attributes: spans.Attributes = {
        "messaging.system": "gpt_agents",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": job.kind,
        "messaging.message.id": job.id,
        spans.TENANT: job.tenant_id,
    }
    with spans.span(f"send {job.kind}", Kind.PRODUCER, attributes) as span:
        return span.traceparent or None


def priority_of(kind: str) -> Priority:
    """Return the priority of a kind of job; that of an unknown kind is normal."""
    return getattr(PAYLOAD_CLASSES.get(kind), "priority", Priority.NORMAL)


def make_due(session: Transaction, tenant_id: str, lock_key: str) -> bool:
    """Make the queued jobs with a lock key due now, and wake workers after the commit; return whether there are any."""
    query = owned(Job, tenant_id).where(Job.lock_key == lock_key, Job.state == JobState.QUEUED)
    waiting = list(session.exec(query.with_for_update()).all())
    for job in waiting:
        job.run_at = now()
    if waiting:
        request_wakeups(session, len(waiting))
    return bool(waiting)


def add_to_tally(session: Transaction, tenant_id: str, kind: str, count: int = 1) -> None:
    """Add to the number of finished jobs of a kind; a negative count when they are deleted."""
    session.add(JobTally(tenant_id=tenant_id, kind=kind, done=count))


class LeaseLost(RuntimeError):
    """Another worker holds the job by now; this worker's transaction is rolled back."""


@dataclass
class RunningJob:
    """A job that a worker runs and holds by a lease."""

    id: str
    tenant_id: str
    kind: str
    payload: Any  # an instance of the kind's payload class
    attempt: int
    lease_token: str
    is_finished: bool = False
    lock_key: str | None = None
    is_suspect: bool = False  # a worker crashed while it ran, perhaps because of it
    traceparent: str | None = None  # the span that queued it
    wait_seconds: float = 0.0  # since it was due

    @contextmanager
    def transaction(self, *, lock_timeout: float = 0) -> Iterator[Transaction]:
        """Open a transaction for a part of the job. Raises LeaseLost if this worker no longer holds it.

        `lock_timeout` is the time in seconds to wait for a locked row.
        """
        with session_scope(self.tenant_id, lock_timeout=lock_timeout) as session:
            held = owned(Job, self.tenant_id).where(Job.id == self.id, Job.lease_token == self.lease_token)
            if session.exec(held.with_for_update()).first() is None:
                raise LeaseLost(self.id)
            yield session

    def record_progress(self, session: Transaction) -> None:
        """Record that a part of the job is done: its crashes are reset to 0 and its attempts to 1."""
        if self.attempt > 1 or self.is_suspect:
            mine = owned_update(Job, self.tenant_id).where(col(Job.id) == self.id)
            session.execute(
                mine.values(crashes=0, shared_crashes=0, attempts=1).execution_options(synchronize_session=False)
            )
            session.after_commit.append(self._reset_attempt)

    def _reset_attempt(self) -> None:
        self.attempt = 1

    @contextmanager
    def finish(self) -> Iterator[Transaction]:
        """Open the transaction that also marks the job as done. Raises LeaseLost at its end if the lease is lost."""
        with session_scope(self.tenant_id) as session:
            yield session
            done = owned_update(Job, self.tenant_id).where(
                col(Job.id) == self.id,
                col(Job.lease_token) == self.lease_token,
                col(Job.state) == JobState.RUNNING,
            )
            values = {"state": JobState.DONE, "finished_at": now(), "lease_token": None, "error": ""}
            # execute() is typed as Result; an update returns a CursorResult
            if session.execute(done.values(**values)).rowcount != 1:  # type: ignore[attr-defined]
                raise LeaseLost(self.id)
            add_to_tally(session, self.tenant_id, self.kind)
            unblock_next(session, [self])
            session.after_commit.append(lambda: notifier.publish(self.tenant_id, "job", self.id))
        self.is_finished = True

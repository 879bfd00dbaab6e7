"""Outgoing deliveries: the job that sends an event to an outgoing webhook, retried by a table, in order per object.

A delivery that failed waits in the database for its next attempt; later ones of its object wait for it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from threading import BoundedSemaphore
from typing import Any

import httpx
import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, PlatformError
from platform_app.integrations import egress
from platform_app.job_callbacks import id_from_key
from platform_app.jobs import RunningJob, SendWebhook
from platform_app.models.job import Job, JobState
from platform_app.models.outgoing_webhook import OutgoingDelivery, OutgoingState, OutgoingWebhook
from platform_app.services.jobs.effects import Postponed
from platform_app.services.webhooks import outgoing_outcomes, outgoing_payloads, outgoing_webhooks
from platform_app.services.webhooks.outgoing_outcomes import Attempt

log = structlog.get_logger()
SECONDS = 15.0  # for which an address may take to answer
NO_EVENT = "Its event was deleted permanently."
TOO_MANY = "Waits its turn: other webhooks are being called."


@dataclass(frozen=True)
class _Request:
    """An attempt that is made."""

    delivery_id: str
    attempt: int  # the delivery's number of attempts with this one
    url: str
    body: str
    headers: dict[str, str]


def send_webhook(job: RunningJob) -> None:
    """Make an attempt to send a delivery, if it is its turn. Raises Postponed if too many are being sent."""
    with job.transaction() as session:
        webhook = _webhook_of(session, job)
        is_failing = webhook is not None and webhook.failures > 0
    with _slot(is_failing=is_failing):
        with job.transaction() as session:
            request = _begin(session, job)
        if request is not None:
            attempt = _call(request)
            with session_scope(job.tenant_id) as session:  # also if the lease is lost: it is known here alone
                _record(session, job.tenant_id, request, attempt)


@lru_cache
def _slots(count: int) -> tuple[BoundedSemaphore, BoundedSemaphore]:
    """Return the slots of this process for webhooks that answer and for failing ones, of `count` threads."""
    return BoundedSemaphore(max(1, count - 2)), BoundedSemaphore(1)


@contextmanager
def _slot(*, is_failing: bool) -> Iterator[None]:
    """Hold one of the threads that may call webhooks, so that other jobs always have some.

    Webhooks that fail share one, so that they delay no others.
    """
    slot = _slots(settings().worker_concurrency)[is_failing]
    if not slot.acquire(blocking=False):
        raise Postponed(TOO_MANY, seconds=1)
    try:
        yield
    finally:
        slot.release()


def _delivery(session: Transaction, tenant_id: str, delivery_id: str) -> OutgoingDelivery | None:
    query = owned(OutgoingDelivery, tenant_id).where(OutgoingDelivery.id == delivery_id)
    row: OutgoingDelivery | None = session.exec(query.with_for_update()).first()
    return row


def _webhook_of(session: Transaction, job: RunningJob) -> OutgoingWebhook | None:
    query = owned(OutgoingWebhook, job.tenant_id).join(
        OutgoingDelivery, OutgoingDelivery.outgoing_id == OutgoingWebhook.id
    )
    row: OutgoingWebhook | None = session.exec(query.where(OutgoingDelivery.id == job.payload.delivery_id)).first()
    return row


def _begin(session: Transaction, job: RunningJob) -> _Request | None:
    """Record that an attempt begins; return None if the delivery is finished or has to wait."""
    delivery, webhook = _delivery(session, job.tenant_id, job.payload.delivery_id), _webhook_of(session, job)
    if delivery is None or webhook is None or delivery.finished_at is not None or _has_to_wait(delivery):
        return None
    if not webhook.enabled or webhook.deleted_at is not None:
        outgoing_outcomes.give_up(session, webhook, delivery, outgoing_webhooks.SWITCHED_OFF)
        return None
    if webhook.paused_until is not None and webhook.paused_until > now():
        delivery.state, delivery.next_at = OutgoingState.WAITING, webhook.paused_until
        return None
    if _has_earlier(session, delivery):
        return None
    body = outgoing_payloads.body_of(session, delivery)
    if body is None:
        outgoing_outcomes.give_up(session, webhook, delivery, NO_EVENT)
        return None
    try:
        headers = outgoing_payloads.headers_of(webhook, delivery, body)
    except Conflict as error:
        outgoing_outcomes.give_up(session, webhook, delivery, error.sentence)
        return None
    delivery.state, delivery.next_at, delivery.attempts = OutgoingState.SENDING, None, delivery.attempts + 1
    return _Request(delivery.id, delivery.attempts, webhook.url, body, headers)


def _has_to_wait(delivery: OutgoingDelivery) -> bool:
    return delivery.next_at is not None and delivery.next_at > now()


def _has_earlier(session: Transaction, delivery: OutgoingDelivery) -> bool:
    """Return whether an earlier delivery of the object is not finished; it enqueues this one when it is."""
    earlier = owned(OutgoingDelivery, delivery.tenant_id).where(
        OutgoingDelivery.outgoing_id == delivery.outgoing_id,
        OutgoingDelivery.object_id == delivery.object_id,
        col(OutgoingDelivery.finished_at).is_(None),
        OutgoingDelivery.id < delivery.id,
    )
    return session.exec(earlier.limit(1)).first() is not None


def _call(request: _Request) -> Attempt:
    """Post the body once; return what came of it."""
    at, began = now(), time.monotonic()
    status, answer, retry_after, error, values = None, "", "", "", {}
    try:
        said = egress.post(request.url, request.body, request.headers, seconds=SECONDS)
        status, answer, retry_after = said.status, said.text, said.retry_after
    except PlatformError as refusal:
        error, values = refusal.sentence, dict(refusal.values)
    except (TimeoutError, httpx.TimeoutException):
        error, values = "The address did not answer within {seconds} seconds.", {"seconds": int(SECONDS)}
    except (httpx.HTTPError, OSError, ValueError):
        error = "The address doesn’t answer."
    if status is not None and not 200 <= status < 300:
        error, values = "The address answered {status}.", {"status": status}
    milliseconds = int((time.monotonic() - began) * 1000)
    return Attempt(at, milliseconds, status, answer.replace("\x00", "\ufffd"), error, values, retry_after)


def _record(session: Transaction, tenant_id: str, request: _Request, attempt: Attempt) -> None:
    delivery = _delivery(session, tenant_id, request.delivery_id)
    if delivery is None or delivery.attempts != request.attempt or delivery.state != OutgoingState.SENDING:
        return
    query = owned(OutgoingWebhook, tenant_id).where(OutgoingWebhook.id == delivery.outgoing_id)
    webhook: OutgoingWebhook = session.exec(query.with_for_update()).one()
    outgoing_outcomes.record(session, webhook, delivery, attempt)


def on_failure(
    session: Transaction, tenant_id: str, payload: SendWebhook, *, state: JobState, sentence: str, values: Any
) -> None:
    """Mark a delivery as failed, because its job was cancelled or given up; the next of its object is sent."""
    delivery = _delivery(session, tenant_id, payload.delivery_id)
    if delivery is None or delivery.finished_at is not None:
        return
    query = owned(OutgoingWebhook, tenant_id).where(OutgoingWebhook.id == delivery.outgoing_id)
    outgoing_outcomes.give_up(session, session.exec(query).one(), delivery, sentence, values=dict(values))


def on_retry(session: Transaction, tenant_id: str, payload: SendWebhook) -> None:
    """Let a delivery that failed wait again. Raises Conflict if it was delivered or is on its way."""
    delivery = _delivery(session, tenant_id, payload.delivery_id)
    if delivery is None or delivery.state != OutgoingState.FAILED:
        raise Conflict("This delivery was sent, or is on its way already.")
    outgoing_outcomes.begin_again(session, delivery)


def payload_from_keys(session: Transaction, job: Job) -> SendWebhook | None:
    """Return the payload of a job from its dedupe_key, or None."""
    delivery_id = id_from_key(job.dedupe_key, "delivery:").partition(":")[0]
    return SendWebhook(delivery_id=delivery_id) if delivery_id else None

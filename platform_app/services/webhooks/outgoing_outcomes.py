"""Outgoing outcomes: what follows from an attempt: delivered, tried again by the table, given up, or switched off."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.models.event import ActivityKind
from platform_app.models.outgoing_webhook import OutgoingDelivery, OutgoingState, OutgoingWebhook
from platform_app.outgoing_events import enqueue_delivery
from platform_app.services.feed import activity
from platform_app.services.webhooks import outgoing_webhooks

HOUR = 3_600
RETRY_SECONDS = (5, 300, HOUR // 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
MAX_RETRY_AFTER = 24 * HOUR  # seconds that an address may ask to wait
MAX_PAUSE = 300  # seconds in which nothing is sent to a failing address
FAILING_FOR = timedelta(days=5)  # after which a webhook is switched off
MAX_HISTORY = 30  # attempts that are kept of a delivery
GONE = 410
GONE_WHY = "The address answered 410: it does not exist any more."
FAILING_WHY = "The address has taken nothing for five days."


@dataclass(frozen=True)
class Attempt:
    """An attempt to send a delivery."""

    at: datetime
    milliseconds: int
    status: int | None = None  # None: there was no answer
    answer: str = ""  # the beginning of its body
    error: str = ""  # a message id with {places}, "" if the address took it
    values: dict[str, Any] = field(default_factory=dict)
    retry_after: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what is kept of the attempt."""
        return {
            "at": self.at.isoformat(),
            "ms": self.milliseconds,
            "status": self.status,
            "answer": self.answer,
            "error": self.error,
            "values": self.values,
        }


def record(session: Transaction, webhook: OutgoingWebhook, delivery: OutgoingDelivery, attempt: Attempt) -> None:
    """Store an attempt with what follows from it."""
    delivery.history = [*delivery.history, attempt.to_json()][-MAX_HISTORY:]
    delivery.status = attempt.status
    if not attempt.error:
        delivery.error, delivery.error_values = "", {}
        webhook.delivered_at, webhook.failures = attempt.at, 0
        webhook.failing_since = webhook.paused_until = None
        _finish(session, delivery, OutgoingState.DELIVERED)
    elif attempt.status == GONE:
        _switch_off(session, webhook, GONE_WHY, "Outgoing webhook “{name}” is turned off: its address is gone")
        give_up(session, webhook, delivery, attempt.error, values=attempt.values)
    else:
        _note_failure(webhook, attempt)
        _try_again(session, webhook, delivery, attempt)
        if webhook.failing_since is not None and attempt.at - webhook.failing_since >= FAILING_FOR:
            told = "Outgoing webhook “{name}” is turned off: its address has failed for five days"
            _switch_off(session, webhook, FAILING_WHY, told)
    outgoing_webhooks.publish_change(session, webhook)


def _note_failure(webhook: OutgoingWebhook, attempt: Attempt) -> None:
    """Count a failure, and pause the webhook for a growing time, or as long as its address asks."""
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or attempt.at
    pause = min(RETRY_SECONDS[0] * 2 ** min(webhook.failures - 1, 10), MAX_PAUSE)
    webhook.paused_until = now() + timedelta(seconds=max(pause, seconds_to_wait(attempt.retry_after)))


def seconds_to_wait(retry_after: str) -> float:
    """Return the seconds of a Retry-After header, which holds seconds or a date, within MAX_RETRY_AFTER."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(min(int(text[:9]), MAX_RETRY_AFTER))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - now()).total_seconds(), 0.0), float(MAX_RETRY_AFTER))


def _try_again(session: Transaction, webhook: OutgoingWebhook, delivery: OutgoingDelivery, attempt: Attempt) -> None:
    """Let a delivery wait for its next attempt, or give it up after the last of the table."""
    is_off = not webhook.enabled or webhook.deleted_at is not None
    if is_off or delivery.attempts > len(RETRY_SECONDS):
        give_up(session, webhook, delivery, attempt.error, values=attempt.values)
        return
    pause = max(RETRY_SECONDS[delivery.attempts - 1], seconds_to_wait(attempt.retry_after))
    delivery.state, delivery.next_at = OutgoingState.WAITING, now() + timedelta(seconds=pause)
    delivery.error, delivery.error_values = attempt.error[:500], attempt.values


def give_up(
    session: Transaction,
    webhook: OutgoingWebhook,
    delivery: OutgoingDelivery,
    sentence: str,
    *,
    values: dict[str, Any] | None = None,
) -> None:
    """Mark a delivery as failed; owners and admins are told, unless the webhook is switched off."""
    delivery.error = sentence[:500]
    delivery.error_values = {name: str(value)[:300] for name, value in (values or {}).items()}
    _finish(session, delivery, OutgoingState.FAILED)
    if webhook.enabled and webhook.deleted_at is None:
        told = "A delivery of the outgoing webhook “{name}” was given up"
        link, names = f"/webhooks/sent/{delivery.id}", {"actor": webhook.name, "name": webhook.name}
        activity.record(session, delivery.tenant_id, ActivityKind.FAILURE, told, link=link, **names)
    outgoing_webhooks.publish_change(session, webhook)


def _finish(session: Transaction, delivery: OutgoingDelivery, state: OutgoingState) -> None:
    """Finish a delivery and enqueue the next of its object, which waited for it."""
    delivery.state, delivery.finished_at, delivery.next_at = state, now(), None
    following = owned(OutgoingDelivery, delivery.tenant_id).where(
        OutgoingDelivery.outgoing_id == delivery.outgoing_id,
        OutgoingDelivery.object_id == delivery.object_id,
        col(OutgoingDelivery.finished_at).is_(None),
        col(OutgoingDelivery.next_at).is_(None),
        OutgoingDelivery.id > delivery.id,
    )
    waiting: OutgoingDelivery | None = session.exec(following.order_by(OutgoingDelivery.id).limit(1)).first()
    if waiting is not None:
        enqueue_delivery(session, waiting)


def _switch_off(session: Transaction, webhook: OutgoingWebhook, why: str, told: str) -> None:
    """Switch a webhook off, and tell owners and admins."""
    if not webhook.enabled:
        return
    webhook.enabled, webhook.stopped_why, webhook.paused_until = False, why, None
    outgoing_webhooks.end_waiting(session, webhook)
    link = outgoing_webhooks.link_of(webhook)
    activity.record(session, webhook.tenant_id, ActivityKind.FAILURE, told, link=link, name=webhook.name)


def begin_again(session: Transaction, delivery: OutgoingDelivery) -> None:
    """Let a finished delivery wait to be sent, with all attempts of the table before it."""
    delivery.state, delivery.attempts, delivery.finished_at = OutgoingState.WAITING, 0, None
    delivery.next_at, delivery.error, delivery.error_values = None, "", {}
    tenant_id, webhook_id = delivery.tenant_id, delivery.outgoing_id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "outgoing_webhook", webhook_id))

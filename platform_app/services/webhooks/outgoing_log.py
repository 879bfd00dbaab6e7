"""Outgoing log: lists what was sent to outgoing webhooks, sends it again, and sends test events."""

import time
from datetime import timedelta

from sqlmodel import col

from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned, owned_delete, session_scope, unscoped
from platform_app.errors import Conflict, NotFound
from platform_app.models.outgoing_webhook import TEST_TYPE, OutgoingDelivery, OutgoingState, OutgoingWebhook
from platform_app.models.person import Identity
from platform_app.outgoing_events import enqueue_delivery
from platform_app.services.webhooks import outgoing_outcomes, outgoing_webhooks

PAGE_SIZE = 50
RETENTION = timedelta(days=30)
MAX_RESENT = 1_000  # deliveries that are sent again at once
_BATCH = 500  # deliveries deleted per run
_PER_WEBHOOK = 20  # deliveries of a webhook that become due at once
_MAX_SECONDS = 10.0  # seconds per call


def list_deliveries(
    session: Transaction,
    who: Identity,
    *,
    webhook_id: str = "",
    state: str = "",
    kind: str = "",
    page: int = 1,
    size: int = PAGE_SIZE,
) -> list[OutgoingDelivery]:
    """Return a page of deliveries, newest first, with one more than `size` if there is a next page."""
    query = owned(OutgoingDelivery, who.tenant_id)
    for column, value in (
        (OutgoingDelivery.outgoing_id, webhook_id),
        (OutgoingDelivery.state, state),
        (OutgoingDelivery.type, kind),
    ):
        query = query.where(column == value) if value else query
    newest = query.order_by(col(OutgoingDelivery.id).desc())
    return list(session.exec(newest.offset((max(page, 1) - 1) * size).limit(size + 1)).all())


def get(session: Transaction, who: Identity, delivery_id: str, *, lock: bool = False) -> OutgoingDelivery:
    """Return a delivery. Raises NotFound if there is none."""
    query = owned(OutgoingDelivery, who.tenant_id).where(OutgoingDelivery.id == delivery_id)
    row: OutgoingDelivery | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None:
        raise NotFound("Delivery not found.")
    return row


def webhook_names(session: Transaction, who: Identity) -> dict[str, str]:
    """Return the names of all outgoing webhooks by id, also of deleted ones."""
    query = owned(OutgoingWebhook, who.tenant_id).with_only_columns(OutgoingWebhook.id, OutgoingWebhook.name)
    return {webhook_id: name for webhook_id, name in session.execute(query)}  # noqa: C416


def send_again(session: Transaction, who: Identity, delivery_id: str) -> OutgoingDelivery:
    """Send a finished delivery again, with the same webhook-id.

    Raises NotFound if there is none, Conflict if it is on its way or its webhook is off.
    """
    delivery = get(session, who, delivery_id, lock=True)
    _check_enabled(outgoing_webhooks.get(session, who, delivery.outgoing_id))
    if delivery.finished_at is None:
        raise Conflict("This delivery is on its way already.")
    outgoing_outcomes.begin_again(session, delivery)
    enqueue_delivery(session, delivery)
    return delivery


def send_failed_again(session: Transaction, who: Identity, webhook_id: str) -> int:
    """Send the failed deliveries of a webhook again, the oldest MAX_RESENT; return how many.

    Raises NotFound if there is no such webhook, Conflict if it is off.
    """
    webhook = outgoing_webhooks.get(session, who, webhook_id)
    _check_enabled(webhook)
    failed = owned(OutgoingDelivery, who.tenant_id).where(
        OutgoingDelivery.outgoing_id == webhook.id, OutgoingDelivery.state == OutgoingState.FAILED
    )
    rows = session.exec(failed.order_by(OutgoingDelivery.id).limit(MAX_RESENT).with_for_update()).all()
    for delivery in rows:
        outgoing_outcomes.begin_again(session, delivery)
        enqueue_delivery(session, delivery)
    return len(rows)


def send_test(session: Transaction, who: Identity, webhook_id: str) -> OutgoingDelivery:
    """Send a test event to a webhook. Raises NotFound if there is no such webhook, Conflict if it is off."""
    webhook = outgoing_webhooks.get(session, who, webhook_id)
    _check_enabled(webhook)
    delivery = OutgoingDelivery(tenant_id=who.tenant_id, outgoing_id=webhook.id, type=TEST_TYPE, object_id=new_id())
    session.add(delivery)
    enqueue_delivery(session, delivery)
    outgoing_webhooks.publish_change(session, webhook)
    return delivery


def _check_enabled(webhook: OutgoingWebhook) -> None:
    if not webhook.enabled:
        raise Conflict("The webhook is turned off. Turn it on first.")


def enqueue_due() -> None:
    """Enqueue the deliveries whose next attempt is due, some of each webhook that is not paused."""
    end = time.monotonic() + _MAX_SECONDS
    with session_scope(reason="deliveries that are due", read_only=True) as session:
        query = unscoped(OutgoingDelivery).join(OutgoingWebhook, OutgoingWebhook.id == OutgoingDelivery.outgoing_id)
        paused = col(OutgoingWebhook.paused_until).is_not(None) & (col(OutgoingWebhook.paused_until) > now())
        due = query.where(col(OutgoingDelivery.next_at) <= now(), ~paused)
        columns = (OutgoingDelivery.tenant_id, OutgoingDelivery.outgoing_id)
        webhooks = session.execute(due.with_only_columns(*columns).distinct()).all()
    for tenant_id, webhook_id in webhooks:
        if time.monotonic() < end:
            with session_scope(tenant_id) as session:
                _enqueue_some(session, tenant_id, webhook_id)


def _enqueue_some(session: Transaction, tenant_id: str, webhook_id: str) -> None:
    query = owned(OutgoingDelivery, tenant_id).where(
        OutgoingDelivery.outgoing_id == webhook_id, col(OutgoingDelivery.next_at) <= now()
    )
    oldest = query.order_by(OutgoingDelivery.id).limit(_PER_WEBHOOK).with_for_update(skip_locked=True)
    for delivery in session.exec(oldest).all():
        delivery.next_at = None
        enqueue_delivery(session, delivery)


def delete_old() -> bool:
    """Delete finished deliveries older than RETENTION; return whether more are left."""
    with session_scope(reason="deliveries to delete", read_only=True) as session:
        old = unscoped(OutgoingDelivery).where(col(OutgoingDelivery.finished_at) < now() - RETENTION)
        some = old.with_only_columns(OutgoingDelivery.tenant_id, OutgoingDelivery.id).limit(_BATCH)
        found = session.execute(some).all()
    by_tenant: dict[str, list[str]] = {}
    for tenant_id, delivery_id in found:
        by_tenant.setdefault(tenant_id, []).append(delivery_id)
    for tenant_id, ids in by_tenant.items():
        with session_scope(tenant_id) as session:
            session.execute(owned_delete(OutgoingDelivery, tenant_id).where(col(OutgoingDelivery.id).in_(ids)))
    return len(found) == _BATCH

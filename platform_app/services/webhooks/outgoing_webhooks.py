"""Outgoing webhooks: addresses of other systems that are sent the events they subscribe to, and their secrets."""

from collections.abc import Iterable
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Invalid, LimitReached
from platform_app.form_fields import WRONG_VALUE
from platform_app.integrations import egress
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.outgoing_webhook import OUTGOING_FORM, OutgoingDelivery, OutgoingState, OutgoingWebhook
from platform_app.models.person import Identity
from platform_app.services.crm import crm_values
from platform_app.services.feed import activity
from platform_app.services.versions.deletable_rows import DeletableRows
from platform_app.services.webhooks import webhook_secrets

MAX_WEBHOOKS = 50  # of a tenant
SWITCHED_OFF = "The webhook was turned off or deleted."
_ROWS = DeletableRows(
    model=OutgoingWebhook,
    missing="Webhook not found.",
    max_rows=MAX_WEBHOOKS,
    limit_reached="You can add up to {count} webhooks.",
)


def list_webhooks(session: Transaction, who: Identity) -> list[OutgoingWebhook]:
    """Return the tenant's outgoing webhooks, sorted by name."""
    query = owned(OutgoingWebhook, who.tenant_id).where(col(OutgoingWebhook.deleted_at).is_(None))
    return sorted(session.exec(query).all(), key=lambda row: (row.name.casefold(), row.id))


def get(session: Transaction, who: Identity, webhook_id: str, *, lock: bool = False) -> OutgoingWebhook:
    """Return a webhook. Raises NotFound if it does not exist or is deleted."""
    return _ROWS.get(session, who, webhook_id, lock=lock)


def create(session: Transaction, who: Identity, *, name: str, url: str) -> OutgoingWebhook:
    """Create a webhook with a random signing secret that subscribes to every kind of event.

    Raises LimitReached if the tenant has MAX_WEBHOOKS, Invalid if a name or an address is missing or wrong.
    """
    if len(list_webhooks(session, who)) >= MAX_WEBHOOKS:
        raise LimitReached("You can add up to {count} webhooks.", count=MAX_WEBHOOKS)
    row = OutgoingWebhook(
        tenant_id=who.tenant_id,
        name=_clean_name(name),
        url=_clean_url(url),
        kinds=[kind.value for kind in EventKind],
        secret="",
    )
    webhook_secrets.set_secret(row, "secret", webhook_secrets.new_secret())
    session.add(row)
    session.flush()
    _record(session, who, row, "Outgoing webhook “{name}” created")
    return row


def _clean_name(value: Any) -> str:
    return crm_values.clean_line(value, "name", max_length=OUTGOING_FORM["name"].max_length or 0, required=True)


def _clean_url(value: Any) -> str:
    longest = OUTGOING_FORM["url"].max_length or 0
    try:
        return egress.check(crm_values.clean_line(value, "url", max_length=longest))
    except UnicodeError as error:
        raise Invalid("This isn’t an address.", field="url") from error


def save(session: Transaction, who: Identity, webhook_id: str, changes: dict[str, Any]) -> OutgoingWebhook:
    """Change the name or the address. Raises NotFound if there is no such webhook, Invalid for a wrong value."""
    row = get(session, who, webhook_id, lock=True)
    for field, value in changes.items():
        if field not in OUTGOING_FORM:
            raise Invalid(WRONG_VALUE, field=field)
        setattr(row, field, _clean_name(value) if field == "name" else _clean_url(value))
        if field == "url":
            _forget_failures(row)
            _record(session, who, row, "Address of the outgoing webhook “{name}” changed")
    publish_change(session, row)
    return row


def subscribe(session: Transaction, who: Identity, webhook_id: str, kinds: Iterable[str]) -> OutgoingWebhook:
    """Set the kinds of events that are sent. Raises Invalid if there is no such kind."""
    wanted = set(kinds)
    if wanted - {kind.value for kind in EventKind}:
        raise Invalid(WRONG_VALUE, field="kinds")
    row = get(session, who, webhook_id, lock=True)
    row.kinds = [kind.value for kind in EventKind if kind.value in wanted]
    publish_change(session, row)
    return row


def set_subscribed(session: Transaction, who: Identity, webhook_id: str, kind: str, *, wanted: bool) -> OutgoingWebhook:
    """Subscribe to a kind of event, or no longer. Raises Invalid if there is no such kind."""
    held = set(get(session, who, webhook_id, lock=True).kinds)
    return subscribe(session, who, webhook_id, held | {kind} if wanted else held - {kind})


def set_enabled(session: Transaction, who: Identity, webhook_id: str, *, enabled: bool) -> OutgoingWebhook:
    """Switch a webhook on or off; what waits to be sent is not sent any more when it is switched off."""
    row = get(session, who, webhook_id, lock=True)
    if row.enabled != enabled:
        row.enabled = enabled
        _forget_failures(row)
        if not enabled:
            end_waiting(session, row)
        on, off = "Outgoing webhook “{name}” turned on", "Outgoing webhook “{name}” turned off"
        _record(session, who, row, on if enabled else off)
    return row


def _forget_failures(row: OutgoingWebhook) -> None:
    row.failures, row.failing_since, row.paused_until, row.stopped_why = 0, None, None, ""


def end_waiting(session: Transaction, row: OutgoingWebhook) -> None:
    """Mark the deliveries that wait to be sent as failed."""
    waiting = owned_update(OutgoingDelivery, row.tenant_id).where(
        col(OutgoingDelivery.outgoing_id) == row.id, col(OutgoingDelivery.state) == OutgoingState.WAITING
    )
    values = {"state": OutgoingState.FAILED, "finished_at": now(), "next_at": None, "error": SWITCHED_OFF}
    session.execute(waiting.values(**values, error_values={}).execution_options(synchronize_session=False))


def rotate_secret(session: Transaction, who: Identity, webhook_id: str) -> OutgoingWebhook:
    """Replace the signing secret; for a day deliveries are signed with the former one too."""
    row = get(session, who, webhook_id, lock=True)
    webhook_secrets.rotate(row)
    _record(session, who, row, "Secret of the outgoing webhook “{name}” renewed")
    return row


def delete(session: Transaction, who: Identity, webhook_id: str) -> OutgoingWebhook:
    """Delete a webhook: nothing is sent to it any more. It can be restored."""
    row = _ROWS.delete(session, who, webhook_id)
    end_waiting(session, row)
    _record(session, who, row, "Outgoing webhook “{name}” deleted")
    return row


def restore(session: Transaction, who: Identity, webhook_id: str) -> OutgoingWebhook:
    """Restore a deleted webhook. Raises NotFound if there is none, LimitReached if the tenant has MAX_WEBHOOKS."""
    row = _ROWS.restore(session, who, webhook_id)
    publish_change(session, row)
    return row


def _record(session: Transaction, who: Identity, row: OutgoingWebhook, sentence: str) -> None:
    activity.record_by(session, who, ActivityKind.INTEGRATION, sentence, link=link_of(row), name=row.name)
    publish_change(session, row)


def link_of(row: OutgoingWebhook) -> str:
    """Return the path of a webhook's page, "" if it is deleted."""
    return f"/webhooks/outgoing/{row.id}" if row.deleted_at is None else ""


def publish_change(session: Transaction, row: OutgoingWebhook) -> None:
    """Let open pages read the webhook again after the commit."""
    tenant_id, row_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "outgoing_webhook", row_id))

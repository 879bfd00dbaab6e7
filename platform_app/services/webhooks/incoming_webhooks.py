"""Incoming webhooks: addresses to which other systems deliver, and their secrets.

If deliveries are signed, the signing secret protects a webhook; if not, its address is the secret. An address is looked
up by its SHA-256 hash and stored encrypted, like the signing secrets (see webhook_secrets).
"""

import hashlib
import secrets
from typing import Any

from sqlmodel import col

from platform_app import notifier
from platform_app.db import Transaction, owned
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.form_fields import WRONG_VALUE, Control, FormField
from platform_app.models.agent import Agent
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.models.webhook import WEBHOOK_FORM, IncomingWebhook
from platform_app.services.crm import crm_values
from platform_app.services.feed import activity
from platform_app.services.versions.deletable_rows import DeletableRows
from platform_app.services.webhooks import webhook_secrets

MAX_WEBHOOKS = 100  # of a tenant
_ROWS = DeletableRows(
    model=IncomingWebhook,
    missing="Webhook not found.",
    max_rows=MAX_WEBHOOKS,
    limit_reached="You can add up to {count} webhooks.",
)


def hash_address(address: str) -> str:
    """Return the SHA-256 hash, in hexadecimal, by which an address is looked up."""
    return hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()


def list_webhooks(session: Transaction, who: Identity) -> list[IncomingWebhook]:
    """Return the tenant's webhooks, sorted by name."""
    query = owned(IncomingWebhook, who.tenant_id).where(col(IncomingWebhook.deleted_at).is_(None))
    return sorted(session.exec(query).all(), key=lambda row: (row.name.casefold(), row.id))


def get(session: Transaction, who: Identity, webhook_id: str, *, lock: bool = False) -> IncomingWebhook:
    """Return a webhook. Raises NotFound if it does not exist or is deleted."""
    return _ROWS.get(session, who, webhook_id, lock=lock)


def is_valid_filter(session: Transaction, who: Identity, webhook_id: str) -> bool:
    """Return whether a webhook exists; True for "", which means all webhooks."""
    return not webhook_id or webhook_id in {row.id for row in list_webhooks(session, who)}


def create(session: Transaction, who: Identity, *, name: str, signed: bool = True) -> IncomingWebhook:
    """Create a webhook with a random address and a random signing secret.

    Raises LimitReached if the tenant has MAX_WEBHOOKS, Invalid if the name is empty or too long.
    """
    if len(list_webhooks(session, who)) >= MAX_WEBHOOKS:
        raise LimitReached("You can add up to {count} webhooks.", count=MAX_WEBHOOKS)
    address = secrets.token_urlsafe(24)
    row = IncomingWebhook(
        tenant_id=who.tenant_id,
        name=str(_clean(WEBHOOK_FORM["name"], name)),
        address_hash=hash_address(address),
        address_secret="",
        secret="",
        signed=signed,
    )
    webhook_secrets.set_secret(row, "address_secret", address)
    webhook_secrets.set_secret(row, "secret", webhook_secrets.new_secret())
    session.add(row)
    session.flush()
    _record(session, who, row, "Webhook “{name}” created")
    return row


def save(session: Transaction, who: Identity, webhook_id: str, changes: dict[str, Any]) -> IncomingWebhook:
    """Change fields of the form: the name, the agent, the paths, or whether contacts are created.

    Raises NotFound if there is no such webhook or agent, Invalid for an unknown field or a wrong value.
    """
    row = get(session, who, webhook_id, lock=True)
    for field, value in changes.items():
        if field not in WEBHOOK_FORM:
            raise Invalid(WRONG_VALUE, field=field)
        setattr(row, field, _agent(session, who, value) if field == "agent_id" else _clean(WEBHOOK_FORM[field], value))
    _publish_change(session, row)
    return row


def _clean(shown: FormField, value: Any) -> str | bool:
    """Return a value of a form in its stored form. Raises Invalid if it is wrong."""
    if shown.control == Control.PATH:
        return clean_path(value, shown.name)
    if shown.control == Control.TEXT:
        longest = shown.max_length or 0
        return crm_values.clean_line(value, shown.name, max_length=longest, required=bool(shown.min_length))
    if not isinstance(value, bool):
        raise Invalid(shown.problem, field=shown.name)
    return value


def clean_path(value: Any, field: str) -> str:
    """Return a path within a payload in its stored form. Raises Invalid if it is not a line of text."""
    return crm_values.clean_line(value, field).strip(".").removeprefix("$.")


def _agent(session: Transaction, who: Identity, agent_id: Any) -> str | None:
    if not agent_id:
        return None
    if session.exec(owned(Agent, who.tenant_id).where(Agent.id == agent_id)).first() is None:
        raise NotFound("Agent not found. It may have been deleted.")
    return str(agent_id)


def set_enabled(session: Transaction, who: Identity, webhook_id: str, *, enabled: bool) -> IncomingWebhook:
    """Switch a webhook on or off; requests to one that is off are answered as not found."""
    row = get(session, who, webhook_id, lock=True)
    if row.enabled != enabled:
        row.enabled = enabled
        _record(session, who, row, "Webhook “{name}” turned on" if enabled else ("Webhook “{name}” turned off"))
    return row


def require_signature(session: Transaction, who: Identity, webhook_id: str, *, signed: bool) -> IncomingWebhook:
    """Set whether deliveries must be signed."""
    row = get(session, who, webhook_id, lock=True)
    if row.signed != signed:
        row.signed = signed
        required, free = "Webhook “{name}” requires a signature", ("Webhook “{name}” no longer requires a signature")
        _record(session, who, row, required if signed else free)
    return row


def rotate_secret(session: Transaction, who: Identity, webhook_id: str) -> IncomingWebhook:
    """Replace the signing secret; the former one stays valid for a day."""
    row = get(session, who, webhook_id, lock=True)
    webhook_secrets.rotate(row)
    _record(session, who, row, "Secret of the webhook “{name}” renewed")
    return row


def delete(session: Transaction, who: Identity, webhook_id: str) -> IncomingWebhook:
    """Delete a webhook: its address is answered as not found. It can be restored."""
    row = _ROWS.delete(session, who, webhook_id)
    _record(session, who, row, "Webhook “{name}” deleted")
    return row


def restore(session: Transaction, who: Identity, webhook_id: str) -> IncomingWebhook:
    """Restore a deleted webhook. Raises NotFound if there is none, LimitReached if the tenant has MAX_WEBHOOKS."""
    row = _ROWS.restore(session, who, webhook_id)
    _publish_change(session, row)
    return row


def _record(session: Transaction, who: Identity, row: IncomingWebhook, sentence: str) -> None:
    link = f"/webhooks/{row.id}" if row.deleted_at is None else ""
    activity.record_by(
        session, who, ActivityKind.INTEGRATION, sentence, agent_id=row.agent_id, link=link, name=row.name
    )
    _publish_change(session, row)


def _publish_change(session: Transaction, row: IncomingWebhook) -> None:
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "webhook", row.id))

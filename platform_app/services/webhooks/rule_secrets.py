"""Rule secrets: the secret with which the rules and sequences of a tenant sign what they post to webhooks."""

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.feed import activity
from platform_app.services.webhooks import webhook_secrets

PURPOSE = "webhooks of rules"


class RuleSecret(BaseModel):
    """The secret, and the one before, which signs too until `former_until`."""

    secret: str
    former: str = ""
    former_until: datetime | None = None

    @property
    def is_former_valid(self) -> bool:
        """Whether the secret before still signs."""
        return self.former_until is not None and now() < self.former_until


def read(session: Transaction, tenant_id: str) -> RuleSecret | None:
    """Return the secret of a tenant, or None if nothing has been signed. Raises Conflict if it is unreadable."""
    stored = tenant_secrets.read(session, tenant_id, PURPOSE)
    return RuleSecret.model_validate_json(stored) if stored else None


def signing_secrets(tenant_id: str) -> list[str]:
    """Return the secrets to sign with now, newest first; the first is created if there is none.

    Raises Conflict if they cannot be decrypted.
    """
    try:
        held = _read_or_create(tenant_id)
    except IntegrityError:  # another worker has just created it
        held = _read_or_create(tenant_id)
    return [held.secret, *([held.former] if held.is_former_valid else [])]


def _read_or_create(tenant_id: str) -> RuleSecret:
    with session_scope(tenant_id, read_only=True) as session:
        held = read(session, tenant_id)
    if held is not None:
        return held
    created = RuleSecret(secret=webhook_secrets.new_secret())
    with session_scope(tenant_id) as session:
        tenant_secrets.store(session, tenant_id, PURPOSE, created.model_dump_json())
    return created


def rotate(session: Transaction, who: Identity) -> RuleSecret:
    """Replace the secret; the former one signs too for a day. Raises Conflict if it cannot be decrypted."""
    held = read(session, who.tenant_id)
    fresh = RuleSecret(secret=webhook_secrets.new_secret())
    if held is not None:
        fresh.former, fresh.former_until = held.secret, now() + webhook_secrets.FORMER_SECRET_LIFETIME
    tenant_secrets.store(session, who.tenant_id, PURPOSE, fresh.model_dump_json())
    activity.record_by(session, who, ActivityKind.INTEGRATION, "Secret of the webhooks of rules renewed")
    return fresh

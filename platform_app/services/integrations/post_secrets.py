"""Post secrets: by which a CRM signs what it posts, if a person has to tell it the address of this platform."""

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.models.integration import CrmConnection
from platform_app.models.person import Identity
from platform_app.services.integrations import connections, crm_tokens

NO_HOME = "Posts need a public https address of this platform. Set PLATFORM_PUBLIC_URL."


def set_post_secret(session: Transaction, who: Identity, connection_id: str, secret: str) -> CrmConnection:
    """Store the secret by which a CRM signs what it posts; a person has told it the address of this platform.

    Raises NotFound if there is no such connection or its CRM is told by the platform itself, and Invalid at the field
    `secret` if that is none or this platform has no public address.
    """
    row = connections.get(session, who, connection_id, lock=True)
    if not connections.type_of(row.kind).posts_help:
        raise NotFound("Connection not found. It may have been removed.")
    address, secret = connections.wanted_webhook(row), secret.strip()
    if not address:
        raise Invalid(NO_HOME, field="secret")
    if not 8 <= len(secret) <= 200 or not secret.isascii() or not secret.isprintable():
        raise Invalid("Copy it from the page of the webhook.", field="secret")
    crm_tokens.store_post_secret(session, row, secret)
    row.webhook, row.webhook_tried_at = address, now()
    connections.publish_change(session, row)
    return row

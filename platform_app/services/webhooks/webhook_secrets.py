"""Webhook secrets: encrypted address parts and signing keys of webhooks."""

import secrets
from base64 import b64encode
from datetime import timedelta

from platform_app import encryption
from platform_app.clock import now
from platform_app.models.outgoing_webhook import OutgoingWebhook
from platform_app.models.webhook import IncomingWebhook

SignedWebhook = IncomingWebhook | OutgoingWebhook
FORMER_SECRET_LIFETIME = timedelta(hours=24)


def new_secret() -> str:
    """Return a random signing key in the form of Standard Webhooks."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def rotate(row: SignedWebhook) -> None:
    """Replace the signing key; the former one stays valid for FORMER_SECRET_LIFETIME."""
    row.former_secret, row.former_until = row.secret, now() + FORMER_SECRET_LIFETIME
    set_secret(row, "secret", new_secret())


def set_secret(row: SignedWebhook, column: str, clear: str) -> None:
    """Encrypt a text into a column of a webhook."""
    setattr(row, column, encryption.encrypt(clear, row.tenant_id, row.secret_purpose(column)))


def get_address(row: IncomingWebhook) -> str:
    """Return the secret last part of a webhook's address. Raises Conflict if it cannot be decrypted."""
    return _decrypted(row, "address_secret")


def get_secret(row: SignedWebhook) -> str:
    """Return the key that deliveries are signed with. Raises Conflict if it cannot be decrypted."""
    return _decrypted(row, "secret")


def is_former_valid(row: SignedWebhook) -> bool:
    """Return whether the key before the last rotation is still accepted."""
    return row.former_until is not None and now() < row.former_until


def valid_secrets(row: SignedWebhook) -> list[str]:
    """Return the keys that a delivery may be signed with now, newest first. Raises Conflict if one is unreadable."""
    return [get_secret(row), *([_decrypted(row, "former_secret")] if is_former_valid(row) else [])]


def _decrypted(row: SignedWebhook, column: str) -> str:
    return encryption.decrypt(getattr(row, column), row.tenant_id, row.secret_purpose(column))

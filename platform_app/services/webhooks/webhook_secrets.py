"""Webhook secrets: encrypted address parts and signing keys of webhooks."""

from platform_app import encryption
from platform_app.clock import now
from platform_app.models.webhook import IncomingWebhook


def set_secret(row: IncomingWebhook, column: str, clear: str) -> None:
    """Encrypt a text into a column of a webhook."""
    setattr(row, column, encryption.encrypt(clear, row.tenant_id, row.secret_purpose(column)))


def get_address(row: IncomingWebhook) -> str:
    """Return the secret last part of a webhook's address. Raises Conflict if it cannot be decrypted."""
    return _decrypted(row, "address_secret")


def get_secret(row: IncomingWebhook) -> str:
    """Return the key that deliveries are signed with. Raises Conflict if it cannot be decrypted."""
    return _decrypted(row, "secret")


def is_former_valid(row: IncomingWebhook) -> bool:
    """Return whether the key before the last rotation is still accepted."""
    return row.former_until is not None and now() < row.former_until


def valid_secrets(row: IncomingWebhook) -> list[str]:
    """Return the keys that a delivery may be signed with now. Raises Conflict if one cannot be decrypted."""
    return [get_secret(row), *([_decrypted(row, "former_secret")] if is_former_valid(row) else [])]


def _decrypted(row: IncomingWebhook, column: str) -> str:
    return encryption.decrypt(getattr(row, column), row.tenant_id, row.secret_purpose(column))

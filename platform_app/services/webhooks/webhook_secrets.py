"""Webhook secrets: the last part of an address and what deliveries are signed with, each sealed for its webhook."""

from platform_app import encryption
from platform_app.clock import now
from platform_app.models.webhook import IncomingWebhook

COLUMNS = ("address_secret", "secret", "former_secret")


def purpose(row: IncomingWebhook, column: str) -> str:
    """Return what a column is sealed for; a secret that becomes the former one stays as it was sealed."""
    return f"webhook {row.id} {'address' if column == 'address_secret' else 'signature'}"


def set_secret(row: IncomingWebhook, column: str, clear: str) -> None:
    """Seal a text into a column of a webhook."""
    setattr(row, column, encryption.encrypt(clear, row.tenant_id, purpose(row, column)))


def get_address(row: IncomingWebhook) -> str:
    """Return the last part of a webhook's address; raises Conflict when it cannot be read."""
    return _decrypted(row, "address_secret")


def get_secret(row: IncomingWebhook) -> str:
    """Return what deliveries are signed with; raises Conflict when it cannot be read."""
    return _decrypted(row, "secret")


def is_former_valid(row: IncomingWebhook) -> bool:
    """Tell whether the secret before the last renewal is still good."""
    return row.former_until is not None and now() < row.former_until


def valid_secrets(row: IncomingWebhook) -> list[str]:
    """Return the secrets that a delivery may be signed with now; raises Conflict when one cannot be read."""
    return [get_secret(row), *([_decrypted(row, "former_secret")] if is_former_valid(row) else [])]


def _decrypted(row: IncomingWebhook, column: str) -> str:
    return encryption.decrypt(getattr(row, column), row.tenant_id, purpose(row, column))

"""CRM tokens: the encrypted tokens by which connected accounts are called."""

import json

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.integrations import stored_access
from platform_app.integrations.base import Crm
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.integrations.kommo.crm import KommoCrm
from platform_app.integrations.kommo.oauth import Integration
from platform_app.integrations.oauth_tokens import Tokens
from platform_app.integrations.stored_access import StoredAccess
from platform_app.models.integration import CrmConnection
from platform_app.services.accounts import tenant_secrets


def store(session: Transaction, row: CrmConnection, token: str) -> None:
    """Store a token that is not refreshed."""
    tenant_secrets.store(session, row.tenant_id, _purpose(row), token)


def store_oauth(session: Transaction, row: CrmConnection, integration: Integration, tokens: Tokens) -> None:
    """Store tokens that are refreshed, with the integration that they belong to."""
    kept = {"client_id": integration.client_id, "client_secret": integration.client_secret}
    kept["redirect_uri"] = integration.redirect_uri
    tenant_secrets.store(session, row.tenant_id, _integration_purpose(row), json.dumps(kept))
    stored_access.store(session, row.tenant_id, row.id, tokens)


def open_crm(session: Transaction, row: CrmConnection) -> Crm:
    """Return the account of a connection for calls. Raises NotFound without a token, Conflict if it is unreadable."""
    token = tenant_secrets.read(session, row.tenant_id, _purpose(row))
    if token is not None:
        return CRM_TYPES[row.kind].open(row.host, token)
    integration = tenant_secrets.read(session, row.tenant_id, _integration_purpose(row))
    if integration is None:
        raise NotFound("Connection not found. It may have been removed.")
    return KommoCrm(row.host, StoredAccess(row.tenant_id, row.id, Integration(**json.loads(integration))))


def forget(session: Transaction, row: CrmConnection) -> None:
    """Delete every token of a connection."""
    for purpose in (_purpose(row), _integration_purpose(row)):
        tenant_secrets.delete(session, row.tenant_id, purpose)
    stored_access.delete(session, row.tenant_id, row.id)


def store_post_secret(session: Transaction, row: CrmConnection, secret: str) -> None:
    """Store the secret by which the CRM signs what it posts."""
    tenant_secrets.store(session, row.tenant_id, _post_purpose(row), secret)


def read_post_secret(session: Transaction, row: CrmConnection) -> str:
    """Return the secret by which the CRM signs what it posts, "" if there is none. Raises Conflict if unreadable."""
    return tenant_secrets.read(session, row.tenant_id, _post_purpose(row)) or ""


def forget_post_secret(session: Transaction, row: CrmConnection) -> None:
    """Delete the secret by which the CRM signs what it posts."""
    tenant_secrets.delete(session, row.tenant_id, _post_purpose(row))


def _purpose(row: CrmConnection) -> str:
    return f"crm {row.id}"


def _integration_purpose(row: CrmConnection) -> str:
    return f"crm {row.id} integration"


def _post_purpose(row: CrmConnection) -> str:
    return f"crm {row.id} posts"

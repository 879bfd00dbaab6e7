"""Hooks: what CRMs post about changes: stored as records to be read, since a post itself proves nothing."""

import hmac
from collections.abc import Sequence

import structlog

from platform_app.db import Transaction, session_scope, unscoped
from platform_app.errors import Forbidden, Invalid, NotFound, PlatformError
from platform_app.integrations.base import CrmHook
from platform_app.models.integration import ConnectionState, CrmConnection
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import call_log, connections, crm_tokens, notices

log = structlog.get_logger()
FOREIGN = "This post is about another account."
UNSIGNED = "This post isn’t signed with the token that was entered."


def find_connection(token: str) -> CrmConnection:
    """Return the connection with an address. Raises NotFound if there is none, or it is disconnected."""
    with session_scope(reason="a post of a CRM", read_only=True) as session:
        row: CrmConnection | None = session.exec(unscoped(CrmConnection).where(CrmConnection.token == token)).first()
    if row is None or row.state == ConnectionState.DISCONNECTED:
        raise NotFound("Page not found.")
    return row


def accept_all(token: str, bodies: Sequence[bytes]) -> list[None | Exception]:
    """Store what posts to an address say in one transaction; return for each None or why it is refused.

    Raises NotFound if there is no such address.
    """
    row = find_connection(token)
    secret = _secret(row)
    read = [_read(row, body, secret) for body in bodies]
    with session_scope(row.tenant_id) as session:
        for hook in read:
            _store(session, row, hook)
        crm_changes.request_exchange(session, row.tenant_id, row.id)
    return [hook if isinstance(hook, Exception) else None for hook in read]


def _secret(row: CrmConnection) -> str | None:
    """Return by what posts have to be signed, None if the CRM signs none."""
    if not connections.type_of(row.kind).posts_help:
        return None
    with session_scope(row.tenant_id, read_only=True) as session:
        return crm_tokens.read_post_secret(session, row)


def _read(row: CrmConnection, body: bytes, secret: str | None) -> CrmHook | PlatformError:
    try:
        hook = connections.type_of(row.kind).read_hook(body)
    except Invalid as error:
        return error
    if hook.account_id != row.external_id:
        return Forbidden(FOREIGN)
    if secret is not None and (not secret or not hmac.compare_digest(secret.encode(), hook.secret.encode())):
        return Forbidden(UNSIGNED)
    return hook


def _store(session: Transaction, row: CrmConnection, hook: CrmHook | PlatformError) -> None:
    """Store the records that a post names, or in the log why it is refused."""
    if isinstance(hook, PlatformError):
        log.warning("a post of a CRM was refused", connection_id=row.id, reason=hook.sentence)
        call_log.store_incoming(session, row, hook.status, hook.sentence)
        return
    notices.add_notices(session, row, hook.changes)
    call_log.store_incoming(session, row, 200)

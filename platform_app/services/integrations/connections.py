"""Connections: connect, pause and disconnect accounts of CRMs, and open them for calls."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.integrations.base import Crm, CrmAccount, CrmField, CrmPipeline, CrmType, CrmUser, SubscribableCrm
from platform_app.integrations.connecting import told_while_connecting
from platform_app.integrations.crm_registry import CRM_TYPES
from platform_app.models.event import ActivityKind
from platform_app.models.integration import ConnectionState, CrmCall, CrmConnection, CrmKind, CrmNotice
from platform_app.models.person import Identity, Role
from platform_app.services.channels import public_addresses
from platform_app.services.crm import crm_changes
from platform_app.services.feed import activity
from platform_app.services.integrations import crm_tokens

log = structlog.get_logger()
MAX_TOKEN_CHARS = 5_000
OVERLAP = timedelta(minutes=2)  # clocks differ, and a change may be listed late


@dataclass(frozen=True)
class Definitions:
    """What the records of an account refer to."""

    pipelines: list[CrmPipeline]
    users: list[CrmUser]
    fields: list[CrmField]


@dataclass(frozen=True)
class CrmAccess:
    """A token that was tried, with the account that it opens."""

    kind: CrmKind
    token: str = field(repr=False)
    account: CrmAccount
    definitions: Definitions


def type_of(kind: CrmKind) -> CrmType:
    """Return the description of a CRM."""
    return CRM_TYPES[kind]


def verify(kind: CrmKind, written_host: str, token: str) -> CrmAccess:
    """Try a token at the CRM and return the account with its definitions. Not to be called in a transaction.

    Raises Invalid at the field `account` or `token`, also if the CRM cannot be asked: nothing is repeated.
    """
    crm_type = type_of(kind)
    token = token.strip()
    if len(token) > MAX_TOKEN_CHARS or not token.isprintable():
        raise Invalid("Enter the token.", field="token")
    host, token = crm_type.parse_access(written_host, token)
    if not token or not token.isascii():
        raise Invalid("Enter the token.", field="token")
    with told_while_connecting():
        crm = crm_type.open(host, token)
        return CrmAccess(kind, token, crm.account(), read_definitions(crm))


def read_definitions(crm: Crm) -> Definitions:
    """Return pipelines, users and custom fields of an account. Raises CrmError if a call fails."""
    return Definitions(crm.pipelines(), crm.users(), crm.fields())


def list_connections(session: Transaction, who: Identity) -> list[CrmConnection]:
    """Return the tenant's connections that are not disconnected, the oldest first."""
    query = owned(CrmConnection, who.tenant_id).where(CrmConnection.state != ConnectionState.DISCONNECTED)
    return list(session.exec(query.order_by(CrmConnection.id)).all())


def get(session: Transaction, who: Identity, connection_id: str, *, lock: bool = False) -> CrmConnection:
    """Return a connection. Raises NotFound if there is none, or it is disconnected."""
    query = owned(CrmConnection, who.tenant_id).where(CrmConnection.id == connection_id)
    row: CrmConnection | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None or row.state == ConnectionState.DISCONNECTED:
        raise NotFound("Connection not found. It may have been removed.")
    return row


def row(session: Transaction, tenant_id: str, connection_id: str) -> CrmConnection:
    """Return a connection, whatever its state."""
    found: CrmConnection = session.exec(owned(CrmConnection, tenant_id).where(CrmConnection.id == connection_id)).one()
    return found


def connect(session: Transaction, who: Identity, access: CrmAccess) -> CrmConnection:
    """Connect an account; one that was connected before goes on with its links and its mapping.

    Without a token in `access` the caller stores others. Raises Conflict at the field `account` if it is connected
    already, unless it is signed in to anew.
    """
    query = owned(CrmConnection, who.tenant_id).where(
        CrmConnection.kind == access.kind, CrmConnection.external_id == access.account.external_id
    )
    row: CrmConnection | None = session.exec(query.with_for_update()).first()
    if row is not None and row.state == ConnectionState.CONNECTED and access.token:
        raise Conflict("This account is already connected.", field="account")
    if row is None:
        account = access.account
        row = CrmConnection(
            tenant_id=who.tenant_id, kind=access.kind, name="", host="", external_id=account.external_id, token=""
        )
        row.token = secrets.token_urlsafe(32)
        session.add(row)
    row.name, row.host = access.account.name[:120], access.account.host[:120]
    row.state, row.problem, row.paused_at = ConnectionState.CONNECTED, "", None
    row.webhook_tried_at = None
    row.changes_since = row.changes_since or now() - OVERLAP
    session.flush()
    crm_tokens.forget(session, row)
    if access.token:
        crm_tokens.store(session, row, access.token)
    if row.synced_at is not None:
        crm_changes.request_exchange(session, who.tenant_id, row.id)
    record(session, who, row, "{crm} account “{name}” connected")
    return row


def set_token(session: Transaction, who: Identity, connection_id: str, access: CrmAccess) -> CrmConnection:
    """Store a new token of a connected account.

    Raises NotFound if there is no such connection, Invalid at the field `token` if it opens another account.
    """
    row = get(session, who, connection_id, lock=True)
    if row.external_id != access.account.external_id:
        raise Invalid("This token belongs to another account.", field="token")
    row.state, row.problem, row.host = ConnectionState.CONNECTED, "", access.account.host[:120]
    row.webhook_tried_at = None
    crm_tokens.forget(session, row)
    crm_tokens.store(session, row, access.token)
    crm_changes.request_exchange(session, who.tenant_id, row.id)
    record(session, who, row, "{crm} account “{name}” connected")
    return row


def set_paused(session: Transaction, who: Identity, connection_id: str, *, paused: bool) -> CrmConnection:
    """Pause a connection, or go on with what has changed meanwhile. Raises NotFound if there is none."""
    row = get(session, who, connection_id, lock=True)
    if paused == (row.paused_at is not None):
        return row
    row.paused_at = now() if paused else None
    if not paused:
        row.changes_due_at = now()
        crm_changes.request_exchange(session, who.tenant_id, row.id)
    on, off = "Exchange with {crm} “{name}” paused", "Exchange with {crm} “{name}” resumed"
    record(session, who, row, on if paused else off)
    return row


def disconnect(session: Transaction, who: Identity, connection_id: str) -> CrmConnection:
    """Forget the token, the log and what waits; rows, their links and the mapping stay.

    Raises NotFound if there is no such connection.
    """
    row = get(session, who, connection_id, lock=True)
    row.state, row.problem, row.webhook = ConnectionState.DISCONNECTED, "", ""
    row.token = secrets.token_urlsafe(32)  # the address that the CRM knows is no longer one
    crm_tokens.forget(session, row)
    crm_tokens.forget_post_secret(session, row)
    for model in (CrmCall, CrmNotice):
        session.execute(owned_delete(model, who.tenant_id).where(col(model.connection_id) == row.id))
    record(session, who, row, "{crm} account “{name}” disconnected")
    return row


def end_webhook(session: Transaction, who: Identity, connection_id: str) -> tuple[SubscribableCrm, str] | None:
    """Return the open account and the address to which it posts, to end that before a disconnect, or None."""
    row = get(session, who, connection_id)
    if not row.webhook:
        return None
    try:
        crm = crm_tokens.open_crm(session, row)
    except (Conflict, NotFound):
        return None
    return (crm, row.webhook) if isinstance(crm, SubscribableCrm) else None


def wanted_webhook(row: CrmConnection) -> str:
    """Return the address to which the CRM is to post changes, "" if it cannot reach this platform."""
    home = public_addresses.hooks_home()
    return f"{home}/hooks/crm/{row.token}" if home else ""


def acting_identity(row: CrmConnection) -> Identity:
    """Return the identity in whose name changes of a CRM are written: an operator without a user."""
    known: dict[str, Any] = {"email": "", "slug": "", "tenant_name": "", "language": "en", "time_zone": "UTC"}
    name = type_of(row.kind).label
    return Identity(user_id="", tenant_id=row.tenant_id, role=Role.OPERATOR, name=name, **known)


def set_problem(
    session: Transaction, row: CrmConnection, sentence: str, values: Mapping[str, object] | None = None
) -> None:
    """Store why nothing is exchanged, or "" if it is; `values` fill the placeholders of the message id."""
    if row.problem != sentence:
        row.problem, row.problem_values = sentence[:500], as_texts(values or {})
        publish_change(session, row)


def set_refused(
    session: Transaction, row: CrmConnection, sentence: str, values: Mapping[str, object] | None = None
) -> None:
    """Mark a connection as refused by its CRM and record an activity, once."""
    if row.state != ConnectionState.CONNECTED:
        return
    row.state = ConnectionState.REFUSED
    set_problem(session, row, sentence, values)
    told, link = "{crm} denies access: {reason}", f"/integrations/{row.id}"
    names: dict[str, Any] = {"crm": type_of(row.kind).label, "reason": sentence}
    names["reason_values"] = as_texts(values or {})
    activity.record(session, row.tenant_id, ActivityKind.FAILURE, told, link=link, **names)


def as_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Return the values of a sentence as short texts, as they are stored."""
    return {name: str(value)[:300] for name, value in values.items()}


def record(session: Transaction, who: Identity, row: CrmConnection, sentence: str) -> None:
    """Record an activity about a connection, and notify open pages."""
    link = "/integrations" if row.state == ConnectionState.DISCONNECTED else f"/integrations/{row.id}"
    names = {"crm": type_of(row.kind).label, "name": row.name}
    activity.record_by(session, who, ActivityKind.INTEGRATION, sentence, link=link, **names)
    publish_change(session, row)


def publish_change(session: Transaction, row: CrmConnection) -> None:
    """Notify open pages of a change to a connection after the transaction commits."""
    tenant_id, connection_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "integration", connection_id))

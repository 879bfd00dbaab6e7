"""Bots: starts a bot of a connected CRM on a lead."""

from collections.abc import Callable
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, Invalid
from platform_app.integrations.base import Crm, CrmError, CrmUncertain
from platform_app.models.integration import ConnectionState, CrmConnection, CrmLink, RecordKind
from platform_app.models.person import Identity
from platform_app.services.integrations import call_log, crm_tokens
from platform_app.services.jobs.effects import CallFailed, UncertainOutcome

NOT_CONNECTED = "Connect a CRM under Integrations first."
NOT_THERE = "The lead isn’t in any connected CRM."


def is_connected(session: Transaction, tenant_id: str) -> bool:
    """Return whether a CRM is connected."""
    query = owned(CrmConnection, tenant_id).where(CrmConnection.state != ConnectionState.DISCONNECTED)
    return session.exec(query.with_only_columns(CrmConnection.id).limit(1)).first() is not None


def plan_start(session: Transaction, who: Identity, lead_id: str, bot_id: str) -> Callable[[str], dict[str, Any]]:
    """Return the call that starts a bot on a lead, for after the transaction.

    Raises Invalid if the id of the bot is no number, Conflict if the lead is in no CRM that lets the platform in.
    """
    if not (bot_id.isascii() and bot_id.isdecimal() and len(bot_id) <= 15):
        raise Invalid("Enter the bot number.", field="bot_id")
    query = owned(CrmLink, who.tenant_id).where(
        CrmLink.kind == RecordKind.LEAD, CrmLink.row_id == lead_id, col(CrmLink.external_id).is_not(None)
    )
    for link in session.exec(query).all():
        connection = session.get(CrmConnection, link.connection_id)
        if connection is not None and connection.state == ConnectionState.CONNECTED:
            crm, connection_id = crm_tokens.open_crm(session, connection), connection.id
            external_id = str(link.external_id)
            return lambda key: _start(crm, (who.tenant_id, connection_id), bot_id, external_id)
    raise Conflict(NOT_THERE)


def _start(crm: Crm, connection: tuple[str, str], bot_id: str, external_id: str) -> dict[str, Any]:
    """Start the bot. Raises CallFailed if that may be tried again, UncertainOutcome if it may have started."""
    tenant_id, connection_id = connection
    try:
        crm.run_bot(bot_id, external_id)
    except CrmUncertain as error:
        raise UncertainOutcome(error.sentence) from error
    except CrmError as error:
        raise CallFailed(error.sentence, **error.values) from error
    finally:
        with session_scope(tenant_id) as session:
            row = session.get(CrmConnection, connection_id)
            if row is not None:
                call_log.store(session, row, crm)
    return {"bot_id": bot_id}

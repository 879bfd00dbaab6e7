"""Events: how services speak to automation."""

from typing import Any

from platform_app.db import Transaction
from platform_app.models.event import Event, EventKind


def emit(
    session: Transaction,
    tenant_id: str,
    kind: EventKind,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    **links: Any,
) -> Event:
    """Write an event in the transaction of the change.

    `links` are the columns agent_id, conversation_id, message_id, contact_id, lead_id and cause_id.
    `before` and `after` hold JSON values of the fields that changed.
    """
    event = Event(tenant_id=tenant_id, kind=kind, before=before or {}, after=after or {}, **links)
    session.add(event)
    return event

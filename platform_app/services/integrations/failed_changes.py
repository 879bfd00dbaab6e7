"""Failed changes: what a CRM does not accept, to be sent again by a member."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.models.crm import Contact, Lead, Note, Task
from platform_app.models.integration import CrmLink, LinkState, RecordKind
from platform_app.models.person import Identity
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import connections

SHOWN = 50


@dataclass(frozen=True)
class FailedChange:
    """A change that a CRM does not accept; `error` is a message id whose placeholders `values` fill."""

    link_id: str
    kind: RecordKind
    title: str
    path: str  # of its page, "" if it has none
    error: str
    values: dict[str, Any]


def list_failed(session: Transaction, who: Identity, connection_id: str) -> list[FailedChange]:
    """Return the newest changes that the CRM does not accept. Raises NotFound if there is no such connection."""
    connection = connections.get(session, who, connection_id)
    query = owned(CrmLink, who.tenant_id).where(
        CrmLink.connection_id == connection.id, CrmLink.state == LinkState.FAILED
    )
    links = session.exec(query.order_by(col(CrmLink.id).desc()).limit(SHOWN)).all()
    return [_entry(session, link) for link in links]


def _entry(session: Transaction, link: CrmLink) -> FailedChange:
    title, path = "", ""
    if link.kind == RecordKind.LEAD and (lead := session.get(Lead, link.row_id)):
        title, path = lead.title, f"/leads/{lead.id}"
    elif link.kind == RecordKind.CONTACT and (contact := session.get(Contact, link.row_id)):
        title, path = contact.name, f"/contacts/{contact.id}"
    elif link.kind == RecordKind.TASK and (task := session.get(Task, link.row_id)):
        title = task.text
    elif link.kind == RecordKind.NOTE and (note := session.get(Note, link.row_id)):
        title = note.text
    return FailedChange(link.id, link.kind, title[:120], path, link.error, link.error_values)


def send_again(session: Transaction, who: Identity, connection_id: str, link_id: str) -> None:
    """Have a change sent again. Raises NotFound if there is no such connection or change."""
    connection = connections.get(session, who, connection_id)
    query = owned(CrmLink, who.tenant_id).where(
        CrmLink.connection_id == connection.id, CrmLink.id == link_id, CrmLink.state == LinkState.FAILED
    )
    link: CrmLink | None = session.exec(query.with_for_update()).first()
    if link is None:
        raise NotFound("This change is no longer waiting.")
    link.state, link.error, link.error_values = LinkState.WAITING, "", {}
    crm_changes.request_exchange(session, who.tenant_id, connection.id)
    connections.publish_change(session, connection)

"""Write results: stores what a CRM says of each change that was written there."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.integrations.base import CrmWrite, CrmWritten
from platform_app.jobs import RunningJob
from platform_app.models.crm import Lead
from platform_app.models.event import ActivityKind
from platform_app.models.integration import CrmConnection, CrmLink, LinkState, RecordKind
from platform_app.services.feed import activity
from platform_app.services.integrations import connections, record_values
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_values import MODELS, Row


def locked_links(session: Transaction, tenant_id: str, link_ids: Sequence[str]) -> dict[str, CrmLink]:
    """Return some links by id, locked."""
    query = owned(CrmLink, tenant_id).where(col(CrmLink.id).in_(link_ids)).order_by(CrmLink.id)
    return {link.id: link for link in session.exec(query.with_for_update()).all()}


def lock_rows(session: Transaction, tenant_id: str, kind: RecordKind, row_ids: Sequence[str]) -> dict[str, Row]:
    """Return some rows of a kind by id, locked: before their links, as a change by hand locks them."""
    model = MODELS[kind]
    query = owned(model, tenant_id).where(col(model.id).in_(row_ids)).order_by(model.id)
    return {row.id: row for row in session.exec(query.with_for_update()).all()}


def rows_of(session: Transaction, links: Sequence[CrmLink]) -> dict[str, Row]:
    """Return the rows of links of one kind, by id."""
    if not links:
        return {}
    model = MODELS[links[0].kind]
    query = owned(model, links[0].tenant_id).where(col(model.id).in_([link.row_id for link in links]))
    return {row.id: row for row in session.exec(query).all()}


def record(job: RunningJob, connection_id: str, writes: list[CrmWrite], written: list[CrmWritten]) -> None:
    """Store what the CRM says of each write; a row that changed meanwhile stays waiting."""
    ended = {result.key: result for result in written}
    with job.transaction() as session:
        connection = session.get(CrmConnection, connection_id)
        assert connection is not None
        links = locked_links(session, job.tenant_id, [write.key for write in writes])
        rows = rows_of(session, list(links.values()))
        mapping = RecordMapping(session, connection)
        mapping.load(RecordKind.CONTACT, row_ids=[row.contact_id for row in rows.values() if isinstance(row, Lead)])
        for write in writes:
            link, result = links.get(write.key), ended.get(write.key)
            if link is None or result is None:
                continue
            if result.error:
                _fail(session, connection, link, result)
                continue
            own = record_values.own_values(mapping, rows[link.row_id or ""]) if link.row_id in rows else {}
            _settle(link, write, result, own=own, sent=_sent_values(mapping, write))
        job.record_progress(session)


def _sent_values(mapping: RecordMapping, write: CrmWrite) -> dict[str, Any]:
    """Return the values that were sent, as those of a row are: what the platform does not know is left out."""
    sent = dict(write.values)
    if "phones" in sent:
        sent["phones"] = record_values.accepted_phones(mapping, sent["phones"])
    if "contacts" in sent:
        sent["contacts"] = record_values.known_contacts(mapping, {**write.before, **sent})
    return sent


def _settle(link: CrmLink, write: CrmWrite, result: CrmWritten, *, own: dict[str, Any], sent: dict[str, Any]) -> None:
    """Store what both sides hold after a write: the values that were sent, by what they are on either side."""
    link.external_values = link.external_values | write.values
    link.own_values = link.own_values | {name: value for name, value in sent.items() if name in own or not own}
    link.external_id, link.begun_at = link.external_id or result.external_id, None
    if link.state == LinkState.SENDING:
        link.state, link.error, link.error_values = LinkState.SAME, "", {}


def _fail(session: Transaction, connection: CrmConnection, link: CrmLink, result: CrmWritten) -> None:
    """Store why the CRM does not accept a change, and record an activity."""
    link.state, link.error, link.begun_at = LinkState.FAILED, result.error[:500], None
    link.error_values = {name: str(value)[:300] for name, value in result.error_values.items()}
    noun = {RecordKind.LEAD: "leads", RecordKind.CONTACT: "contacts"}.get(link.kind)
    path = f"/{noun}/{link.row_id}" if noun else f"/integrations/{connection.id}"
    told, label = "{crm} rejected a change: {reason}", connections.type_of(connection.kind).label
    names: dict[str, Any] = {"crm": label, "reason": link.error, "reason_values": link.error_values}
    activity.record(session, connection.tenant_id, ActivityKind.FAILURE, told, link=path, **names)

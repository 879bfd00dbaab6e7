"""Record creation: creates records in a CRM for rows that it lacks; one without an answer is looked for first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.integrations.base import Crm, CrmError, CrmUncertain, CrmWrite
from platform_app.jobs import RunningJob
from platform_app.models.crm import Contact, Lead, Note, Task
from platform_app.models.integration import CrmConnection, CrmLink, LinkState, RecordKind
from platform_app.services.crm import crm_changes
from platform_app.services.integrations import record_values, write_results
from platform_app.services.integrations.record_mapping import RecordMapping
from platform_app.services.integrations.record_values import Row
from platform_app.services.jobs.effects import Postponed

SUBJECT_FAILED = "What it belongs to couldn’t be created in the CRM."
SETTLE = timedelta(seconds=10)  # a creation may still be under way in the CRM for so long
CLOCK_DIFFERENCE = timedelta(minutes=2)
LOOKING = "We don’t know if it was created in the CRM. Checking."


class Creations:
    """Records of one kind that are created together."""

    def __init__(self, connection_id: str, kind: RecordKind) -> None:
        self.connection_id, self.kind = connection_id, kind
        self.values: dict[str, dict[str, Any]] = {}  # by id of a link
        self.doubtful: dict[str, datetime] = {}  # when a creation was first begun whose outcome is unknown
        self.wants_contacts = False  # contacts have to be created before some of them

    def begin(self, session: Transaction, mapping: RecordMapping, link: CrmLink, row: Row) -> None:
        """Add a link without a record, unless the lead or contact that it is about has to be created before it."""
        if link.state == LinkState.SENDING and link.begun_at is not None:
            self.doubtful[link.id] = link.begun_at
        values = creation_values(mapping, row)
        if values is None:
            _wait_for_subject(session, link, row)
            return
        self.values[link.id] = values
        link.state, link.begun_at = LinkState.SENDING, link.begun_at or now()

    def waits_for_contact(self, session: Transaction, mapping: RecordMapping, link: CrmLink, row: Row) -> bool:
        """Return whether a lead has to wait for its contacts, which are to be created in the CRM first.

        A further contact that cannot be created there is left out.
        """
        if not isinstance(row, Lead):
            return False
        wanted = [row.contact_id, *mapping.others(row.id)]
        mapping.load(RecordKind.CONTACT, row_ids=wanted)
        waits = False
        for contact_id in filter(None, wanted):
            if mapping.there(RecordKind.CONTACT, contact_id) is not None or _is_deleted(session, contact_id):
                continue
            coming = _find(session, link, RecordKind.CONTACT, contact_id) or self._want_contact(
                session, link, contact_id
            )
            if coming.state != LinkState.FAILED:
                waits = True
            elif contact_id == row.contact_id and link.external_id is None:
                link.state, link.error = LinkState.FAILED, SUBJECT_FAILED
                return True
        return waits

    def _want_contact(self, session: Transaction, link: CrmLink, contact_id: str) -> CrmLink:
        """Have a contact created in the CRM of a link."""
        coming = CrmLink(tenant_id=link.tenant_id, connection_id=link.connection_id, kind=RecordKind.CONTACT)
        coming.row_id, coming.state = contact_id, LinkState.WAITING
        session.add(coming)
        session.flush()
        self.wants_contacts = True
        return coming

    def send(self, job: RunningJob, crm: Crm) -> None:
        """Create the records. Raises CrmError if that fails; unless it is CrmUncertain, none was created."""
        writes = [CrmWrite(link_id, "", values) for link_id, values in self.values.items()]
        try:
            written = crm.write(self.kind, writes)
        except CrmUncertain:
            raise
        except CrmError:
            with job.transaction() as session:
                for link in write_results.locked_links(session, job.tenant_id, list(self.values)).values():
                    link.state, link.begun_at = LinkState.WAITING, None
            raise
        write_results.record(job, self.connection_id, writes, written)

    def look_for(self, job: RunningJob, crm: Crm) -> None:
        """Find what interrupted creations have made; those that made nothing wait for being sent again.

        Raises Postponed while a creation may still be under way, CrmError if the CRM cannot be asked.
        """
        began = max(self.doubtful.values())
        if now() < began + SETTLE:
            raise Postponed(LOOKING, seconds=(began + SETTLE - now()).total_seconds() + 0.1)
        made = {
            link_id: crm.find_created(self.kind, CrmWrite(link_id, "", self.values[link_id]), at - CLOCK_DIFFERENCE)
            for link_id, at in self.doubtful.items()
            if link_id in self.values
        }
        with job.transaction() as session:
            links = write_results.locked_links(session, job.tenant_id, [*self.doubtful, *self.values])
            taken = self._known_there(session, job.tenant_id, [i for ids in made.values() for i in ids])
            for link in links.values():
                free = [external_id for external_id in made.get(link.id, []) if external_id not in taken]
                if free:
                    taken.add(free[0])
                    link.external_id = free[0]
                link.state, link.begun_at = LinkState.WAITING, None

    def _known_there(self, session: Transaction, tenant_id: str, external_ids: Sequence[str]) -> set[str]:
        """Return which records are linked to rows already."""
        query = owned(CrmLink, tenant_id).where(
            CrmLink.connection_id == self.connection_id,
            CrmLink.kind == self.kind,
            col(CrmLink.external_id).in_(external_ids),
        )
        return {str(link.external_id) for link in session.exec(query).all()}


def _find(session: Transaction, link: CrmLink, kind: RecordKind, row_id: str) -> CrmLink | None:
    """Return the link of another row in the same connection, or None."""
    connection = session.get(CrmConnection, link.connection_id)
    assert connection is not None
    return crm_changes.find_link(session, connection, kind, row_id)


def _is_deleted(session: Transaction, contact_id: str) -> bool:
    contact = session.get(Contact, contact_id)
    return contact is None or contact.deleted_at is not None


def _wait_for_subject(session: Transaction, link: CrmLink, row: Row) -> None:
    """Let a creation wait for that of its contact or lead; without one that is coming it is given up."""
    subjects = [(RecordKind.CONTACT, row.contact_id)] if not isinstance(row, Contact) else []
    subjects += [(RecordKind.LEAD, row.lead_id)] if isinstance(row, (Task, Note)) else []
    held = [_find(session, link, kind, row_id) for kind, row_id in subjects if row_id]
    coming = [other for other in held if other is not None and other.external_id is None]
    if any(other.state == LinkState.FAILED for other in coming):
        link.state, link.error = LinkState.FAILED, SUBJECT_FAILED
    elif not coming:
        session.delete(link)


def creation_values(mapping: RecordMapping, row: Row) -> dict[str, Any] | None:
    """Return the values with which the record of a row is created, None while the CRM lacks what it is about."""
    values = record_values.own_values(mapping, row)
    if isinstance(row, (Task, Note)):
        mapping.load(RecordKind.LEAD, row_ids=[row.lead_id])
        mapping.load(RecordKind.CONTACT, row_ids=[row.contact_id])
        subject = record_values.subject_values(mapping, row)
        return values | subject if subject else None
    if isinstance(row, Lead):
        return values if "stage" in values else None
    assert isinstance(row, Contact)
    return values

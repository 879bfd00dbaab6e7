"""Contact links: the further contacts of leads, beside the main one that a lead names itself."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_
from sqlmodel import col

from platform_app.db import Transaction, owned
from platform_app.models.crm import Lead, LeadContact

MAX_OTHERS = 50  # further contacts of a lead


def other_contact_ids(session: Transaction, tenant_id: str, lead_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the further contacts of some leads by the lead's id, in the order in which they were added."""
    wanted = sorted(set(lead_ids))
    by_lead: dict[str, list[str]] = {lead_id: [] for lead_id in wanted}
    if wanted:
        query = owned(LeadContact, tenant_id).where(col(LeadContact.lead_id).in_(wanted)).order_by(LeadContact.id)
        for lead_id, contact_id in session.execute(
            query.with_only_columns(LeadContact.lead_id, LeadContact.contact_id)
        ):
            by_lead[lead_id].append(contact_id)
    return by_lead


def others_of(session: Transaction, row: Lead) -> list[str]:
    """Return the ids of the further contacts of a lead, in the order in which they were added."""
    return other_contact_ids(session, row.tenant_id, [row.id])[row.id]


def without_main(contact_ids: Iterable[str], main: str | None) -> list[str]:
    """Return ids of contacts, each once and without that of the main contact."""
    return [contact_id for contact_id in dict.fromkeys(contact_ids) if contact_id != main]


def store(session: Transaction, row: Lead, contact_ids: list[str]) -> None:
    """Make the further contacts of a lead, which is stored already, those with these ids."""
    held = session.exec(owned(LeadContact, row.tenant_id).where(LeadContact.lead_id == row.id)).all()
    for link in held:
        if link.contact_id not in contact_ids:
            session.delete(link)
    add(session, row, without_main(contact_ids, None), known={link.contact_id for link in held})


def add(session: Transaction, row: Lead, contact_ids: list[str], *, known: Iterable[str] = ()) -> None:
    """Add further contacts to a lead, except those that are `known` to be there."""
    for contact_id in without_main(contact_ids, row.contact_id):
        if contact_id not in known:
            session.add(LeadContact(tenant_id=row.tenant_id, lead_id=row.id, contact_id=contact_id))


def has_contact(tenant_id: str, contact_id: str) -> Any:
    """Return the condition that a contact is the main or a further one of a lead."""
    linked = owned(LeadContact, tenant_id).where(LeadContact.contact_id == contact_id)
    return or_(col(Lead.contact_id) == contact_id, col(Lead.id).in_(linked.with_only_columns(LeadContact.lead_id)))


def merge(session: Transaction, tenant_id: str, kept_id: str, other_id: str) -> None:
    """Let the leads of which a contact is a further one have another contact in its place, each of them once.

    The main contacts of leads are those of after the merge.
    """
    both = owned(LeadContact, tenant_id).where(col(LeadContact.contact_id).in_((kept_id, other_id)))
    links = session.exec(both.order_by(LeadContact.id)).all()
    main = owned(Lead, tenant_id).where(Lead.contact_id == kept_id, col(Lead.id).in_([link.lead_id for link in links]))
    seen = set(session.exec(main.with_only_columns(Lead.id)).all())
    kept = [link for link in links if link.contact_id == kept_id]
    for link in [*kept, *(link for link in links if link.contact_id != kept_id)]:
        if link.lead_id in seen:
            session.delete(link)
            continue
        seen.add(link.lead_id)
        if link.contact_id != kept_id:
            link.contact_id = kept_id
    session.flush()

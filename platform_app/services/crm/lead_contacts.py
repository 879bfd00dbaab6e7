"""Lead contacts: the contacts of a lead, of which one is the main one; adds and removes them by hand."""

from platform_app.db import Transaction
from platform_app.errors import Invalid
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import contact_links, contacts, leads


def list_others(session: Transaction, who: Identity, lead_id: str) -> list[Contact]:
    """Return the further contacts of a lead in the order in which they were added, without deleted ones.

    Raises NotFound if the lead does not exist.
    """
    row = leads.get(session, who, lead_id)
    held = contacts.by_ids(session, who, ids := contact_links.others_of(session, row))
    return [held[contact_id] for contact_id in ids if contact_id in held]


def add(session: Transaction, who: Identity, lead_id: str, contact_id: str) -> Lead:
    """Add a contact to a lead and emit `lead_updated`; the first contact of a lead is its main one.

    Nothing changes if the lead has it. Raises NotFound if one of them does not exist, and Invalid if the lead has as
    many contacts as it can have.
    """
    row, contact = leads.get(session, who, lead_id, lock=True), contacts.get(session, who, contact_id)
    if row.contact_id is None:
        return leads.update_row(session, who, row, {"contact_id": contact.id})
    others = contact_links.others_of(session, row)
    return leads.update_row(session, who, row, {"other_contact_ids": [*others, contact.id]})


def remove(session: Transaction, who: Identity, lead_id: str, contact_id: str) -> Lead:
    """Take a further contact from a lead and emit `lead_updated`; the contact stays.

    Nothing changes if the lead does not have it. Raises NotFound if the lead does not exist, and Invalid if it is the
    main contact.
    """
    row = leads.get(session, who, lead_id, lock=True)
    if row.contact_id == contact_id:
        raise Invalid("This is the main contact. Choose another one first.", field="contact_id")
    others = [other for other in contact_links.others_of(session, row) if other != contact_id]
    return leads.update_row(session, who, row, {"other_contact_ids": others})

"""Contacts of a lead: one is the main one, others are added, removed, promoted and merged; events say so."""

import pytest

from platform_app.db import session_scope
from platform_app.errors import Invalid, NotFound
from platform_app.models.bin import BinKind
from platform_app.models.crm import Holder, Lead, LeadContact
from platform_app.models.person import Identity
from platform_app.services.bin import row_removal
from platform_app.services.crm import cards, contact_links, contacts, lead_contacts, leads, merge_contacts
from tests.crm_sync import events, rows
from tests.talking import a_stage, call


def people(who: Identity, *names: str) -> list[str]:
    """Create contacts; return their ids."""
    return [call(who, contacts.create, name=name).id for name in names]


def a_lead(who: Identity, contact_id: str | None = None, **values: object) -> Lead:
    """Create a lead of a contact."""
    row: Lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact_id, **values)
    return row


def held(who: Identity, lead: Lead) -> tuple[str | None, list[str]]:
    """Return the main contact of a lead and the further ones."""
    row = call(who, leads.get, lead.id)
    return row.contact_id, [contact.id for contact in call(who, lead_contacts.list_others, lead.id)]


def test_contacts_are_added_and_removed_and_events_tell_it(who: Identity) -> None:
    anna, boris, vera = people(who, "Anna", "Boris", "Vera")
    lead = a_lead(who)
    for contact in (anna, boris, vera, boris, anna):
        call(who, lead_contacts.add, lead.id, contact)
    assert held(who, lead) == (anna, [boris, vera])
    told = [event.after.get("other_contact_ids") for event in events(who, "lead_updated")]
    assert told == [None, [boris], [boris, vera]]  # nothing is told of what the lead has already
    with pytest.raises(Invalid):
        call(who, lead_contacts.remove, lead.id, anna)
    call(who, lead_contacts.remove, lead.id, boris)
    call(who, lead_contacts.remove, lead.id, boris)
    assert held(who, lead) == (anna, [vera])
    assert events(who, "lead_updated")[-1].before == {"other_contact_ids": [boris, vera]}
    assert call(who, contacts.get, boris).name == "Boris"


def test_a_main_contact_that_is_replaced_stays_as_a_further_one(who: Identity) -> None:
    anna, boris = people(who, "Anna", "Boris")
    lead = a_lead(who, anna)
    call(who, leads.save, lead.id, {"contact_id": boris})
    assert held(who, lead) == (boris, [anna])
    call(who, leads.save, lead.id, {"contact_id": anna})
    assert held(who, lead) == (anna, [boris])
    call(who, leads.save, lead.id, {"contact_id": ""})
    assert held(who, lead) == (boris, [])
    call(who, leads.save, lead.id, {"contact_id": ""})
    assert held(who, lead) == (None, [])


def test_a_lead_is_created_with_contacts_and_has_no_more_than_it_can(who: Identity) -> None:
    anna, boris = people(who, "Anna", "Boris")
    lead = a_lead(who, other_contact_ids=[anna, boris, anna])
    assert held(who, lead) == (anna, [boris])
    (created,) = events(who, "lead_created")
    assert (created.contact_id, created.after["other_contact_ids"]) == (anna, [boris])
    with pytest.raises(Invalid) as refused:
        call(who, leads.save, lead.id, {"other_contact_ids": [anna] * (contact_links.MAX_OTHERS + 1)})
    assert refused.value.field == "other_contact_ids"


def test_contacts_and_leads_of_others_are_not_linked(who: Identity, other: Identity) -> None:
    (anna,), (theirs,) = people(who, "Anna"), people(other, "Theirs")
    lead = a_lead(who, anna)
    for by, contact in ((who, theirs), (other, theirs)):
        with pytest.raises(NotFound):
            call(by, lead_contacts.add, lead.id, contact)
    with pytest.raises(NotFound):
        call(other, lead_contacts.remove, lead.id, anna)
    assert rows(who, LeadContact) == rows(other, LeadContact) == []


def test_the_leads_of_a_contact_are_also_those_of_which_it_is_a_further_one(who: Identity) -> None:
    anna, boris = people(who, "Anna", "Boris")
    mine, ours = a_lead(who, boris), a_lead(who, anna, other_contact_ids=[boris])
    assert {row.id for row in call(who, cards.get_card, Holder.CONTACT, boris).leads} == {mine.id, ours.id}
    listed, total = call(who, leads.list_leads, contact_id=boris)
    assert ({row.id for row in listed}, total) == ({mine.id, ours.id}, 2)
    assert [row.id for row in call(who, leads.list_leads, contact_id=anna)[0]] == [ours.id]


def test_a_merge_leaves_each_lead_with_each_contact_once(who: Identity) -> None:
    anna, double, boris = people(who, "Anna", "A. Lee", "Boris")
    main = a_lead(who, anna, other_contact_ids=[double, boris])
    former = a_lead(who, double, other_contact_ids=[anna])
    both = a_lead(who, boris, other_contact_ids=[double, anna])
    alone = a_lead(who, boris, other_contact_ids=[double])
    assert call(who, merge_contacts.preview, anna, double).moved["leads"] == 4
    call(who, merge_contacts.merge, anna, double)
    assert held(who, main) == (anna, [boris])
    assert held(who, former) == (anna, [])
    assert held(who, both) == held(who, alone) == (boris, [anna])
    assert len(rows(who, LeadContact)) == 3


def test_a_contact_in_the_bin_comes_back_and_one_that_is_removed_leaves_the_lead(who: Identity) -> None:
    anna, boris = people(who, "Anna", "Boris")
    lead = a_lead(who, anna, other_contact_ids=[boris])
    call(who, contacts.delete, boris)
    assert held(who, lead) == (anna, [])
    call(who, contacts.restore, boris)
    assert held(who, lead) == (anna, [boris])
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [boris])
    assert held(who, lead) == (anna, []) and rows(who, LeadContact) == []
    call(who, lead_contacts.add, lead.id, people(who, "Vera")[0])
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.LEAD, [lead.id])
    assert rows(who, LeadContact) == []

"""Contacts of leads in CRMs: all come in, are changed on either side once, and none is lost that one side alone has."""

from typing import Any

from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.models.bin import BinKind
from platform_app.models.crm import Contact, LeadContact
from platform_app.models.integration import CrmLink, LinkState, RecordKind
from platform_app.models.person import Identity
from platform_app.services.bin import row_removal
from platform_app.services.crm import contacts, lead_contacts, leads, merge_contacts
from tests.crm_sync import connected, events, exchange, link_of, linked, rows, synchronize
from tests.fakes.bitrix24 import FakeBitrix, bitrix, portal
from tests.fakes.kommo import kommo, unpaced
from tests.integrations import test_bitrix24 as bitrix_tests
from tests.integrations.test_crm_exchange import a_deal, a_person, stage
from tests.talking import call

__all__ = ["bitrix", "kommo", "portal", "unpaced"]
NAMES = ("Anna", "Boris", "Vera")


def deal_of_three(fake: FakeKommo) -> tuple[int, list[int]]:
    """Add a lead with three contacts to Kommo; return their ids."""
    people = [a_person(fake, name, phone=f"8 912 000-00-0{place}") for place, name in enumerate(NAMES)]
    return a_deal(fake, contacts=people), people


def names(who: Identity, lead_id: str) -> list[str]:
    """Return the names of the contacts of a lead, the main one first."""
    row = call(who, leads.get, lead_id)
    main = [call(who, contacts.get, row.contact_id)] if row.contact_id else []
    return [held.name for held in (*main, *call(who, lead_contacts.list_others, lead_id))]


def of_lead(fake: FakeKommo, deal: int) -> list[Any]:
    return list(fake.data.entities["leads"][deal]["contacts"])


def here(who: Identity, external_id: Any) -> str:
    link = link_of(who, RecordKind.CONTACT, external_id)
    assert link is not None and link.row_id is not None
    return link.row_id


def settled(who: Identity, fake: FakeKommo, connection_id: str) -> bool:
    """Return whether two more exchanges change nothing on either side."""
    before = len(events(who, "lead_updated")), len(fake.api.written)
    exchange(who, connection_id)
    exchange(who, connection_id)
    return before == (len(events(who, "lead_updated")), len(fake.api.written))


def test_all_contacts_come_in_and_are_no_news(who: Identity, unpaced: FakeKommo) -> None:
    deal, _ = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    assert names(who, lead.id) == list(NAMES) and events(who, "lead_updated") == []
    synchronize(who, connection_id)
    assert names(who, lead.id) == list(NAMES) and len(rows(who, LeadContact)) == 2


def test_contacts_changed_there_come_in_as_one_event_each(who: Identity, unpaced: FakeKommo) -> None:
    deal, (anna, boris, vera) = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    unpaced.data.change("leads", deal, contacts=[anna, vera])
    exchange(who, connection_id)
    assert names(who, lead.id) == ["Anna", "Vera"] and call(who, contacts.get, here(who, boris)).name == "Boris"
    unpaced.data.change("leads", deal, contacts=[vera, anna])
    exchange(who, connection_id)
    assert names(who, lead.id) == ["Vera", "Anna"]
    assert len(events(who, "lead_updated")) == 2 and settled(who, unpaced, connection_id)


def test_contacts_changed_here_arrive_there_once(who: Identity, unpaced: FakeKommo) -> None:
    deal, (anna, boris, vera) = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, lead_contacts.remove, lead.id, here(who, boris))
    gleb = call(who, contacts.create, name="Gleb", phones=["+7 912 000-00-09"])
    call(who, lead_contacts.add, lead.id, gleb.id)
    exchange(who, connection_id)
    made = next(n for n, held in unpaced.data.entities["contacts"].items() if held["name"] == "Gleb")
    assert of_lead(unpaced, deal)[0] == anna and set(of_lead(unpaced, deal)) == {anna, vera, made}
    assert settled(who, unpaced, connection_id) and names(who, lead.id) == ["Anna", "Vera", "Gleb"]
    call(who, leads.save, lead.id, {"contact_id": here(who, vera)})
    exchange(who, connection_id)
    assert of_lead(unpaced, deal)[0] == vera and set(of_lead(unpaced, deal)) == {anna, vera, made}
    call(who, leads.save, lead.id, {"contact_id": ""})
    exchange(who, connection_id)
    assert set(of_lead(unpaced, deal)) == {anna, made} and settled(who, unpaced, connection_id)
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME}


def test_a_lead_made_here_is_made_there_with_all_its_contacts(who: Identity, unpaced: FakeKommo) -> None:
    connection_id = connected(who, unpaced)
    ids = [call(who, contacts.create, name=name).id for name in NAMES]
    call(who, contacts.delete, ids[2])
    lead = call(who, leads.create, title="Boat", stage_id=stage(who, "New request"), contact_id=ids[0])
    call(who, lead_contacts.add, lead.id, ids[1])
    exchange(who, connection_id)
    (deal,) = unpaced.data.entities["leads"]
    there = [unpaced.data.entities["contacts"][held]["name"] for held in of_lead(unpaced, deal)]
    assert there == ["Anna", "Boris"] and settled(who, unpaced, connection_id)


def test_what_only_one_side_knows_stays(who: Identity, unpaced: FakeKommo) -> None:
    """A contact that was removed here for good stays with its lead there, one not yet sent stays here."""
    deal, (anna, boris, vera) = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    with session_scope(who.tenant_id) as session:
        row_removal.remove(session, who.tenant_id, BinKind.CONTACT, [here(who, boris)])
    gleb = call(who, contacts.create, name="Gleb", phones=["+7 912 000-00-09"])
    call(who, lead_contacts.add, lead.id, gleb.id)
    late = a_person(unpaced, "Darya", phone="8 912 000-00-08")
    unpaced.data.change("leads", deal, contacts=[anna, boris, vera, late])
    exchange(who, connection_id)
    exchange(who, connection_id)
    assert {anna, boris, vera, late} < set(of_lead(unpaced, deal)) and len(of_lead(unpaced, deal)) == 5
    assert set(names(who, lead.id)) == {"Anna", "Vera", "Gleb", "Darya"} and settled(who, unpaced, connection_id)


def test_a_contact_in_the_bin_does_not_hold_its_lead_up(who: Identity, unpaced: FakeKommo) -> None:
    deal, (anna, boris, vera) = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, contacts.delete, here(who, boris))
    exchange(who, connection_id)
    unpaced.data.change("leads", deal, name="Three bicycles", contacts=[boris, anna])
    exchange(who, connection_id)
    assert call(who, leads.get, lead.id).title == "Three bicycles"
    assert set(of_lead(unpaced, deal)) == {anna, boris}
    fresh = unpaced.data.add("leads", name="Late", contacts=[vera, boris])["id"]
    exchange(who, connection_id)
    assert names(who, linked(who, RecordKind.LEAD, fresh).id) == ["Vera"]


def test_a_merge_here_leaves_both_records_with_the_lead_there(who: Identity, unpaced: FakeKommo) -> None:
    deal, (anna, boris, vera) = deal_of_three(unpaced)
    connection_id = connected(who, unpaced)
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, merge_contacts.merge, here(who, anna), here(who, boris))
    assert names(who, lead.id) == ["Anna", "Vera"]
    call(who, leads.save, lead.id, {"title": "Other"})
    exchange(who, connection_id)
    assert set(of_lead(unpaced, deal)) == {anna, boris, vera}
    assert settled(who, unpaced, connection_id) and names(who, lead.id) == ["Anna", "Vera"]


def test_contacts_of_deals_of_bitrix24_go_both_ways(who: Identity, bitrix: FakeBitrix) -> None:
    people = [
        bitrix_tests.a_person(bitrix, f"8 912 000-00-0{n}", NAME=name, LAST_NAME="") for n, name in enumerate(NAMES)
    ]
    deal = bitrix_tests.a_deal(bitrix, CONTACT_ID=people[0])
    bitrix.bindings[deal] = people[:2]
    connection_id = bitrix_tests.connected(who, bitrix)
    lead = linked(who, RecordKind.LEAD, deal)
    assert names(who, lead.id) == ["Anna", "Boris"] and events(who, "lead_updated") == []
    bitrix.link(deal, people[2], people[0])
    exchange(who, connection_id)
    assert names(who, lead.id) == ["Vera", "Anna"] and len(events(who, "lead_updated")) == 1
    call(who, lead_contacts.add, lead.id, here(who, people[1]))
    call(who, lead_contacts.remove, lead.id, here(who, people[0]))
    exchange(who, connection_id)
    assert bitrix.bindings[deal] == [people[2], people[1]]
    call(who, leads.save, lead.id, {"contact_id": here(who, people[0])})
    exchange(who, connection_id)
    assert (bitrix.bindings[deal][0], sorted(bitrix.bindings[deal])) == (people[0], sorted(people))
    before = bitrix.count("crm.deal.contact.items.set")
    exchange(who, connection_id)
    assert bitrix.count("crm.deal.contact.items.set") == before == 2
    fresh = call(who, leads.create, title="Boat", stage_id=stage(who, "New request"), contact_id=here(who, people[0]))
    call(who, lead_contacts.add, fresh.id, here(who, people[1]))
    exchange(who, connection_id)
    assert people[:2] in bitrix.bindings.values()
    assert {link.state for link in rows(who, CrmLink)} == {LinkState.SAME} and len(rows(who, Contact)) == 3

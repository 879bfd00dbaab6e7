"""CRM actions: what a connected CRM alone can do, and the contact of a lead, there too."""

import json

import pytest

from platform_app.db import session_scope
from platform_app.demo.fake_kommo.server import FakeKommo
from platform_app.engine.actions.actions import ACTIONS
from platform_app.errors import Conflict, Invalid
from platform_app.models.crm import LeadContact
from platform_app.models.integration import RecordKind
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads
from platform_app.services.integrations import bots
from tests.crm_sync import connected, exchange, link_of, linked, rows, work
from tests.fakes.kommo import kommo, unpaced
from tests.integrations.test_crm_exchange import a_deal, stage
from tests.rules.test_rules import a_rule, runs
from tests.talking import a_stage, call

__all__ = ["kommo", "unpaced"]


def test_a_bot_is_started_on_the_lead(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connected(who, unpaced)
    a_rule(who, "stage_changed", {"kind": "run_crm_bot", "bot_id": "77"})
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, leads.move_to_stage, lead.id, stage(who, "In work"))
    work(who)
    asked = next(one for one in unpaced.calls if one.path == "/api/v2/salesbot/run")
    assert json.loads(asked.body) == [{"bot_id": 77, "entity_id": deal, "entity_type": 2}]
    assert runs(who)[0].actions[0]["sentence"] == "Start the bot {number} of the CRM"


def test_without_a_crm_it_says_what_is_missing(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert ACTIONS["run_crm_bot"].missing_setup(session, who) == bots.NOT_CONNECTED
    connected(who, unpaced)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert ACTIONS["run_crm_bot"].missing_setup(session, who) == ""
    elsewhere = call(who, leads.create, title="Own", stage_id=a_stage(who))
    with pytest.raises(Conflict):
        call(who, bots.plan_start, elsewhere.id, "77")
    with pytest.raises(Invalid):
        call(who, bots.plan_start, linked(who, RecordKind.LEAD, deal).id, "77; drop")


def test_a_contact_is_linked_there_and_the_others_stay(who: Identity, unpaced: FakeKommo) -> None:
    deal = a_deal(unpaced)
    connection_id = connected(who, unpaced)
    before = unpaced.data.entities["leads"][deal]["contacts"]
    person = call(who, contacts.create, name="Vera")
    lead = linked(who, RecordKind.LEAD, deal)
    call(who, leads.save, lead.id, {"contact_id": person.id})
    exchange(who, connection_id)
    after = unpaced.data.entities["leads"][deal]["contacts"]
    assert set(before) < set(after) and len(after) == 2
    link, there = link_of(who, RecordKind.CONTACT, after[0]), link_of(who, RecordKind.CONTACT, before[0])
    assert link is not None and there is not None and link.row_id == person.id
    assert [row.contact_id for row in rows(who, LeadContact)] == [there.row_id]
    assert "link_contact" in ACTIONS

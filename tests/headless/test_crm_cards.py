"""Card: what is written appears, bad input is said at its field, and other tenants' cards stay empty."""

from typing import Any

import pytest
import reflex as rx

from platform_app.db import session_scope
from platform_app.models.crm import StageKind
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, lead_contacts, leads, pipelines
from platform_app.state.console import live_updates
from platform_app.state.crm.contact import ContactState
from platform_app.state.crm.contacts import ContactsState
from platform_app.state.crm.lead import LeadState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.headless.test_edit_conflicts import StillHub
from tests.talking import a_stage, call, real_talk


def seen(tab: Tab, name: str, state: type[rx.State] = ContactState) -> Any:
    """Return a variable of the card as the browser holds it, or nothing before it came."""
    try:
        return tab.get(state, name)
    except KeyError:
        return None


async def test_what_is_written_appears_and_bad_input_is_said_at_its_field(who: Identity) -> None:
    with session_scope(who.tenant_id) as session:
        contact = contacts.create(session, who, name="Anna")
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/contacts/{contact.id}", settle=False)
        await tab.until(lambda: seen(tab, "card_key"))
        await tab.send(ContactState.save("phones", "12"), settle=False)
        await tab.until(lambda: "phones" in seen(tab, "problems"))
        await tab.send(ContactState.add_note({"note": " "}), settle=False)
        await tab.until(lambda: "note" in seen(tab, "problems"))
        await tab.send(ContactState.add_note({"note": "Likes red"}), settle=False)
        await tab.until(lambda: [note.text for note in seen(tab, "notes")] == ["Likes red"])
        assert set(seen(tab, "problems")) == {"phones"}


async def test_of_another_tenant_a_card_stays_empty(who: Identity, other: Identity) -> None:
    with session_scope(other.tenant_id) as session:
        theirs = contacts.create(session, other, name="Theirs")
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/contacts/{theirs.id}", settle=False)
        await tab.send(ContactState.save("name", "Mine now"), settle=False)
        await tab.send(ContactsState.delete(theirs.id), settle=False)
        await tab.goto("/manage/acme/settings")
        assert (tab.get(ContactState, "card_key"), tab.get(ContactState, "name")) == ("", "")
    with session_scope(other.tenant_id) as session:
        assert contacts.get(session, other, theirs.id).name == "Theirs"


async def test_conversations_of_a_card_open_where_they_are_read(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    talk = real_talk(who, contact_id=contact.id)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/contacts/{contact.id}", settle=False)
        await tab.until(lambda: seen(tab, "conversations"))
        assert [one.path for one in seen(tab, "conversations")] == [f"/inbox?c={talk}"]


async def test_the_stages_of_a_lead_say_what_is_passed_and_each_day_is_named_once(who: Identity) -> None:
    call(who, pipelines.create, "Sales", pipelines.default_stages("en"))
    ((_, stages),) = call(who, pipelines.list_pipelines)
    lead = call(who, leads.create, title="Boat", stage_id=stages[0].id)
    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/leads/{lead.id}", settle=False)
        await tab.until(lambda: seen(tab, "card_key", LeadState))
        assert [step.name for step in tab.get(LeadState, "pipeline_stages")] == [stage.name for stage in stages]
        await tab.send(LeadState.move(stages[2].id), settle=False)
        await tab.until(lambda: tab.get(LeadState, "stage") == stages[2].id)
        assert [step.is_passed for step in tab.get(LeadState, "pipeline_stages")][:3] == [True, True, False]
        lost = next(stage for stage in stages if stage.kind == StageKind.LOST)
        await tab.send(LeadState.move(lost.id), settle=False)
        await tab.until(lambda: not any(step.is_passed for step in tab.get(LeadState, "pipeline_stages")))
        lines = tab.get(LeadState, "history")
        assert [line.day for line in lines] == ["Today", "", ""]
        assert [line.icon for line in lines] == ["stage", "stage", "field"]


async def test_contacts_of_a_lead_are_added_promoted_and_removed_and_pages_see_it(
    who: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = StillHub()
    monkeypatch.setattr(live_updates, "hub", hub)
    anna, boris = (call(who, contacts.create, name=name).id for name in ("Anna", "Boris"))
    theirs = call(other, contacts.create, name="Theirs").id
    lead = call(who, leads.create, title="Boat", stage_id=a_stage(who))

    def shown(tab: Tab) -> Any:
        return seen(tab, "contact_name", LeadState), [
            line.name for line in seen(tab, "other_contacts", LeadState) or ()
        ]

    async with Tab(sign_in(who)) as tab:
        await tab.goto(f"/manage/acme/leads/{lead.id}", settle=False)
        await tab.until(lambda: seen(tab, "card_key", LeadState) and hub.pages)
        for contact, wanted in ((theirs, ("", [])), (anna, ("Anna", [])), (boris, ("Anna", ["Boris"]))):
            await tab.send(LeadState.add_contact, settle=False)
            await tab.until(lambda: tab.get(LeadState, "contact_dialog_open") and tab.get(LeadState, "candidates"))
            await tab.send(LeadState.set_contact(contact), settle=False)
            await tab.until(lambda contact=contact: contact == theirs or not tab.get(LeadState, "contact_dialog_open"))
            await tab.until(lambda wanted=wanted: shown(tab) == wanted)
        await tab.send(LeadState.make_main(boris), settle=False)
        await tab.until(lambda: shown(tab) == ("Boris", ["Anna"]))
        call(who, lead_contacts.remove, lead.id, anna)
        hub.tell("lead")
        await tab.until(lambda: shown(tab) == ("Boris", []))
        call(who, lead_contacts.add, lead.id, anna)
        await tab.goto(f"/manage/acme/contacts/{anna}", settle=False)
        await tab.until(lambda: [(row.title, row.contact) for row in seen(tab, "leads") or ()] == [("Boat", "Boris")])


async def test_a_viewer_changes_no_contacts_of_a_lead(who: Identity) -> None:
    anna, boris = (call(who, contacts.create, name=name).id for name in ("Anna", "Boris"))
    lead = call(who, leads.create, title="Boat", stage_id=a_stage(who), contact_id=anna, other_contact_ids=[boris])
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await tab.goto(f"/manage/acme/leads/{lead.id}", settle=False)
        await tab.until(lambda: seen(tab, "other_contacts", LeadState))
        for event in (LeadState.make_main(boris), LeadState.remove_contact(boris), LeadState.add_contact):
            await tab.send(event, settle=False)
        await tab.goto("/manage/acme/settings")
    kept = call(who, leads.get, lead.id)
    assert kept.contact_id == anna and [row.id for row in call(who, lead_contacts.list_others, lead.id)] == [boris]

"""Recent updates: what happens to leads, contacts and settings, repeats in one row, names as they are now."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from platform_app.db import owned, session_scope
from platform_app.models.crm import FieldKind, Holder, StageKind
from platform_app.models.event import ActivityKind, Event
from platform_app.models.person import Identity, User
from platform_app.services.accounts import accounts
from platform_app.services.agents import agents
from platform_app.services.chat import hand_off
from platform_app.services.crm import contacts, custom_field_definitions, leads, pipelines, tasks
from platform_app.services.feed import activity
from platform_app.services.feed.activity import FeedRow
from platform_app.state.feed.feed_view import feed_days
from tests.talking import a_stage, begin, call


def feed(who: Identity, **options: Any) -> list[FeedRow]:
    return list(call(who, lambda session, who: activity.list_feed(session, who.tenant_id, **options)))


def told(who: Identity) -> list[str]:
    return [row.newest.sentence.format(**row.values) for row in feed(who)]


def test_what_happens_in_the_crm_is_told_with_its_event(who: Identity) -> None:
    first, second = a_stage(who), a_stage(who)
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Tyres", stage_id=first, contact_id=contact.id)
    call(who, leads.move_to_stage, lead.id, second)
    task = call(who, tasks.create, text="Call back", lead_id=lead.id)
    call(who, tasks.set_done, task.id, done=True)
    rows = [row for row in feed(who) if row.newest.event_id]
    with session_scope(who.tenant_id, read_only=True) as session:
        kinds = {event.id: event.kind.value for event in session.exec(owned(Event, who.tenant_id)).all()}
    assert [kinds[row.newest.event_id or ""] for row in reversed(rows)] == [
        *("contact_created", "lead_created", "stage_changed", "task_created", "task_completed")
    ]
    assert {row.newest.kind for row in rows} == {ActivityKind.PERSON} and {row.actor for row in rows} == {who.name}
    assert rows[0].newest.link == f"/leads/{lead.id}"


def test_settings_are_told(who: Identity) -> None:
    with session_scope(reason="tests") as session:
        for _ in range(2):  # the second time nothing changes
            accounts.update_tenant(session, who, name="Acme Ltd", time_zone="Europe/Moscow")
    field = call(who, custom_field_definitions.create, Holder.CONTACT, name="City", kind=FieldKind.TEXT)
    call(who, custom_field_definitions.update, field.id, name="City")
    funnel = call(who, pipelines.create, "Sales", [("New", StageKind.OPEN)])
    call(who, pipelines.add_stage, funnel.id, "Second")
    assert told(who) == [
        "Stages of “Sales” changed",
        "Pipeline “Sales” created",
        "Field “City” added",
        "Company settings changed",
    ]


def test_an_import_of_many_is_one_row(who: Identity) -> None:
    call(who, contacts.create, name="Anna", in_feed=False)
    assert told(who) == []


def test_repeats_in_one_conversation_are_one_row(who: Identity) -> None:
    talks = [begin(who), begin(who)]
    for _ in range(3):
        call(who, hand_off.hand_off, talks[0])
        call(who, hand_off.hand_back, talks[0])
    call(who, hand_off.hand_off, talks[1])
    rows = [row for row in feed(who) if "handed off to a person" in row.newest.sentence]
    assert [(row.newest.link[-32:], row.count) for row in rows] == [(talks[1], 1), (talks[0], 3)]
    assert len(feed(who, limit=2)) == 2


def test_updates_are_shown_by_day_and_by_what_they_are_about(who: Identity) -> None:
    moment = datetime(2026, 7, 10, 12, tzinfo=UTC)
    with time_machine.travel(moment - timedelta(days=1), tick=False):
        first, second = a_stage(who), a_stage(who)
        lead = call(who, leads.create, title="Tyres", stage_id=first).id
    with time_machine.travel(moment, tick=False):
        call(who, leads.move_to_stage, lead, second)
        call(who, tasks.create, text="Call back", lead_id=lead)
        call(who, contacts.create, name="Anna")
        today, before = feed_days(feed(who), who, "en", moment)
    assert (today.name, before.name) == ("Today", "Yesterday")
    assert [(group.words, len(group.more)) for group in today.groups] == [("", 0), ("1 earlier update", 1)]
    assert before.groups[0].newest.sentence == "Lead “Tyres” created"
    assert {group.newest.actor for group in today.groups} == {who.name}


def test_names_are_those_of_now(who: Identity, other: Identity) -> None:
    agent, stage = call(who, agents.create, {"name": "Vra"}).id, a_stage(who)
    contact = call(who, contacts.create, name="Ana")
    lead = call(who, leads.create, title="Tires", stage_id=stage)
    call(who, contacts.save, contact.id, {"name": "Anna"})
    call(who, leads.save, lead.id, {"title": "Tyres"})
    revision = call(who, agents.get, agent).revision
    call(who, agents.save_draft, agent, {"name": "Vera"}, revision=revision)
    with session_scope(reason="tests") as session:
        person = session.get(User, who.user_id)
        assert person is not None
        person.name = "Olga"
    found = told(who)
    assert "Contact “Anna” created" in found and "Lead “Tyres” created" in found
    assert "Agent “Vera” created" in found
    assert {row.actor for row in feed(who)} == {"Olga"}
    assert feed(other) == []


@pytest.mark.parametrize("gone", ["contact", "lead"])
def test_what_is_deleted_keeps_its_last_name(who: Identity, gone: str) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Tyres", stage_id=a_stage(who))
    call(who, contacts.delete, contact.id) if gone == "contact" else call(who, leads.delete, lead.id)
    assert ("Contact “Anna” deleted" if gone == "contact" else "Lead “Tyres” deleted") in told(who)

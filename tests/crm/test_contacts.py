"""Contacts: own fields, checked values, merging, and importing without loss or doubles."""

from functools import partial
from threading import Thread
from typing import Any

import pytest

from platform_app import custom_fields
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.models.crm import Contact, FieldKind, Holder, Pipeline, Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import (
    cards,
    contacts,
    custom_field_definitions,
    leads,
    merge_contacts,
    notes,
    pipelines,
    tags,
    tasks,
)
from tests.talking import a_stage, call


def kinds(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return [event.kind.value for event in session.exec(owned(Event, who.tenant_id).order_by(Event.id)).all()]


def add_field(who: Identity, name: str, kind: FieldKind, options: str = "") -> str:
    return str(call(who, custom_field_definitions.create, Holder.CONTACT, name=name, kind=kind, options=options).key)


def test_a_change_leaves_an_event_with_before_and_after(who: Identity) -> None:
    made = call(
        who, contacts.create, name=" Анна  Ли ", emails="A@x.io, b@x.io", phones="+7 (900) 111-22-33", tags="#VIP"
    )
    assert (made.name, made.emails, made.email, made.tags) == ("Анна Ли", ["a@x.io", "b@x.io"], "a@x.io", ["VIP"])
    call(who, contacts.save, made.id, {"name": "Анна Ли"})
    call(who, contacts.save, made.id, {"name": "Анна", "tags": "vip, новый"})
    with session_scope(who.tenant_id, read_only=True) as session:
        found = session.exec(owned(Event, who.tenant_id).order_by(Event.id)).all()
    assert [event.kind for event in found] == [
        EventKind.CONTACT_CREATED,
        EventKind.TAG_ADDED,
        EventKind.CONTACT_UPDATED,
        EventKind.TAG_ADDED,
    ]
    assert found[3].after == {"tag": "новый"}
    changed = found[2]
    assert (changed.before["name"], changed.after["name"]) == ("Анна Ли", "Анна")
    assert "emails" not in changed.before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 201),
        ("name", "a\x00"),
        ("emails", "nobody"),
        ("phones", "12"),
        ("phones", "call me maybe"),
        ("language", "xx"),
        ("time_zone", "Moon/Base"),
        ("tags", ",".join(f"t{n}" for n in range(31))),
        ("tenant_id", "f" * 32),
        ("merged_into", "f" * 32),
        ("field.nothing", "x"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(who: Identity, field: str, value: str) -> None:
    made = call(who, contacts.create, name="Anna")
    with pytest.raises(Invalid) as refused:
        call(who, contacts.save, made.id, {field: value})
    assert refused.value.field == field
    assert call(who, contacts.get, made.id).name == "Anna"


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        (FieldKind.TEXT, "  hi ", "hi"),
        (FieldKind.NUMBER, "1 000,50", "1000.5"),
        (FieldKind.MONEY, "1000,5", "1000.50"),
        (FieldKind.DATE, "5.03.2026", "2026-03-05"),
        (FieldKind.DATE, "2026-03-05", "2026-03-05"),
        (FieldKind.CHOICE, "gold", "Gold"),
        (FieldKind.YES_NO, "Да", "yes"),
        (FieldKind.NUMBER, "many", None),
        (FieldKind.MONEY, "NaN", None),
        (FieldKind.DATE, "31.02.2026", None),
        (FieldKind.DATE, "soon", None),
        (FieldKind.CHOICE, "tin", None),
        (FieldKind.YES_NO, "perhaps", None),
        (FieldKind.TEXT, "x" * 501, None),
    ],
)
def test_own_fields_keep_what_fits(who: Identity, kind: FieldKind, written: str, kept: str | None) -> None:
    key = add_field(who, "Уровень карты", kind, "Gold\nSilver")
    assert key == "uroven_karty"
    made = call(who, contacts.create, name="Anna")
    if kept is None:
        with pytest.raises(Invalid) as refused:
            call(who, contacts.save, made.id, {f"field.{key}": written})
        assert refused.value.field == f"field.{key}"
        return
    assert call(who, contacts.save, made.id, {f"field.{key}": written}).fields == {key: kept}
    assert [one.id for one in call(who, contacts.list_contacts, search=kept)[0]] == [made.id]
    assert call(who, contacts.save, made.id, {f"field.{key}": ""}).fields == {}


def test_fields_are_named_once_and_renamed(who: Identity) -> None:
    first = call(who, custom_field_definitions.create, Holder.CONTACT, name="City", kind=FieldKind.TEXT)
    with pytest.raises(Conflict):
        call(who, custom_field_definitions.create, Holder.CONTACT, name=" city ", kind=FieldKind.TEXT)
    second = call(
        who, custom_field_definitions.create, Holder.CONTACT, name="City!", kind=FieldKind.CHOICE, options="a\nb\na"
    )
    assert (first.key, second.key, second.options) == ("city", "city_2", ["a", "b"])
    for name, options in (("", "a"), ("Ok", "")):
        with pytest.raises(Invalid):
            call(who, custom_field_definitions.update, second.id, name=name, options=options)
    assert call(who, custom_field_definitions.update, second.id, name="Town", options="x").options == ["x"]
    call(who, custom_field_definitions.delete, first.id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert [row.name for row in custom_fields.list_custom_fields(session, who.tenant_id)] == ["Town"]


def test_found_by_tag_sorted_and_tagged_together(who: Identity) -> None:
    ids = [
        call(who, contacts.create, name=name, tags=tags).id for name, tags in (("b", "vip"), ("А", ""), ("a", "Vip"))
    ]
    assert [row.name for row in call(who, contacts.list_contacts, tag="VIP")[0]] == ["a", "b"]
    assert [row.name for row in call(who, contacts.list_contacts, sort="name", descending=True)[0]] == ["А", "b", "a"]
    assert call(who, tags.add_tag, ids, "vip", target=contacts) == 1
    assert call(who, contacts.list_contacts, tag="vip")[1] == 3
    assert (
        call(who, contacts.list_contacts, search="100%")[1] == 0
        and call(who, contacts.list_contacts, search="_")[1] == 0
    )
    with pytest.raises(Invalid):
        call(who, tags.add_tag, ids, " ", target=contacts)


def test_deleted_and_brought_back(who: Identity) -> None:
    made = call(who, contacts.create, name="Anna", phones="+79001112233")
    call(who, contacts.delete, made.id)
    assert call(who, contacts.list_contacts)[1] == 0
    assert call(who, contacts.find_by_address, emails=[], phones=["79001112233"]) is None
    call(who, contacts.restore, made.id)
    assert call(who, contacts.find_by_address, emails=[], phones=["7 900 111 22 33"]).id == made.id
    with pytest.raises(NotFound):
        call(who, contacts.restore, made.id)


def test_two_contacts_become_one(who: Identity) -> None:
    key, stage = add_field(who, "City", FieldKind.TEXT), a_stage(who)
    kept = call(who, contacts.create, name="Anna", emails="a@x.io", tags="vip")
    other = call(
        who, contacts.create, name="Anna L.", emails="A@x.io,b@x.io", language="ru", **{f"field.{key}": "Perm"}
    )
    lead = call(who, leads.create, title="Bike", stage_id=stage, contact_id=other.id)
    call(who, tasks.create, text="Call", contact_id=other.id)
    call(who, notes.create, text="Likes red", contact_id=other.id)
    assert [one.id for one in call(who, merge_contacts.merge_candidates, kept.id, "")] == [other.id]
    foreseen = call(who, merge_contacts.preview, kept.id, other.id)
    assert foreseen.values == {"emails": ["a@x.io", "b@x.io"], "language": "ru", f"field.{key}": "Perm"}
    assert (foreseen.other, foreseen.left) == ("Anna L.", {"name": "Anna L."})
    assert foreseen.moved == {"leads": 1, "tasks": 1, "notes": 1, "conversations": 0}
    assert call(who, contacts.get, kept.id).emails == ["a@x.io"], "nothing is done yet"
    merged = call(who, merge_contacts.merge, kept.id, other.id)
    assert (merged.emails, merged.language, merged.fields) == (["a@x.io", "b@x.io"], "ru", {key: "Perm"})
    card = call(who, cards.get_card, Holder.CONTACT, kept.id)
    assert ([one.id for one in card.leads], len(card.tasks), len(card.notes)) == ([lead.id], 1, 1)
    assert call(who, contacts.get, other.id).id == kept.id, "the old address leads to the one that stays"
    assert call(who, contacts.find_by_address, emails=["b@x.io"], phones=[]).id == kept.id
    with pytest.raises(Invalid):
        call(who, merge_contacts.merge, kept.id, other.id)


def test_names_by_id_are_those_that_are_there(who: Identity, other: Identity) -> None:
    anna, gone = (call(who, contacts.create, name=name).id for name in ("Anna", "Gone"))
    theirs = call(other, contacts.create, name="Theirs").id
    call(who, contacts.delete, gone)
    assert call(who, contacts.contact_names, [anna, gone, theirs, None, ""]) == {anna: "Anna"}
    assert call(who, contacts.contact_names, [None]) == {}


def test_tasks_and_notes_of_a_lead(who: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    task = call(who, tasks.create, text=" Call back ", lead_id=lead.id)
    assert (task.text, task.contact_id, task.responsible_id) == ("Call back", contact.id, who.user_id)
    call(who, tasks.set_done, task.id, done=True)
    call(who, tasks.set_done, task.id, done=True)
    assert kinds(who)[-2:] == ["task_created", "task_completed"]
    assert call(who, tasks.set_done, task.id, done=False).done_at is None
    note = call(who, notes.create, text="Wants a bell", lead_id=lead.id)
    assert kinds(who)[-1] == "note_added"
    assert [one.text for one in call(who, cards.get_card, Holder.LEAD, lead.id).notes] == ["Wants a bell"]
    call(who, notes.delete, note.id)
    call(who, tasks.delete, task.id)
    card = call(who, cards.get_card, Holder.LEAD, lead.id)
    assert card.notes == card.tasks == []
    for refused in ({"text": " "}, {"text": "x" * 501}):
        with pytest.raises(Invalid):
            call(who, tasks.create, lead_id=lead.id, **refused)
    with pytest.raises(Invalid):
        call(who, notes.create, text=" ", lead_id=lead.id)


def test_leads_are_changed_filtered_and_summed(who: Identity) -> None:
    stage = a_stage(who)
    lead = call(who, leads.create, title="Bike", stage_id=stage, budget="1 500,5", source="Fair", tags="hot")
    call(who, leads.create, title="Car", stage_id=stage, budget=10)
    call(who, leads.save, lead.id, {"responsible_id": who.user_id, "title": "Bicycle"})
    assert [row.title for row in call(who, leads.list_leads, responsible_id=who.user_id)[0]] == ["Bicycle"]
    assert [row.title for row in call(who, leads.list_leads, sort="budget")[0]] == ["Bicycle", "Car"]
    assert [row.title for row in call(who, leads.list_leads, sort="title", descending=False)[0]] == ["Bicycle", "Car"]
    assert [row.title for row in call(who, leads.list_leads, search="fair", tag="HOT")[0]] == ["Bicycle"]
    count, budget = call(who, leads.stage_totals)[stage]
    assert (count, str(budget)) == (2, "1510.50")
    assert [row.title for row in call(who, leads.newest_in_stage, stage, search="car")] == ["Car"]
    assert call(who, tags.add_tag, [lead.id], "HOT", target=leads) == 0
    call(who, leads.delete, lead.id)
    assert call(who, leads.stage_totals)[stage][0] == 1
    assert call(who, leads.restore, lead.id).title == "Bicycle"


def test_pipelines_are_edited_and_keep_what_leads_stand_in(who: Identity) -> None:
    made = call(who, pipelines.create, " Repairs ", [("New", "open"), ("Done", "won")])
    late = call(who, pipelines.add_stage, made.id, "Late")
    call(who, pipelines.move_stage, late.id, up=True)
    call(who, pipelines.move_stage, late.id, up=True)
    call(who, pipelines.move_stage, late.id, up=True)
    call(who, pipelines.update_stage, late.id, name="Lost", kind="lost")
    call(who, pipelines.rename, made.id, "Workshop")
    ((pipeline, stages),) = call(who, pipelines.list_pipelines)
    assert (pipeline.name, [stage.name for stage in stages]) == ("Workshop", ["Lost", "New", "Done"])
    call(who, leads.create, title="Bike", stage_id=late.id)
    for refused in ((pipelines.delete_stage, late.id), (pipelines.delete, made.id)):
        with pytest.raises(Conflict):
            call(who, *refused)
    call(who, leads.move_to_stage, call(who, leads.list_leads)[0][0].id, stages[1].id)
    call(who, pipelines.delete_stage, late.id)
    assert len(call(who, pipelines.list_pipelines)[0][1]) == 2


def test_of_another_tenant_there_is_none(who: Identity, other: Identity) -> None:
    contact = call(who, contacts.create, name="Anna")
    stage = a_stage(who)
    lead = call(who, leads.create, title="Bike", stage_id=stage, contact_id=contact.id)
    mine = call(other, contacts.create, name="Mine")
    my_stage = a_stage(other)
    acts: list[tuple[Any, ...]] = [
        (contacts.get, contact.id),
        (contacts.save, contact.id, {"name": "x"}),
        (contacts.delete, contact.id),
        (contacts.restore, contact.id),
        (partial(tags.add_tag, target=contacts), [contact.id], "x"),
        (merge_contacts.merge, mine.id, contact.id),
        (merge_contacts.merge, contact.id, mine.id),
        (merge_contacts.preview, mine.id, contact.id),
        (merge_contacts.preview, contact.id, mine.id),
        (leads.get, lead.id),
        (leads.save, lead.id, {"title": "x"}),
        (leads.move_to_stage, lead.id, my_stage),
        (leads.delete, lead.id),
        (partial(tags.add_tag, target=leads), [lead.id], "x"),
        (pipelines.delete_stage, stage),
        (pipelines.move_stage, stage),
    ]
    for act, *given in acts:
        with pytest.raises(NotFound):
            call(other, act, *given, **({"up": True} if act is pipelines.move_stage else {}))


def test_what_belongs_to_another_tenant_is_not_linked(who: Identity, other: Identity) -> None:
    contact, field = (
        call(who, contacts.create, name="Anna"),
        call(who, custom_field_definitions.create, Holder.LEAD, name="x", kind="text"),
    )
    lead = call(who, leads.create, title="Bike", stage_id=a_stage(who), contact_id=contact.id)
    task, note = call(who, tasks.create, text="x", lead_id=lead.id), call(who, notes.create, text="x", lead_id=lead.id)
    my_stage = a_stage(other)
    for act, given, named in (
        (tasks.create, (), {"text": "x", "lead_id": lead.id}),
        (tasks.create, (), {"text": "x", "contact_id": contact.id}),
        (notes.create, (), {"text": "x", "contact_id": contact.id}),
        (tasks.set_done, (task.id,), {"done": True}),
        (tasks.delete, (task.id,), {}),
        (notes.delete, (note.id,), {}),
        (custom_field_definitions.update, (field.id,), {"name": "y"}),
        (custom_field_definitions.delete, (field.id,), {}),
        (leads.create, (), {"title": "x", "stage_id": my_stage, "contact_id": contact.id}),
        (leads.create, (), {"title": "x", "stage_id": my_stage, "responsible_id": who.user_id}),
    ):
        with pytest.raises(NotFound):
            call(other, act, *given, **named)
    empty = call(other, cards.get_card, Holder.LEAD, lead.id)
    assert empty.tasks == empty.notes == empty.events == []
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Contact, who.tenant_id)).one().name == "Anna"
        assert {len(session.exec(owned(model, who.tenant_id)).all()) for model in (Pipeline, Stage)} == {1}


def test_two_who_give_a_tag_at_once_both_give_it(who: Identity) -> None:
    made = call(who, contacts.create, name="Anna")
    other = Thread(target=lambda: call(who, tags.add_tag, [made.id], "second", target=contacts))
    with session_scope(who.tenant_id) as session:
        held = contacts.get(session, who, made.id)
        other.start()
        if session.connection().dialect.name == "postgresql":  # SQLite lets one write at a time
            other.join(20)
        tags.add_tag(session, who, [held.id], "first", target=contacts)
    other.join(20)
    assert sorted(call(who, contacts.get, made.id).tags) == ["first", "second"]

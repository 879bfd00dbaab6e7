"""CRM: contacts and leads are written with their events, found by any letter case, and stay in their tenant."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from platform_app.db import owned, session_scope
from platform_app.errors import Invalid, NotFound
from platform_app.models.crm import Pipeline, Stage
from platform_app.models.event import Event, EventKind
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads, pipelines


def make_pipeline(who: Identity, name: str, *stages: str, position: int = 0) -> list[str]:
    """Write a pipeline and return the ids of its stages."""
    with session_scope(who.tenant_id) as session:
        pipeline = Pipeline(tenant_id=who.tenant_id, name=name, position=position)
        session.add(pipeline)
        session.flush()
        made = [
            Stage(tenant_id=who.tenant_id, pipeline_id=pipeline.id, name=stage, position=place)
            for place, stage in enumerate(stages)
        ]
        session.add_all(reversed(made))
        return [stage.id for stage in made]


def events(who: Identity) -> list[Event]:
    with session_scope(who.tenant_id, read_only=True) as session:
        return list(session.exec(owned(Event, who.tenant_id).order_by(Event.at, Event.id)).all())


def test_a_contact_and_its_lead_leave_events(who: Identity) -> None:
    new, won = make_pipeline(who, "Sales", "New", "Won")
    earlier = datetime(2026, 1, 2, 3, tzinfo=UTC)
    with session_scope(who.tenant_id) as session:
        contact = contacts.create(session, who, name=" Анна ", emails="anna@example.com", at=earlier)
        lead = leads.create(session, who, title="Bicycle", stage_id=new, contact_id=contact.id, budget="99.9991")
        leads.move_to_stage(session, who, lead.id, won)
        leads.move_to_stage(session, who, lead.id, won)
    assert (contact.name, contact.created_at, lead.budget) == ("Анна", earlier, Decimal("100.00"))
    created, lead_created, moved = events(who)
    assert (created.kind, created.at, created.contact_id) == (EventKind.CONTACT_CREATED, earlier, contact.id)
    assert (lead_created.kind, lead_created.lead_id, lead_created.contact_id) == (
        EventKind.LEAD_CREATED,
        lead.id,
        contact.id,
    )
    assert lead_created.after["budget"] == "100.00"
    assert (moved.kind, moved.before["stage"], moved.after["stage"]) == (EventKind.STAGE_CHANGED, "New", "Won")


def test_pipelines_keep_their_order(who: Identity) -> None:
    make_pipeline(who, "Second", "a", "b", position=1)
    make_pipeline(who, "First", "c", "d", "e", position=0)
    with session_scope(who.tenant_id, read_only=True) as session:
        found = pipelines.list_pipelines(session, who)
    assert [(p.name, [s.name for s in stages]) for p, stages in found] == [
        ("First", ["c", "d", "e"]),
        ("Second", ["a", "b"]),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a\x00"}, "title"),
        ({"budget": "much"}, "budget"),
        ({"budget": "NaN"}, "budget"),
        ({"budget": "-1"}, "budget"),
        ({"budget": "1e400"}, "budget"),
    ],
)
def test_a_lead_that_cannot_be(who: Identity, values: dict[str, str], field: str) -> None:
    (stage,) = make_pipeline(who, "Sales", "New")
    with pytest.raises(Invalid) as refused, session_scope(who.tenant_id) as session:
        leads.create(session, who, stage_id=stage, **({"title": "x"} | values))
    assert refused.value.field == field
    assert events(who) == []


def test_search_in_any_letter_case(who: Identity) -> None:
    (stage,) = make_pipeline(who, "Sales", "New")
    with session_scope(who.tenant_id) as session:
        for name in ("Юлия", "анна", "Boris"):
            contact = contacts.create(session, who, name=name, phones="+7 900 111-22-33")
            leads.create(session, who, title=f"Велосипед {name}", stage_id=stage, contact_id=contact.id)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert [c.name for c in contacts.list_contacts(session, who, search="ЮЛ")[0]] == ["Юлия"]
        assert [c.name for c in contacts.list_contacts(session, who, search="900")[0]] == ["Boris", "анна", "Юлия"]
        assert [c.name for c in contacts.list_contacts(session, who, search="(900) 11")[0]] == ["Boris", "анна", "Юлия"]
        assert contacts.list_contacts(session, who, page=2, page_size=2)[1] == 3
        assert [lead.title for lead in leads.list_leads(session, who, search="АННА вело")[0]] == ["Велосипед анна"]
        assert [lead.title for lead in leads.list_leads(session, who, page_size=1)[0]] == ["Велосипед Boris"]


def test_nothing_crosses_tenants(who: Identity, other: Identity) -> None:
    new, won = make_pipeline(who, "Sales", "New", "Won")
    (theirs,) = make_pipeline(other, "Theirs", "New")
    with session_scope(who.tenant_id) as session:
        contact = contacts.create(session, who, name="Anna")
        lead = leads.create(session, who, title="x", stage_id=new)
    with session_scope(other.tenant_id) as session:
        assert contacts.list_contacts(session, other) == leads.list_leads(session, other) == ([], 0)
        for values in ({"stage_id": won}, {"stage_id": theirs, "contact_id": contact.id}):
            with pytest.raises(NotFound):
                leads.create(session, other, title="x", **values)
        with pytest.raises(NotFound, match="Lead"):
            leads.move_to_stage(session, other, lead.id, theirs)
    with pytest.raises(NotFound, match="Stage"), session_scope(who.tenant_id) as session:
        leads.move_to_stage(session, who, lead.id, theirs)

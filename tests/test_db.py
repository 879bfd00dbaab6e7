"""Database: a transaction of one tenant never touches another's rows."""

import pytest
from sqlalchemy import func, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import select

from platform_app import db
from platform_app.db import TenantBreach, owned, owned_update, session_scope
from platform_app.models.agent import Agent
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services import contacts, leads
from tests.talking import a_stage, call


def add_agent(who: Identity, name: str) -> str:
    with session_scope(who.tenant_id) as session:
        agent = Agent(tenant_id=who.tenant_id, name=name)
        session.add(agent)
        return agent.id


def test_reads_and_updates_stay_in_the_tenant(who: Identity, other: Identity) -> None:
    add_agent(who, "mine")
    theirs = add_agent(other, "theirs")
    with session_scope(who.tenant_id) as session:
        assert [row.name for row in session.exec(owned(Agent, who.tenant_id))] == ["mine"]
        assert [row.name for row in session.exec(select(Agent))] == ["mine"]  # a forgotten filter is added
        assert session.exec(select(func.count()).select_from(Agent)).one() == 1
        assert session.get(Agent, theirs) is None
        session.execute(owned_update(Agent, other.tenant_id).values(name="stolen"))
    with session_scope(other.tenant_id, reading=True) as session:
        assert session.exec(owned(Agent, other.tenant_id)).one().name == "theirs"


def test_the_filter_is_added_to_aliases_joins_and_subqueries_of_every_tenant(who: Identity, other: Identity) -> None:
    for identity in (who, other):
        add_agent(identity, identity.slug)
    for identity in (who, other, who):
        with session_scope(identity.tenant_id, reading=True) as session:
            one = aliased(Agent)
            joined = select(one.name, Agent.name).join(Agent, Agent.id == one.id)
            within = select(Agent.name).where(Agent.id.in_(select(one.id)))  # type: ignore[attr-defined]
            assert session.exec(select(one.name)).all() == [identity.slug]
            assert session.execute(joined).all() == [(identity.slug, identity.slug)]
            assert session.exec(within).all() == [identity.slug]


def test_a_part_that_fails_leaves_the_rest(who: Identity) -> None:
    sent: list[str] = []

    def note(word: str) -> None:
        session.after_commit.append(lambda: sent.append(word))
        session.info["word"] = word

    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="before"))
        note("before")
        with pytest.raises(ZeroDivisionError), session.part():
            session.add(Agent(tenant_id=who.tenant_id, name="failed"))
            note("failed")
            session.before_commit.append(lambda: 1 / 0)
        assert session.info["word"] == "before" and session.before_commit == []
        with pytest.raises(IntegrityError), session.part():
            session.add(Agent(tenant_id=who.tenant_id, name=None))
        with session.part():
            session.add(Agent(tenant_id=who.tenant_id, name="after"))
            session.before_commit.append(lambda: note("after"))
    with session_scope(who.tenant_id, reading=True) as session:
        assert sorted(row.name for row in session.exec(owned(Agent, who.tenant_id))) == ["after", "before"]
    assert sent == ["before", "after"]


def test_a_changed_row_can_be_refreshed(who: Identity) -> None:
    add_agent(who, "before")
    with session_scope(who.tenant_id) as session:
        agent = session.exec(owned(Agent, who.tenant_id)).one()
        agent.name = "after"
        session.flush()
        session.refresh(agent)
        assert agent.name == "after"


@pytest.mark.parametrize("statement", ["SELECT * FROM agent", "SELECT * FROM tenant, agent", "DELETE FROM agent"])
def test_raw_statements_without_tenant_are_refused(who: Identity, statement: str) -> None:
    with pytest.raises(TenantBreach), session_scope(who.tenant_id) as session:
        session.execute(text(statement))
    with pytest.raises(TenantBreach), db.engine().connect() as connection:
        connection.exec_driver_sql(statement)


def test_a_row_of_another_tenant_is_not_written(who: Identity, other: Identity) -> None:
    with pytest.raises(TenantBreach), session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=other.tenant_id, name="evil"))


def test_a_session_needs_a_tenant_or_a_reason(database: str) -> None:
    with pytest.raises(TenantBreach), session_scope():
        pass


def test_sending_waits_for_the_commit(who: Identity) -> None:
    sent: list[str] = []
    with session_scope(who.tenant_id) as session:
        session.after_commit.append(lambda: sent.append("one"))
        assert not sent
    assert sent == ["one"]
    with pytest.raises(ZeroDivisionError), session_scope(who.tenant_id) as session:
        session.after_commit.append(lambda: sent.append("two"))
        raise ZeroDivisionError
    assert sent == ["one"]


def test_every_shape_of_statement_stays_in_the_tenant(who: Identity, other: Identity) -> None:
    stage, theirs = a_stage(who), a_stage(other)
    for one, at in ((who, stage), (other, theirs), (other, theirs)):
        made = call(one, contacts.create, name="Anna")
        call(one, leads.create, title="Bike", stage_id=at, contact_id=made.id)
    again = aliased(Contact)
    for one, count in ((who, 1), (other, 2), (who, 1)):  # the second and third take what was built for the first
        with session_scope(one.tenant_id) as session:
            contact = owned(Contact, one.tenant_id)
            lead = owned(Lead, one.tenant_id).where(Lead.contact_id == Contact.id)
            for query in (
                select(Contact),
                contact,
                contact.join(Lead, Lead.contact_id == Contact.id),
                select(again).where(again.name == "Anna"),
                contact.where(lead.exists()),
                contact.with_only_columns(Contact.id),
                contact.where(Contact.id.in_(owned(Lead, one.tenant_id).with_only_columns(Lead.contact_id))),
            ):
                assert len(session.exec(query).all()) == count
            assert session.exec(contact.with_only_columns(func.count())).one() == count
            assert session.execute(owned_update(Contact, one.tenant_id).values(language="en")).rowcount == count
            assert session.get(Lead, session.exec(owned(Lead, one.tenant_id)).first().id) is not None

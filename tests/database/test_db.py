"""Database: a transaction of one tenant never touches another's rows."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event, exists, false, func, text, true
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased, load_only
from sqlmodel import select

from platform_app import db
from platform_app.db import TenantIsolationError, owned, owned_update, session_scope
from platform_app.models.agent import Agent
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads
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
    with session_scope(other.tenant_id, read_only=True) as session:
        assert session.exec(owned(Agent, other.tenant_id)).one().name == "theirs"


def test_the_filter_is_added_to_aliases_joins_and_subqueries_of_every_tenant(who: Identity, other: Identity) -> None:
    for identity in (who, other):
        add_agent(identity, identity.slug)
    for identity in (who, other, who):
        with session_scope(identity.tenant_id, read_only=True) as session:
            one = aliased(Agent)
            joined = select(one.name, Agent.name).join(Agent, Agent.id == one.id)
            within = select(Agent.name).where(Agent.id.in_(select(one.id)))  # type: ignore[attr-defined]
            assert session.exec(select(one.name)).all() == [identity.slug]
            assert session.execute(joined).all() == [(identity.slug, identity.slug)]
            assert session.exec(within).all() == [identity.slug]


def test_a_hook_that_fails_after_the_commit_loses_no_other(who: Identity) -> None:
    sent: list[str] = []

    def fails() -> None:
        raise ConnectionError("away")

    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="kept"))
        hooks = [fails, lambda: sent.append("one"), fails, lambda: sent.append("two")]
        session.after_commit.extend(hooks)
        session.after_commit.append(lambda: session.after_commit.append(lambda: sent.append("of a hook")))
    assert sent == ["one", "two", "of a hook"]
    with session_scope(who.tenant_id, read_only=True) as session:
        assert session.exec(owned(Agent, who.tenant_id)).one().name == "kept"


def test_a_part_that_fails_leaves_the_rest(who: Identity) -> None:
    sent: list[str] = []

    def note(word: str) -> None:
        session.after_commit.append(lambda: sent.append(word))
        session.info["word"] = word

    with session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=who.tenant_id, name="before"))
        note("before")
        with pytest.raises(ZeroDivisionError), session.savepoint():
            session.add(Agent(tenant_id=who.tenant_id, name="failed"))
            note("failed")
            session.before_commit.append(lambda: 1 / 0)
        assert session.info["word"] == "before" and session.before_commit == []
        with pytest.raises(IntegrityError), session.savepoint():
            session.add(Agent(tenant_id=who.tenant_id, name=None))
        with session.savepoint():
            session.add(Agent(tenant_id=who.tenant_id, name="after"))
            session.before_commit.append(lambda: note("after"))
    with session_scope(who.tenant_id, read_only=True) as session:
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


RAW = [
    "SELECT * FROM agent",
    "SELECT * FROM tenant, agent",
    "SELECT * FROM tenant,agent",
    "SELECT * FROM (agent)",
    'SELECT * FROM "agent"',
    "SELECT * FROM main . agent",
    "DELETE FROM agent",
]


@pytest.mark.parametrize("statement", RAW)
def test_raw_statements_without_tenant_are_refused(who: Identity, statement: str) -> None:
    with pytest.raises(TenantIsolationError), session_scope(who.tenant_id) as session:
        session.execute(text(statement))
    with pytest.raises(TenantIsolationError), db.engine().connect() as connection:
        connection.exec_driver_sql(statement)


def test_a_row_of_another_tenant_is_not_written(who: Identity, other: Identity) -> None:
    with pytest.raises(TenantIsolationError), session_scope(who.tenant_id) as session:
        session.add(Agent(tenant_id=other.tenant_id, name="evil"))


def test_a_session_needs_a_tenant_or_a_reason(database: str) -> None:
    with pytest.raises(TenantIsolationError), session_scope():
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


THIS, THAT = aliased(Agent, name="this_agent"), aliased(Agent, name="that_agent")
RIVAL = aliased(Contact, name="rival")
Shape = Callable[[str, str], Any]  # of the tenant that asks and of the other one
ONE, TWO = 1, 2  # how often the own name is in a row
SHAPES: dict[str, tuple[int, Shape]] = {
    "a column": (ONE, lambda mine, _: select(Agent.name)),
    "another's tenant id": (0, lambda _, theirs: select(Agent.name).where(Agent.tenant_id == theirs)),
    "an aggregate": (TWO, lambda mine, _: select(func.min(Agent.name), func.max(Agent.name))),
    "an alias": (ONE, lambda mine, _: select(THIS.name)),
    "two aliases": (TWO, lambda mine, _: select(THIS.name, THAT.name).where(THIS.name == THAT.name)),
    "an inner join": (TWO, lambda mine, _: select(Agent.name, Contact.name).join(Contact, true())),
    "an inner join of an alias": (TWO, lambda mine, _: select(Agent.name, RIVAL.name).join(RIVAL, true())),
    "an outer join": (TWO, lambda mine, _: select(Agent.name, Contact.name).outerjoin(Contact, true())),
    "an outer join of an alias": (TWO, lambda mine, _: select(Agent.name, THIS.name).outerjoin(THIS, true())),
    "a join of aliases": (TWO, lambda mine, _: select(THIS.name, THAT.name).outerjoin(THAT, true())),
    "a join to another's rows": (
        ONE,
        lambda mine, theirs: (
            owned(Agent, mine).with_only_columns(Agent.name, THIS.name).outerjoin(THIS, THIS.tenant_id == theirs)
        ),
    ),
    "a subquery": (ONE, lambda mine, _: select(select(Agent.name).subquery().c.name)),
    "an entity of a subquery": (ONE, lambda mine, _: select(aliased(Agent, select(Agent).subquery()).name)),
    "a scalar subquery": (ONE, lambda mine, _: select(select(func.max(Agent.name)).scalar_subquery())),
    "a list": (ONE, lambda mine, _: select(Agent.name).where(Agent.name.in_(select(Contact.name)))),  # type: ignore[attr-defined]
    "a table expression": (ONE, lambda mine, _: select(select(Agent.name).cte("found").c.name)),
    "a union": (ONE, lambda mine, _: select(Agent.name).union(select(Contact.name))),
    "a union of an alias": (ONE, lambda mine, _: select(Agent.name).union(select(THIS.name))),
    "a union with what is owned": (
        ONE,
        lambda mine, _: owned(Agent, mine).with_only_columns(Agent.name).union(select(Agent.name)),
    ),
    "a union within": (ONE, lambda mine, _: select(select(Agent.name).union(select(THIS.name)).subquery().c.name)),
    "what is left of a union": (ONE, lambda mine, _: select(Agent.name).except_(select(Agent.name).where(false()))),
    "rows of a union": (
        ONE,
        lambda mine, _: select(Agent).from_statement(
            select(Agent.id, Agent.name).union(select(Agent.id, Agent.name)),
        ),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_a_statement_returns_what_is_another_tenants(who: Identity, other: Identity, shape: str) -> None:
    for one in (who, other):
        add_agent(one, one.slug)
        call(one, contacts.create, name=one.slug)
    hits: list[CacheStats] = []
    count, build = SHAPES[shape]
    for mine, theirs in ((who, other), (other, who), (who, other)):
        with session_scope(mine.tenant_id, read_only=True) as session:
            session.connection()
            event.listen(db.engine(), "before_cursor_execute", note := note_hits(hits))
            found = session.execute(build(mine.tenant_id, theirs.tenant_id)).all()
            event.remove(db.engine(), "before_cursor_execute", note)
        names = [[getattr(cell, "name", cell) for cell in row if cell is not None] for row in found]
        assert names == ([[mine.slug] * count] if count else [])
    assert hits[1:] == [CacheStats.CACHE_HIT] * 2  # all went through one statement that was built once


def note_hits(hits: list[CacheStats]) -> Callable[..., None]:
    """Return a listener that notes whether a statement was built or taken from the cache."""
    return lambda connection, cursor, statement, parameters, context, many: hits.append(context.cache_hit)


EXISTS: dict[str, Callable[[str], Any]] = {
    "a row": lambda name: exists(select(Agent).where(Agent.name == name)),
    "a column": lambda name: select(Agent.id).where(Agent.name == name).exists(),
    "an alias": lambda name: exists().where(THIS.name == name),
    "a join": lambda name: select(Contact.id).outerjoin(THIS, true()).where(THIS.name == name).exists(),
    "within": lambda name: select(Contact.id).where(select(THIS.id).where(THIS.name == name).exists()).exists(),
}


@pytest.mark.parametrize("shape", EXISTS)
def test_what_another_tenant_has_does_not_exist(who: Identity, other: Identity, shape: str) -> None:
    for one in (who, other):
        add_agent(one, one.slug)
        call(one, contacts.create, name=one.slug)
    for mine, theirs in ((who, other), (other, who)):
        with session_scope(mine.tenant_id, read_only=True) as session:
            assert session.execute(select(EXISTS[shape](mine.slug))).scalar() is True
            assert session.execute(select(EXISTS[shape](theirs.slug))).scalar() is False


def test_several_questions_are_asked_at_once(who: Identity, other: Identity) -> None:
    add_agent(who, "mine")
    call(other, contacts.create, name="theirs")
    asked: list[CacheStats] = []
    with session_scope(who.tenant_id, read_only=True) as session:
        session.connection()
        event.listen(db.engine(), "before_cursor_execute", note := note_hits(asked))
        found = session.exists_each(owned(Agent, who.tenant_id), owned(Contact, who.tenant_id), select(Contact))
        event.remove(db.engine(), "before_cursor_execute", note)
        with pytest.raises(TenantIsolationError):
            session.exists_each(owned(Agent, who.tenant_id), Agent.__table__.select())
    assert (found, len(asked)) == ([True, False, False], 1)


def test_what_is_written_everywhere_stays_in_the_tenant(who: Identity, other: Identity) -> None:
    for one in (who, other):
        add_agent(one, one.slug)
    for one in (who, other, who):
        with session_scope(one.tenant_id) as session:
            changed = session.execute(db.unscoped_update(Agent).values(revision=7).returning(Agent.name))  # type: ignore[call-overload]
            assert changed.scalars().all() == [one.slug]
    with session_scope(who.tenant_id) as session:
        assert session.execute(db.unscoped_delete(Agent)).rowcount == 1
    with session_scope(other.tenant_id, read_only=True) as session:
        assert session.exec(select(Agent.name)).all() == [other.slug]


def test_more_of_a_row_is_loaded_for_its_tenant_alone(who: Identity, other: Identity) -> None:
    add_agent(who, who.slug)
    theirs = add_agent(other, other.slug)
    with session_scope(other.tenant_id, read_only=True) as session:
        foreign = session.get(Agent, theirs)
    with session_scope(who.tenant_id, read_only=True) as session:
        mine = session.exec(select(Agent).options(load_only(Agent.id))).one()  # type: ignore[arg-type]
        assert mine.name == who.slug  # the rest of it is loaded late
        session.expire(mine)
        assert mine.name == who.slug
        session.refresh(mine, ["name"])
        assert session.get(Agent, mine.id, populate_existing=True) is mine
        assert session.get(Agent, theirs, populate_existing=True) is None
        with pytest.raises(TenantIsolationError):
            session.add(foreign)
    with pytest.raises(TenantIsolationError), session_scope(who.tenant_id) as session:
        session.merge(foreign)


def test_tables_without_their_class_are_refused(who: Identity) -> None:
    names = Agent.__table__.c.name  # type: ignore[attr-defined]
    inner = select(aliased(Agent, select(Agent.__table__).subquery()).name)  # type: ignore[attr-defined]
    for statement in (select(names), inner, select(Contact.id).where(Contact.name.in_(select(names)))):  # type: ignore[attr-defined]
        with pytest.raises(TenantIsolationError), session_scope(who.tenant_id, read_only=True) as session:
            session.execute(statement)

"""Merging contacts: the opt-out stays, and nothing that belongs to a contact is left with the one that goes."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import SQLModel, col

from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount, ChannelIdentity
from platform_app.models.conversation import MessageState
from platform_app.models.crm import Contact, ContactImport, RefusedRow
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.models.rule import RuleRun, RunState
from platform_app.models.sending import Dispatch, GateReason, OptOutCause
from platform_app.services.chat import agent_messages, conversations, opt_outs
from platform_app.services.crm import contacts, leads, merge_contacts, notes, tasks
from tests.rules.test_rules import a_rule
from tests.sequencing import a_sequence, do, enrolled, note
from tests.talking import a_stage, activities, call, published, real_talk, set_policy


def merged(who: Identity, kept_id: str, other_id: str) -> Contact:
    """Merge two contacts; return the one that stays."""
    found: Contact = call(who, merge_contacts.merge, kept_id, other_id)
    return found


@pytest.mark.parametrize("is_kept", [True, False])
def test_who_opted_out_stays_opted_out(who: Identity, is_kept: bool) -> None:
    anna, double = (call(who, contacts.create, name=name).id for name in ("Anna", "A. Lee"))
    out = call(who, opt_outs.opt_out, anna if is_kept else double, word="stop")
    assert call(who, merge_contacts.preview, anna, double).opts_out is not is_kept
    one = merged(who, anna, double)
    assert (one.opted_out_at, one.opt_out_cause, one.opt_out_by) == (out.opted_out_at, OptOutCause.WORD, "stop")
    dropped = call(who, agent_messages.send_message, real_talk(who, contact_id=anna), "Hello")
    assert (dropped.state, dropped.gate["reason"]) == (MessageState.DISCARDED, GateReason.OPTED_OUT)


def test_the_opt_out_of_the_contact_that_stays_goes_before(who: Identity) -> None:
    anna, double = (call(who, contacts.create, name=name).id for name in ("Anna", "A. Lee"))
    own = call(who, opt_outs.opt_out, anna)
    call(who, opt_outs.opt_out, double, word="stop")
    one = merged(who, anna, double)
    assert (one.opted_out_at, one.opt_out_cause) == (own.opted_out_at, OptOutCause.MEMBER)


def test_what_was_sent_to_both_counts_for_the_caps(who: Identity) -> None:
    set_policy(who, daily_cap=1)
    anna, double = (call(who, contacts.create, name=name).id for name in ("Anna", "A. Lee"))
    agent = published(who)
    call(who, agent_messages.send_message, real_talk(who, agent, double), "One")
    merged(who, anna, double)
    held = call(who, agent_messages.send_message, real_talk(who, agent, anna), "Two")
    assert (held.state, held.gate["reason"]) == (MessageState.HELD, GateReason.DAILY_CAP)


def test_a_cooldown_goes_on_for_the_contact_that_stays(who: Identity) -> None:
    anna, double = (call(who, contacts.create, name=name).id for name in ("Anna", "A. Lee"))
    add_run(who, double)
    merged(who, anna, double)
    with session_scope(who.tenant_id, read_only=True) as session:
        assert [run.subject_id for run in session.exec(owned(RuleRun, who.tenant_id)).all()] == [anna]


def add_identity(who: Identity, contact_id: str) -> None:
    """Write the identity of a visitor of a site who is a contact."""
    account = ChannelAccount(tenant_id=who.tenant_id, kind=Channel.WEB_CHAT, name="Shop", token=contact_id)
    with session_scope(who.tenant_id) as session:
        session.add(account)
        session.flush()
        row = ChannelIdentity(tenant_id=who.tenant_id, account_id=account.id, outside_id="a", contact_id=contact_id)
        session.add(row)


def add_run(who: Identity, contact_id: str) -> None:
    """Write a run of a rule for an event of a contact."""
    rule_id = a_rule(who, "contact_updated", note())
    with session_scope(who.tenant_id) as session:
        event = session.exec(owned(Event, who.tenant_id).where(Event.contact_id == contact_id)).first()
        session.add(
            RuleRun(
                tenant_id=who.tenant_id,
                rule_id=rule_id,
                event_id=event.id,
                at=now(),
                state=RunState.DONE,
                fired=True,
                subject_id=contact_id,
            )
        )


def add_rest(who: Identity, contact_id: str) -> None:
    """Write a line of an import and a count of the caps for a contact."""
    with session_scope(who.tenant_id) as session:
        session.add(Dispatch(tenant_id=who.tenant_id, contact_id=contact_id, key="k", at=now() - timedelta(days=1)))
        file = ContactImport(tenant_id=who.tenant_id, file_name="a.csv")
        session.add(file)
        session.flush()
        session.add(RefusedRow(tenant_id=who.tenant_id, import_id=file.id, number=1, why="x", contact_id=contact_id))


def columns_of_contacts() -> dict[str, Any]:
    """Return every column that may name a contact, by its table and name."""
    wanted = {"contact_id", "subject_id"}
    found = [mapper.class_ for mapper in SQLModel._sa_registry.mappers if mapper.class_.__module__.startswith("platf")]
    named = {(model, name) for model in found for name in wanted.intersection(model.model_fields)}
    return {f"{model.__tablename__}.{name}": col(getattr(model, name)) for model, name in named}


def counts(who: Identity, contact_id: str) -> dict[str, int]:
    """Return how many rows name a contact, by column."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return {
            name: len(session.exec(owned(column.class_, who.tenant_id).where(column == contact_id)).all())
            for name, column in columns_of_contacts().items()
        }


def test_no_row_stays_with_the_contact_that_goes(who: Identity) -> None:
    anna, double = (
        call(who, contacts.create, name=name, phones=phone).id for name, phone in (("A", ""), ("B", "+79001112233"))
    )
    call(who, leads.create, title="Bike", stage_id=(stage := a_stage(who)), contact_id=double)
    boris = call(who, contacts.create, name="Boris").id
    call(who, leads.create, title="Boat", stage_id=stage, contact_id=boris, other_contact_ids=[double])
    call(who, tasks.create, text="Call", contact_id=double)
    call(who, notes.create, text="Likes red", contact_id=double)
    call(who, conversations.create_for_contact, published(who), double, channel=Channel.API)
    enrolled(who, a_sequence(who, do("a")), double)
    add_run(who, double)
    add_rest(who, double)
    add_identity(who, double)
    before = counts(who, double)
    assert all(before.values()), f"this test writes a row for each: {before}"
    merged(who, anna, double)
    assert not any(counts(who, double).values())
    assert activities(who)[-1] == "Contact “{other}” merged into “{title}”"

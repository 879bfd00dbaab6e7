"""Demo removal: removes the rows of the demo and what depends on them, and keeps the tenant's own."""

from functools import partial
from typing import Any

from sqlalchemy import Text, and_, cast, or_
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, owned_update
from platform_app.jobs import RemoveSource, enqueue
from platform_app.models.agent import Agent
from platform_app.models.bin import BinEntry, BinKind
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Conversation, Message
from platform_app.models.crm import Contact, CustomField, Holder, Lead, Note, Pipeline, Stage, Task
from platform_app.models.event import Activity, Event
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source
from platform_app.models.notification import Notification
from platform_app.models.person import Identity
from platform_app.models.rule import Rule
from platform_app.models.script import Script
from platform_app.models.sequence import Enrollment, Sequence
from platform_app.rag import knowledge_state
from platform_app.services.bin import row_removal


def remove(session: Transaction, who: Identity) -> None:
    """Remove the demo from a tenant.

    Its documents are no longer searched at once; a job deletes their files, chunks and vectors. Rows of the tenant that
    cannot exist without the demo go with it: conversations with its agent, the history of its leads.
    """
    tenant = who.tenant_id
    agents = _demo_ids(session, tenant, Agent)
    query = owned(Conversation, tenant).where(
        or_(col(Conversation.is_demo).is_(True), col(Conversation.agent_id).in_(agents))
    )
    talks = list(session.exec(query.with_only_columns(Conversation.id)).all())
    contacts, leads = _demo_ids(session, tenant, Contact), _demo_ids(session, tenant, Lead)
    sources = _demo_ids(session, tenant, Source)
    _delete_history(session, tenant, agents=agents, talks=talks, contacts=contacts, leads=leads, sources=sources)
    _remove_conversations(session, tenant, talks)
    session.execute(owned_delete(Script, tenant).where(col(Script.agent_id).in_(agents)))
    session.execute(owned_delete(Rule, tenant).where(col(Rule.agent_id).in_(agents)))
    _remove_sequences(session, tenant, agents, subjects=[*contacts, *leads, *talks])
    _remove_crm(session, tenant, contacts, leads)
    session.execute(owned_delete(ChannelAccount, tenant).where(col(ChannelAccount.is_demo).is_(True)))
    session.execute(owned_delete(Agent, tenant).where(col(Agent.id).in_(agents)))
    _remove_sources(session, tenant, sources)
    row_removal.forget_missing(session, tenant)
    for topic in ("agent", "activity", "channel", "conversation", "source", "task"):
        session.after_commit.append(partial(notifier.publish, tenant, topic, ""))


def _demo_ids(session: Transaction, tenant: str, model: Any) -> list[str]:
    query = owned(model, tenant).where(col(model.is_demo).is_(True))
    return list(session.exec(query.with_only_columns(model.id)).all())


def _delete_history(
    session: Transaction,
    tenant: str,
    *,
    agents: list[str],
    talks: list[str],
    contacts: list[str],
    leads: list[str],
    sources: list[str],
) -> None:
    """Delete the events of the removed rows, and activities and notifications that link to them."""
    links = (
        [f"/agents/{i}" for i in agents] + [f"/test-chat?c={i}" for i in talks] + [f"/knowledge/{i}" for i in sources]
    )
    links += [f"/contacts/{i}" for i in contacts] + [f"/leads/{i}" for i in leads] + [f"/inbox?c={i}" for i in talks]
    of_lead = and_(col(Event.conversation_id).is_(None), col(Event.lead_id).in_(leads))
    of_contact = and_(
        col(Event.conversation_id).is_(None),
        col(Event.lead_id).is_(None),
        col(Event.contact_id).in_(contacts),
    )
    of_agent = or_(col(Event.agent_id).in_(agents), col(Event.conversation_id).in_(talks))
    session.execute(owned_delete(Event, tenant).where(or_(of_agent, of_lead, of_contact)))
    locks = [f"event:{i}" for i in (*leads, *contacts, *talks)]
    session.execute(owned_delete(Job, tenant).where(col(Job.lock_key).in_(locks), col(Job.state) != JobState.RUNNING))
    session.execute(
        owned_delete(Activity, tenant).where(
            or_(
                col(Activity.is_demo).is_(True),
                col(Activity.agent_id).in_(agents),
                col(Activity.link).in_(links),
            )
        )
    )
    session.execute(owned_delete(Notification, tenant).where(col(Notification.link).in_(links)))


def _remove_conversations(session: Transaction, tenant: str, talks: list[str]) -> None:
    """Delete conversations with their messages, traces, tasks and pending replies."""
    of_talks = owned(Message, tenant).where(col(Message.conversation_id).in_(talks))
    keys = [f"reply:{i}" for i in session.exec(of_talks.with_only_columns(Message.id)).all()]
    session.execute(owned_delete(Job, tenant).where(col(Job.dedupe_key).in_(keys)))
    session.execute(owned_delete(Task, tenant).where(col(Task.conversation_id).in_(talks)))
    session.execute(owned_delete(Conversation, tenant).where(col(Conversation.id).in_(talks)))


def _remove_sequences(session: Transaction, tenant: str, agents: list[str], *, subjects: list[str]) -> None:
    """Delete the demo's sequences, those of its agents, and the enrollments of its subjects."""
    ways = owned_delete(Enrollment, tenant).where(
        or_(
            col(Enrollment.subject_id).in_(subjects),
            col(Enrollment.lead_id).in_(subjects),
            col(Enrollment.contact_id).in_(subjects),
        )
    )
    session.execute(ways)
    gone = or_(col(Sequence.is_demo).is_(True), col(Sequence.agent_id).in_(agents))
    session.execute(owned_delete(Sequence, tenant).where(gone))


def _remove_crm(session: Transaction, tenant: str, contacts: list[str], leads: list[str]) -> None:
    """Delete contacts, leads and pipelines, and unlink the rows that stay.

    A pipeline that one of the tenant's leads or scripts uses is kept as the tenant's own.
    """
    for model, column, gone in (
        (Event, "contact_id", contacts),
        (Event, "lead_id", leads),
        (Conversation, "contact_id", contacts),
        (Conversation, "lead_id", leads),
        (Lead, "contact_id", contacts),
    ):
        still = owned_update(model, tenant).where(getattr(model, column).in_(gone))
        session.execute(still.values({column: None}))
    for beside in (Note, Task):
        of_people = or_(col(beside.contact_id).in_(contacts), col(beside.lead_id).in_(leads))
        session.execute(owned_delete(beside, tenant).where(of_people))
    session.execute(owned_delete(Lead, tenant).where(col(Lead.id).in_(leads)))
    session.execute(owned_delete(Contact, tenant).where(col(Contact.id).in_(contacts)))
    _remove_fields(session, tenant)
    taken = set(session.exec(owned(Lead, tenant).with_only_columns(Lead.stage_id)).all())
    taken |= set(session.exec(owned(Script, tenant).with_only_columns(Script.stage_id)).all())
    stages: list[Stage] = list(session.exec(owned(Stage, tenant)).all())
    used = {stage.pipeline_id for stage in stages if stage.id in taken}
    query = owned(Pipeline, tenant).where(col(Pipeline.is_demo).is_(True))
    for pipeline in session.exec(query).all():
        if pipeline.id in used:
            pipeline.is_demo = False
        else:
            session.delete(pipeline)
    session.flush()


def _remove_fields(session: Transaction, tenant: str) -> None:
    """Delete custom fields; one that the tenant's contacts, leads or scripts use is kept as its own."""
    query = owned(CustomField, tenant).where(col(CustomField.is_demo).is_(True))
    for row in session.exec(query).all():
        if _is_used(session, tenant, row):
            row.is_demo = False
        else:
            session.delete(row)


def _is_used(session: Transaction, tenant: str, row: CustomField) -> bool:
    held = Contact if row.holder == Holder.CONTACT else Lead
    kept = cast(held.fields, Text).contains(f'"{row.key}"', autoescape=True)
    name = f"{row.holder}.field.{row.key}"
    where = [Script.text, cast(Script.condition, Text), cast(Script.steps, Text)]
    # columns and casts have no common annotated type
    named = or_(*(column.contains(name, autoescape=True) for column in where))  # type: ignore[attr-defined]
    found = (session.exec(owned(model, tenant).where(part)).first() for model, part in ((held, kept), (Script, named)))
    return any(one is not None for one in found)


def _remove_sources(session: Transaction, tenant: str, sources: list[str]) -> None:
    """Hide the documents and enqueue their removal; delete jobs that wait to index them."""
    locks = [f"source:{i}" for i in sources]
    waiting = owned_delete(Job, tenant).where(col(Job.lock_key).in_(locks), col(Job.state) != JobState.RUNNING)
    session.execute(waiting)
    in_bin = owned_delete(BinEntry, tenant).where(col(BinEntry.kind) == BinKind.SOURCE)
    session.execute(in_bin.where(col(BinEntry.row_id).in_(sources)))
    query = owned(Source, tenant).where(col(Source.id).in_(sources))
    removed = session.exec(query).all()
    for source in removed:
        source.deleted_at = now()
        enqueue(session, tenant, RemoveSource(source_id=source.id), lock_key=f"source:{source.id}")
    knowledge_state.increment_revision(session, tenant, *removed)

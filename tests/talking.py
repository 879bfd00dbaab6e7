"""Talking: an agent, its knowledge and a conversation, as tests need them."""

from collections.abc import Callable
from typing import Any

from platform_app.clock import now
from platform_app.db import owned, session_scope, unscoped
from platform_app.models.agent import Agent, AgentSettings, Channel
from platform_app.models.conversation import Conversation, Message, Trace
from platform_app.models.event import Activity, Event
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Chunk, KnowledgeState, Source, SourceState
from platform_app.models.person import Identity, Tenant
from platform_app.models.sending import SendingPolicy
from platform_app.services.agents import agents
from platform_app.services.chat import conversations, replies
from platform_app.services.crm import contacts, pipelines
from platform_app.services.jobs import ledger
from worker.tasks import HANDLERS

ELSEWHERE = (  # a library around what a test asks for: how rare a word is, is known only among others
    "Delivery within the city is free and is made the next day.",
    "The shop is open from ten to eight, on Sundays until six.",
    "Frames are under warranty for five years, wheels for one.",
    "A deposit is paid back when the bicycle is returned clean.",
    "How to choose a frame: stand over it with both feet flat.",
    "Children need a helmet; how it fits matters more than its price.",
    "Gift cards are valid for a year and are not paid out.",
    "Is a battery empty, it charges in five hours.",
    "Much of the winter is too wet for a chain without oil.",
    "Bonus points are given for each order, and are used at the next one.",
)


def call(who: Identity, service: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a service in a transaction of its own."""
    with session_scope(who.tenant_id) as session:
        return service(session, who, *given, **named)


def a_stage(who: Identity) -> str:
    """Write a pipeline with a stage; return the stage's id."""
    made = call(who, pipelines.create, "Sales", [("New", "open")])
    ((_, stages),) = [one for one in call(who, pipelines.list_pipelines) if one[0].id == made.id]
    return str(stages[0].id)


def add_agent(who: Identity, **settings: Any) -> str:
    """Write an agent with these settings as its draft; return its id."""
    own = AgentSettings.model_validate({"name": "Vera", "knowledge": "none"} | settings)
    with session_scope(who.tenant_id) as session:
        agent = Agent(tenant_id=who.tenant_id, name=own.name, draft=own.model_dump(mode="json"))
        session.add(agent)
        return agent.id


def add_source(who: Identity, title: str, *texts: str, category_id: str | None = None) -> str:
    """Write a source that is ready, one chunk for each text; return its id."""
    with session_scope(who.tenant_id) as session:
        source = Source(tenant_id=who.tenant_id, title=title, file_name=title, stored_as=title, category_id=category_id)
        source.state, source.generation, source.chunk_count = SourceState.READY, 1, len(texts)
        session.add(source)
        session.flush()
        for number, text in enumerate(texts):
            session.add(
                Chunk(
                    tenant_id=who.tenant_id,
                    source_id=source.id,
                    generation=1,
                    number=number,
                    text=text,
                )
            )
        state = session.exec(owned(KnowledgeState, who.tenant_id)).first() or KnowledgeState(tenant_id=who.tenant_id)
        state.revision += 1
        source.index_revision = state.revision
        session.add(state)
        return source.id


def begin(who: Identity, **settings: Any) -> str:
    """Begin a test conversation, on which rules run, with a new agent of these settings; return its id."""
    agent_id = add_agent(who, **settings)
    with session_scope(who.tenant_id) as session:
        return conversations.create(session, who, agent_id, is_live=True).id


def published(who: Identity, **settings: Any) -> str:
    """Write an agent, publish it and switch it on for the channel `api`; return its id."""
    agent_id = add_agent(who, **({"channels": ["test", "api"]} | settings))
    call(who, agents.publish, agent_id, switch_on=True)
    return agent_id


def real_talk(who: Identity, agent_id: str = "", contact_id: str = "", **settings: Any) -> str:
    """Begin a conversation that reaches a contact, with a new agent and contact where none is named; return its id."""
    contact_id = contact_id or str(call(who, contacts.create, name="Anna").id)
    agent_id = agent_id or published(who, **settings)
    made = call(who, conversations.create_for_contact, agent_id, contact_id, channel=Channel.API)
    return str(made.id)


def set_policy(who: Identity, **policy: Any) -> None:
    """Set the tenant's limits on what its contacts are sent."""
    with session_scope(reason="tests") as session:
        tenant = session.exec(unscoped(Tenant).where(Tenant.id == who.tenant_id)).one()
        tenant.sending = SendingPolicy.model_validate(policy).model_dump(mode="json")


def say(who: Identity, conversation_id: str, text: str = "How much is a tune-up?") -> Message:
    """Say something; return the row of the reply to come."""
    with session_scope(who.tenant_id) as session:
        reply = conversations.receive(session, who, conversation_id, text)[1]
        assert reply is not None
        return reply


async def written(who: Identity, reply: Message) -> Message:
    """Write a reply to its end; return its row."""
    async for _ in replies.stream(who.tenant_id, reply.id):
        pass
    return row(who, reply)


async def answered(who: Identity, conversation_id: str, text: str = "How much is a tune-up?") -> Message:
    """Say something and let the reply be written; return its row."""
    return await written(who, say(who, conversation_id, text))


def row(who: Identity, message: Message) -> Message:
    """Return a message as it stands now."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Message = session.exec(owned(Message, who.tenant_id).where(Message.id == message.id)).one()
        return found


def trace(who: Identity, message: Message) -> Trace:
    """Return the trace of a reply."""
    with session_scope(who.tenant_id, read_only=True) as session:
        found: Trace = session.exec(owned(Trace, who.tenant_id).where(Trace.message_id == message.id)).one()
        return found


def shown(who: Identity, conversation_id: str) -> list[str]:
    """Return the texts that a page shows."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [message.text for message in conversations.list_messages(session, who, conversation_id)]


def conversation(who: Identity, conversation_id: str) -> Conversation:
    """Return a conversation as it stands now."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return conversations.get(session, who, conversation_id)


def events(who: Identity) -> list[str]:
    """Return the kinds of what has happened, in order."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [event.kind.value for event in session.exec(owned(Event, who.tenant_id).order_by(Event.at))]


def activities(who: Identity) -> list[str]:
    """Return the sentences of the activities, in order."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return [found.sentence for found in session.exec(owned(Activity, who.tenant_id).order_by(Activity.at))]


def run_jobs(who: Identity) -> None:
    """Do what the worker does until no job is due."""
    while waiting := _due(who):
        for job_id in waiting:
            job = ledger.claim(job_id)
            assert job is not None
            HANDLERS[job.kind](job)
            if not job.is_finished:
                ledger.end_attempt(job, JobState.DONE, "")


def _due(who: Identity) -> list[str]:
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED, Job.run_at <= now())
        return [job.id for job in session.exec(query.order_by(Job.id)).all()]

"""Demo conversations: the conversations of the demo with messages, traces, events, tasks and activities."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.demo import ShopConversation
from platform_app.events import emit
from platform_app.llm import prompts
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.models.agent import Agent, AgentSettings
from platform_app.models.base import Owned
from platform_app.models.conversation import Author, Conversation, ConversationState, Message
from platform_app.models.crm import Contact, Lead, Task
from platform_app.models.event import Activity, ActivityKind, EventKind
from platform_app.models.knowledge import Source
from platform_app.models.person import Identity
from platform_app.rag.chunking import Piece
from platform_app.services.demo import demo_scripts
from platform_app.services.demo.demo_crm import DemoCrm, days_ago
from platform_app.services.demo.demo_scripts import DemoScripts
from platform_app.services.demo.demo_traces import best_passage, build_trace
from platform_app.services.scripts import script_usage
from platform_app.services.scripts.guided_scripts import GuidedProgress

REPLY_DELAY = timedelta(seconds=2)
BETWEEN_TURNS = timedelta(seconds=95)


@dataclass
class DemoContext:
    """What the conversations of the demo refer to."""

    agent: Agent
    versions: list[tuple[datetime, AgentSettings]]  # time of publication and settings, oldest first
    articles: dict[str, tuple[Source, list[Piece]]]  # by title
    crm: DemoCrm
    scripts: DemoScripts


@dataclass
class _ConversationWriter:
    """A conversation that is being written; its rows are flushed parents first."""

    who: Identity
    stand: DemoContext
    row: Conversation
    contact: Contact
    lead: Lead | None
    settings: AgentSettings
    version: int
    at: datetime
    guided: list[GuidedProgress] = field(default_factory=list)  # progress of the guided script at each reply
    history: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    rest: list[Owned] = field(default_factory=list)


def write_conversations(session: Transaction, who: Identity, stand: DemoContext, told: list[ShopConversation]) -> None:
    """Write the conversations with their messages, traces, events, tasks and activities."""
    talks = [_start_conversation(who, stand, conversation) for conversation in told]
    session.add_all(talk.row for talk in talks)
    session.flush()
    for talk, conversation in zip(talks, told, strict=True):
        _emit(session, talk, EventKind.CONVERSATION_STARTED)
        _record_activity(
            talk, ActivityKind.CONVERSATION, "Conversation with “{agent}” started", agent=talk.settings.name
        )
        if conversation.guided:
            progress, talk.guided = demo_scripts.guided_progress(stand.scripts, conversation, stand.crm)
            progress.conversation_id = talk.row.id
            talk.rest.append(progress)
        for place, turn in enumerate(conversation.turns):
            _write_turn(session, talk, turn, talk.guided[place] if talk.guided else None)
        if conversation.closed:
            _emit(session, talk, EventKind.CONVERSATION_CLOSED)
    session.add_all(message for talk in talks for message in talk.messages)
    session.flush()
    session.add_all(row for talk in talks for row in talk.rest)


def _start_conversation(who: Identity, stand: DemoContext, told: ShopConversation) -> _ConversationWriter:
    ago = timedelta(minutes=told.ago or 0)
    at = days_ago(who, told.day, told.time) if told.day is not None else now() - ago
    versions = [settings for since, settings in stand.versions if since <= at]
    contact, lead = stand.crm.contacts[told.contact], None if told.lead is None else stand.crm.leads[told.lead]
    row = Conversation(
        tenant_id=who.tenant_id,
        agent_id=stand.agent.id,
        use_draft=False,
        contact_id=contact.id,
        lead_id=lead.id if lead else None,
        title=told.turns[0][0][:80],
        state=ConversationState.CLOSED if told.closed else ConversationState.OPEN,
        created_by=who.user_id,
        created_at=at,
        is_demo=True,
    )
    return _ConversationWriter(who, stand, row, contact, lead, versions[-1], len(versions), at)


def _write_turn(
    session: Transaction, talk: _ConversationWriter, turn: tuple[str, str, str], guidance: GuidedProgress | None
) -> None:
    """Write a message and its reply, and advance the conversation's time."""
    words, written, article = turn
    marks = MarkerFilter(len(talk.stand.scripts.rows))  # the demo's replies mark the scripts they use, as real ones do
    answer = marks.feed(written) + marks.rest()
    said = _message(talk, Author.CONTACT, talk.contact.name, words)
    _emit(session, talk, EventKind.MESSAGE_RECEIVED, said)
    talk.at += REPLY_DELAY
    reply = _message(talk, Author.AGENT, talk.settings.name, answer)
    reply.answers_id = said.id
    passages = [best_passage(*talk.stand.articles[article], question=words, reply=answer)] if article else []
    reply.sources = [passage.as_json() for passage in passages]
    took = timedelta(milliseconds=900 + 25 * len(answer))
    talk.at += took
    reply.finished_at = talk.at
    facts = prompts.PromptContext(
        settings=talk.settings, history=list(talk.history), question=words, known=_contact_facts(talk)
    )
    weighed = demo_scripts.decide_all(
        session, talk.stand.scripts, _at_that_time(talk), agent=talk.settings.name, said=words
    )
    demo_scripts.add_to_prompt(facts, weighed, guidance)
    script_usage.mark_used(weighed, marks.used, answer, words)
    trace = build_trace(reply, facts, passages, agent_id=talk.row.agent_id, version=talk.version, took=took)
    trace.data |= {"scripts": [one.as_json() for one in weighed], "guided": guidance.as_json() if guidance else {}}
    talk.rest += [trace, *demo_scripts.usage_rows(weighed, talk.row, reply.id, talk.at)]
    talk.history += [("user", words), ("assistant", answer)]
    _emit(session, talk, EventKind.REPLY_SENT, reply)
    name, title = talk.settings.name, talk.row.title
    _record_activity(talk, ActivityKind.REPLY, "“{agent}” replied in “{title}”", agent=name, title=title)
    if not article:
        _task(session, talk, words)
    talk.row.last_message_at, talk.row.last_line = talk.at, answer[:160]
    talk.at += BETWEEN_TURNS


def _at_that_time(talk: _ConversationWriter) -> Conversation:
    """Return a copy of the conversation with the stage in which its lead was then."""
    was = Conversation(**talk.row.model_dump())
    if talk.lead is not None and talk.at < talk.lead.in_stage_since:
        was.stage_id = next(iter(talk.stand.crm.stages))
    return was


def _message(talk: _ConversationWriter, author: Author, name: str, text: str) -> Message:
    message = Message(
        tenant_id=talk.who.tenant_id,
        conversation_id=talk.row.id,
        author=author,
        author_name=name,
        text=text,
        created_at=talk.at,
        finished_at=talk.at,
    )
    talk.messages.append(message)
    return message


def _emit(
    session: Transaction, talk: _ConversationWriter, kind: EventKind, message: Message | None = None, *, text: str = ""
) -> None:
    row, said = talk.row, message.text if message else text
    event = emit(
        session,
        talk.who.tenant_id,
        kind,
        after={"text": said} if said else {},
        agent_id=row.agent_id,
        conversation_id=row.id,
        message_id=message.id if message else None,
        contact_id=row.contact_id,
        lead_id=row.lead_id,
    )
    event.at = event.created_at = talk.at


def _record_activity(talk: _ConversationWriter, kind: ActivityKind, sentence: str, **values: str) -> None:
    """Record an activity in the past; unlike activity.record it notifies no open pages."""
    talk.rest.append(
        Activity(
            tenant_id=talk.who.tenant_id,
            at=talk.at,
            created_at=talk.at,
            kind=kind,
            sentence=sentence,
            values=values,
            actor=talk.contact.name if kind == ActivityKind.CONVERSATION else talk.settings.name,
            agent_id=talk.row.agent_id,
            link=f"/test-chat?c={talk.row.id}",
            is_demo=True,
        )
    )


def _task(session: Transaction, talk: _ConversationWriter, question: str) -> None:
    """Create the task of a reply without an answer."""
    task = Task(tenant_id=talk.who.tenant_id, text=question, conversation_id=talk.row.id, created_at=talk.at)
    talk.rest.append(task)
    _emit(session, talk, EventKind.TASK_CREATED, text=question)
    _record_activity(talk, ActivityKind.AGENT, "Task: answer “{question}”", question=question[:80])


def _contact_facts(talk: _ConversationWriter) -> list[tuple[str, str]]:
    known = [("contact", talk.contact.name), ("phone", talk.contact.phone), ("e-mail", talk.contact.email)]
    if talk.lead is not None:
        stage = talk.stand.crm.stages[talk.lead.stage_id]
        known += [("lead", talk.lead.title), ("stage", stage), ("budget", str(talk.lead.budget))]
    return known

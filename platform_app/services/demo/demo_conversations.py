"""Demo conversations: the conversations of the demo with messages, traces, events, tasks and activities."""

from datetime import timedelta

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.demo import Ending, ShopConversation
from platform_app.llm import prompts
from platform_app.llm.reply_markers import MarkerFilter
from platform_app.models.agent import Channel
from platform_app.models.article import UnansweredQuestion
from platform_app.models.conversation import Author, Conversation, ConversationState, Message, MessageState
from platform_app.models.crm import Task
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.services.chat import message_search
from platform_app.services.crm import tasks
from platform_app.services.demo import demo_endings, demo_scripts
from platform_app.services.demo.demo_conversation_writer import ConversationWriter, DemoContext
from platform_app.services.demo.demo_crm import days_ago
from platform_app.services.demo.demo_traces import best_passage, build_trace
from platform_app.services.scripts import script_usage
from platform_app.services.scripts.guided_scripts import GuidedProgress

REPLY_DELAY = timedelta(seconds=2)
BETWEEN_TURNS = timedelta(seconds=95)


def write_conversations(
    session: Transaction, who: Identity, context: DemoContext, told: list[ShopConversation]
) -> None:
    """Write the conversations with their messages, traces, events, tasks and activities."""
    talks = [_start_conversation(who, context, conversation) for conversation in told]
    session.add_all(talk.row for talk in talks)
    session.flush()
    for talk, conversation in zip(talks, told, strict=True):
        talk.emit(session, EventKind.CONVERSATION_STARTED)
        talk.record(ActivityKind.CONVERSATION, "Conversation with “{agent}” started", agent=talk.settings.name)
        if conversation.guided:
            progress, talk.guided = demo_scripts.guided_progress(context.scripts, conversation, context.crm)
            progress.conversation_id = talk.row.id
            talk.rest.append(progress)
        for place, turn in enumerate(conversation.turns):
            _write_turn(session, talk, turn, talk.guided[place] if talk.guided else None)
        if conversation.on_site:
            _finish(session, talk, conversation)
        if conversation.closed:
            talk.emit(session, EventKind.CONVERSATION_CLOSED)
    session.add_all(message for talk in talks for message in talk.messages)
    session.flush()
    session.add_all(row for talk in talks for row in talk.rest)


def _start_conversation(who: Identity, context: DemoContext, told: ShopConversation) -> ConversationWriter:
    ago = timedelta(minutes=told.ago or 0)
    at = days_ago(who, told.day, told.time) if told.day is not None else now() - ago
    versions = [settings for since, settings in context.versions if since <= at]
    contact, lead = context.crm.contacts[told.contact], None if told.lead is None else context.crm.leads[told.lead]
    row = Conversation(
        tenant_id=who.tenant_id,
        agent_id=context.agent.id,
        use_draft=False,
        contact_id=contact.id,
        lead_id=lead.id if lead else None,
        channel=Channel.WEB_CHAT if told.on_site else Channel.TEST,
        account_id=context.account.id if told.on_site else None,
        title=told.turns[0][0][:80],
        state=ConversationState.CLOSED if told.closed else ConversationState.OPEN,
        created_by="" if told.on_site else who.user_id,
        created_at=at,
        is_demo=True,
    )
    return ConversationWriter(who, context, row, contact, lead, versions[-1], len(versions), at)


def _write_turn(
    session: Transaction, talk: ConversationWriter, turn: tuple[str, str, str], guidance: GuidedProgress | None
) -> None:
    """Write a message and its reply, and advance the conversation's time."""
    words, written, article = turn
    said = _write_question(session, talk, words)
    reply = _write_reply(session, talk, said, (written, article), guidance=guidance)
    talk.history += [("user", words), ("assistant", reply.text)]
    talk.emit(session, EventKind.REPLY_SENT, reply)
    name, title = talk.settings.name, talk.row.title
    talk.record(ActivityKind.REPLY, "“{agent}” replied in “{title}”", agent=name, title=title)
    if not article:
        _add_task(session, talk, words)
        _add_question(talk, words)
    talk.set_last(reply.text)
    talk.at += BETWEEN_TURNS


def _write_question(session: Transaction, talk: ConversationWriter, words: str) -> Message:
    said = talk.add_message(Author.CONTACT, talk.contact.name, words)
    talk.emit(session, EventKind.MESSAGE_RECEIVED, said)
    talk.set_last(words)
    return said


def _write_reply(
    session: Transaction,
    talk: ConversationWriter,
    said: Message,
    written: tuple[str, str],
    *,
    guidance: GuidedProgress | None = None,
) -> Message:
    """Write the reply to a message, with its trace. `written` is its text, and the title of its article or ""."""
    text, article = written
    marks = MarkerFilter(
        len(talk.context.scripts.rows)
    )  # the demo's replies mark the scripts they use, as real ones do
    answer = marks.feed(text) + marks.rest()
    talk.at += REPLY_DELAY
    reply = talk.add_message(Author.AGENT, talk.settings.name, answer)
    reply.answers_id = said.id
    passages = [best_passage(*talk.context.articles[article], question=said.text, reply=answer)] if article else []
    reply.sources = [passage.as_json() for passage in passages]
    took = timedelta(milliseconds=900 + 25 * len(answer))
    talk.at += took
    reply.finished_at = talk.at
    facts = prompts.PromptContext(
        settings=talk.settings, history=list(talk.history), question=said.text, known=_contact_facts(talk)
    )
    weighed = demo_scripts.decide_all(
        session, talk.context.scripts, _at_that_time(talk), agent=talk.settings.name, said=said.text
    )
    demo_scripts.add_to_prompt(facts, weighed, guidance)
    script_usage.mark_used(weighed, marks.used, answer, said.text)
    trace = build_trace(reply, facts, passages, agent_id=talk.row.agent_id, version=talk.version, took=took)
    trace.is_unanswered = not article
    trace.data |= {
        "scripts": [decision.as_json() for decision in weighed],
        "guided": guidance.as_json() if guidance else {},
    }
    talk.rest += [trace, *demo_scripts.usage_rows(weighed, talk.row, reply.id, talk.at)]
    return reply


def _finish(session: Transaction, talk: ConversationWriter, told: ShopConversation) -> None:
    """Write what came last in a conversation on the web chat, and how it stands since."""
    said = _write_question(session, talk, told.last) if told.last else None
    if told.ending == Ending.APPROVAL and said is not None:
        demo_endings.wait_for_approval(session, talk, _write_reply(session, talk, said, told.draft))
    elif told.ending == Ending.PERSON:
        demo_endings.wait_for_person(session, talk)
    elif told.ending == Ending.MEMBER:
        demo_endings.take_over(session, talk, note=told.note, text=told.member)
    for message in talk.messages:
        if message.state in (MessageState.COMPLETE, MessageState.NOTE):
            message_search.add(session, message)
    demo_endings.add_reader(talk, has_read=told.ending in (Ending.ANSWERED, Ending.MEMBER))


def _at_that_time(talk: ConversationWriter) -> Conversation:
    """Return a copy of the conversation with the stage in which its lead was then."""
    was = Conversation(**talk.row.model_dump())
    if talk.lead is not None and talk.at < talk.lead.in_stage_since:
        was.stage_id = next(iter(talk.context.crm.stages))
    return was


def _add_task(session: Transaction, talk: ConversationWriter, question: str) -> None:
    """Create the task of a reply without an answer."""
    task = Task(tenant_id=talk.who.tenant_id, text=question, conversation_id=talk.row.id, created_at=talk.at)
    task.contact_id, task.lead_id = talk.row.contact_id, talk.row.lead_id
    event = tasks.add(session, task, agent_id=talk.row.agent_id)
    event.at = event.created_at = talk.at
    talk.record(ActivityKind.AGENT, "Task: answer “{question}”", question=question[:80])


def _add_question(talk: ConversationWriter, question: str) -> None:
    """Collect the question of a reply without an answer."""
    row = UnansweredQuestion(tenant_id=talk.who.tenant_id, question=question, conversation_id=talk.row.id)
    row.created_at = talk.at
    talk.rest.append(row)


def _contact_facts(talk: ConversationWriter) -> list[tuple[str, str]]:
    known = [("contact", talk.contact.name), ("phone", talk.contact.phone), ("e-mail", talk.contact.email)]
    if talk.lead is not None:
        stage = talk.context.crm.stages[talk.lead.stage_id]
        known += [("lead", talk.lead.title), ("stage", stage), ("budget", str(talk.lead.budget))]
    return known

"""No answer: detects replies without an answer, stores their questions and creates tasks for them."""

from platform_app.db import Transaction
from platform_app.llm import prompts
from platform_app.models.conversation import Message
from platform_app.models.crm import Task
from platform_app.models.event import ActivityKind
from platform_app.services.chat import conversation_rows, shadow_answers
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.services.crm import tasks
from platform_app.services.feed import activity
from platform_app.services.knowledge import unanswered_questions


def is_no_answer(work: ReplyContext) -> bool:
    """Return whether a reply says that there is no answer, or its question had no matching passage."""
    facts = work.facts
    return facts.lacks_answer or (
        facts.has_knowledge and (work.marks.no_answer or prompts.no_answer_text(facts) in work.raw_text)
    )


def record(session: Transaction, work: ReplyContext) -> None:
    """Store the question that the agent could not answer, with a task for a member if the agent is to create one."""
    if work.facts.question:
        unanswered_questions.add(session, work.conversation, work.facts.question)
    if work.settings.no_answer_task:
        create_task(session, work)


def record_in_shadow(session: Transaction, work: ReplyContext, answer: Message) -> None:
    """Store whether an answer in shadow mode is none, with its question then; no task is created for it."""
    is_unanswered = is_no_answer(work)
    shadow_answers.note_end(session, answer, is_unanswered=is_unanswered)
    if is_unanswered:
        unanswered_questions.add(session, work.conversation, work.facts.question)


def create_task(session: Transaction, work: ReplyContext) -> None:
    """Create a task for a member with the question that the agent could not answer."""
    question = work.facts.question[:400]
    task = Task(tenant_id=work.tenant_id, text=question, conversation_id=work.conversation.id)
    task.contact_id, task.lead_id = work.conversation.contact_id, work.conversation.lead_id
    event = tasks.add(session, task, agent_id=work.conversation.agent_id)
    told = activity.record(
        session,
        work.tenant_id,
        ActivityKind.AGENT,
        "Task: answer “{question}”",
        actor=work.settings.name,
        agent_id=work.conversation.agent_id,
        link=conversation_rows.link_of(work.conversation),
        question=question[:80],
    )
    told.event_id = event.id

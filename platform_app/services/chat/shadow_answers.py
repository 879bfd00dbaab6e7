"""Shadow answers: the replies that agents write in shadow mode, in jobs, and that are never sent."""

from datetime import timedelta

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.jobs import Reply, enqueue
from platform_app.models.agent import AgentSettings
from platform_app.models.conversation import Author, Conversation, Message, MessageState, Origin
from platform_app.models.job import Priority
from platform_app.models.shadow import ShadowAnswer
from platform_app.services.chat import sending, shadow_mode


def start(session: Transaction, row: Conversation, said: Message, settings: AgentSettings) -> Message:
    """Create the row of the agent's answer to a contact's message, enqueue its job and return it.

    Each message has an answer of its own, written from what was said until then, whatever a person answers meanwhile.
    """
    assert row.account_id is not None
    answer = sending.new_message(
        session,
        row,
        Author.AGENT,
        settings.name,
        origin=Origin.SHADOW,
        is_suggestion=True,
        answers_id=said.id,
        created_at=said.created_at + timedelta(microseconds=1),
        due_at=said.created_at,
    )
    session.flush()
    compared = ShadowAnswer(
        tenant_id=row.tenant_id,
        account_id=row.account_id,
        conversation_id=row.id,
        question_id=said.id,
        answer_id=answer.id,
        asked_at=said.created_at,
        stage_id=shadow_mode.stage_of(session, row),
    )
    session.add(compared)
    job = enqueue(
        session,
        row.tenant_id,
        Reply(conversation_id=row.id, message_id=answer.id),
        dedupe_key=f"reply:{answer.id}",
    )
    job.priority = Priority.NORMAL  # nobody waits for it
    shadow_mode.publish_change(session, row.tenant_id, row.account_id)
    return answer


def note_end(session: Transaction, answer: Message, *, is_unanswered: bool) -> None:
    """Store whether an answer that is written says that there is none, and notify open pages."""
    query = owned(ShadowAnswer, answer.tenant_id).where(ShadowAnswer.answer_id == answer.id)
    row: ShadowAnswer | None = session.exec(query.with_for_update()).first()
    if row is not None:
        row.is_unanswered = is_unanswered
        shadow_mode.publish_change(session, row.tenant_id, row.account_id)


def keep_sentence(session: Transaction, answer: Message, sentence: str) -> None:
    """Keep a sentence as the answer, with which the agent would hand the conversation over; nobody takes it over."""
    answer.text, answer.state = sentence, MessageState.SUGGESTED
    answer.finished_at, answer.due_at = now(), None
    note_end(session, answer, is_unanswered=False)


def find_waiting(session: Transaction, question: Message) -> Message | None:
    """Return the answer to a message, locked, if it is not begun; None if there is none."""
    query = owned(Message, question.tenant_id).where(
        Message.answers_id == question.id,
        Message.origin == Origin.SHADOW,
        Message.state == MessageState.DELAYED,
    )
    answer: Message | None = session.exec(query.with_for_update()).first()
    return answer

"""Shadowing: customers, managers and agents on an account in shadow mode, as tests need them."""

from platform_app.channels.push_channel import Update, UpdateKind
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Identity
from platform_app.models.shadow import ShadowAnswer
from platform_app.services.channels import echoes, inbound
from platform_app.services.channels.inbound import InboundText, Receipt
from platform_app.services.chat import reply_store
from platform_app.services.chat.reply_context import load_context
from tests.visiting import rows

QUESTION = "How much is a tune-up?"


def asks(session: Transaction, account: ChannelAccount, customer: str, text: str = QUESTION) -> Receipt:
    """Receive a message of a customer as the webhook does."""
    return inbound.receive(session, account, customer, InboundText(f"{customer}-{now().timestamp()}", text))


def manager_answers(session: Transaction, account: ChannelAccount, customer: str, text: str) -> None:
    """Let somebody of the company answer in the channel's own app."""
    message_id = f"{customer}-{now().timestamp()}-a"
    echoes.receive(session, account, Update(UpdateKind.ECHO, customer, now(), message_id=message_id, text=text), text)


def asked(account: ChannelAccount, customer: str = "5001", text: str = QUESTION) -> ShadowAnswer:
    """Let a customer ask; return the agent's answer to come."""
    with session_scope(account.tenant_id) as session:
        said = asks(session, account, customer, text).message
        answer: ShadowAnswer = session.exec(
            owned(ShadowAnswer, account.tenant_id).where(ShadowAnswer.question_id == said.id)
        ).one()
        return answer


def answered(account: ChannelAccount, text: str, customer: str = "5001") -> None:
    """Let a manager answer a customer."""
    with session_scope(account.tenant_id) as session:
        manager_answers(session, account, customer, text)


def write_answer(who: Identity, answer: ShadowAnswer, text: str = "It costs 40 euros.") -> None:
    """Write an answer to its end as the job does, without asking a model."""
    with session_scope(who.tenant_id) as session:
        session.get_one(Message, answer.answer_id).state = MessageState.STREAMING
    work = load_context(who.tenant_id, answer.answer_id)
    assert work is not None
    work.model, work.raw_text, work.outcome.text = "fake-1", text, text
    reply_store.complete(work)


def compared(who: Identity) -> list[ShadowAnswer]:
    """Return the answers of a tenant in shadow mode, the oldest first."""
    return rows(who, ShadowAnswer)

"""Completions: replies of an agent to programs that speak the protocol of OpenAI, as conversations of the API channel.

With a reference of the person who writes, their conversation goes on; without one each call is a conversation of its
own, whose earlier messages are those that the program sends along.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from sqlmodel import col

from platform_app.automation.values import fold
from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from platform_app.i18n import translate
from platform_app.models.agent import Agent, Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Author, Conversation, Message, MessageState, Trace
from platform_app.models.person import Identity
from platform_app.models.sending import GateReason
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts, inbound
from platform_app.services.channels.inbound import InboundText
from platform_app.services.chat import conversation_rows, conversations

MAX_HISTORY = 200  # messages that a program sends along
HELD = "A member is in charge of this conversation, so the agent doesn’t answer."
NOT_ANSWERED = "The agent is turned off or can’t write now, so nothing was answered."
AWAITS_APPROVAL = "The reply waits for the approval of a member."


@dataclass(frozen=True)
class Turn:
    """A message that a program sends along."""

    author: Author
    text: str


@dataclass(frozen=True)
class Begun:
    """A reply that is to be written."""

    conversation_id: str
    reply_id: str
    agent_id: str
    is_hidden: bool  # its text may be shown only when it is complete: a member may have to approve it


@dataclass(frozen=True)
class Completion:
    """A reply that was sent: its text, the passages that it cites, and what it took."""

    text: str
    sources: list[dict[str, Any]] = field(default_factory=list)
    is_partial: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0


def find_agent(session: Transaction, who: Identity, wanted: str) -> Agent:
    """Return an agent by its id or its name, whatever the case. Raises NotFound if there is none."""
    query = owned(Agent, who.tenant_id).where(col(Agent.deleted_at).is_(None), Agent.published_number > 0)
    rows: list[Agent] = list(session.exec(query.order_by(Agent.id)).all())
    for row in rows:
        if row.id == wanted:
            return row
    for row in rows:
        if fold(row.name) == fold(wanted):
            return row
    raise NotFound("Agent not found. It may have been deleted.")


def list_agents(session: Transaction, who: Identity) -> list[Agent]:
    """Return the agents that answer: published and switched on."""
    query = owned(Agent, who.tenant_id).where(
        col(Agent.deleted_at).is_(None), Agent.published_number > 0, col(Agent.active).is_(True)
    )
    return list(session.exec(query.order_by(Agent.id)).all())


def begin(session: Transaction, who: Identity, agent: Agent, turns: list[Turn], *, reference: str = "") -> Begun:
    """Receive the last of some messages and begin the reply to it.

    With a `reference` the conversation of that person goes on, and the earlier messages are not needed. Raises Invalid
    if the last message is not the person's or there are more than MAX_HISTORY, Forbidden if nothing is answered now.
    """
    if not turns or turns[-1].author != Author.CONTACT:
        raise Invalid("The last message must be from the user.", field="messages")
    if len(turns) > MAX_HISTORY:
        raise Invalid("You can add up to {count}.", field="messages", count=MAX_HISTORY)
    account = _account_of(session, who, agent)
    if reference:
        sent = InboundText(new_id(), turns[-1].text)
        receipt = inbound.receive(session, account, f"user:{reference}"[:200], sent)
        return _begun(session, who, receipt.message)
    row = _own_conversation(session, account, agent)
    _add_history(session, row, agent, turns[:-1])
    said, _ = conversations.receive(session, _writer(who), row.id, turns[-1].text)
    return _begun(session, who, said)


def begin_after(session: Transaction, who: Identity, reply_id: str, turns: list[Turn]) -> Begun:
    """Receive a message that follows a reply of an earlier call, and begin the reply to it.

    Raises NotFound if there is no such reply of the API channel, else as `begin` does.
    """
    if len(turns) != 1 or turns[0].author != Author.CONTACT:
        raise Invalid("Send one message of the user after a previous response.", field="input")
    message = conversations.get_message(session, who, reply_id)
    row = conversation_rows.get(session, who, message.conversation_id)
    if row.channel != Channel.API or message.author != Author.AGENT:
        raise NotFound("Response not found.")
    said, _ = conversations.receive(session, _writer(who), row.id, turns[0].text)
    return _begun(session, who, said)


def _writer(who: Identity) -> Identity:
    """Return the acting identity of the person who writes, whom nobody knows by name."""
    return replace(who, user_id="", name=translate(who.language, "Visitor"))


def _account_of(session: Transaction, who: Identity, agent: Agent) -> ChannelAccount:
    """Return the account of the API channel on which an agent answers; connected with the first call."""
    query = owned(ChannelAccount, who.tenant_id).where(
        ChannelAccount.kind == Channel.API,
        ChannelAccount.agent_id == agent.id,
        col(ChannelAccount.deleted_at).is_(None),
    )
    rows: list[ChannelAccount] = list(session.exec(query.order_by(ChannelAccount.id)).all())
    if not rows:
        return channel_accounts.create(session, who, Channel.API, name=agent.name, agent_id=agent.id)
    for row in rows:
        if row.enabled:
            return row
    raise Conflict("This channel account is turned off.")


def _own_conversation(session: Transaction, account: ChannelAccount, agent: Agent) -> Conversation:
    row = Conversation(tenant_id=account.tenant_id, agent_id=agent.id, use_draft=False, channel=Channel.API)
    row.account_id = account.id
    session.add(row)
    session.flush()
    return row


def _add_history(session: Transaction, row: Conversation, agent: Agent, turns: list[Turn]) -> None:
    """Store the earlier messages of a call; they are no events, as they did not happen here."""
    start = now() - timedelta(milliseconds=len(turns))
    for place, turn in enumerate(turns):
        message = Message(
            tenant_id=row.tenant_id,
            conversation_id=row.id,
            author=turn.author,
            author_name=agent.name if turn.author == Author.AGENT else "",
            text=conversation_rows.checked_text(turn.text),
            created_at=start + timedelta(milliseconds=place),
        )
        message.finished_at = message.created_at
        session.add(message)
    session.flush()


def _begun(session: Transaction, who: Identity, said: Message) -> Begun:
    """Return the reply to a message. Raises Forbidden if the send gate lets nothing be answered."""
    session.flush()
    if said.gate:
        raise Forbidden(HELD if said.gate.get("reason") == GateReason.PERSON else NOT_ANSWERED)
    query = owned(Message, who.tenant_id).where(Message.answers_id == said.id, col(Message.replaced).is_(False))
    reply: Message = session.exec(query).one()
    if reply.state == MessageState.DELAYED:  # the program waits for it
        conversations.skip_delay(session, who, reply.id)
    row = conversation_rows.get(session, who, said.conversation_id)
    own, _ = agents.effective_settings(session, who.tenant_id, row.agent_id, draft=row.use_draft)
    return Begun(row.id, reply.id, row.agent_id, is_hidden=not own.shows_unfinished_text)


def read(session: Transaction, who: Identity, begun: Begun) -> Completion:
    """Return a reply that has ended.

    Raises Unavailable if it could not be written, Forbidden if it was not sent, Conflict if a later message replaced
    it.
    """
    row = conversations.get_message(session, who, begun.reply_id)
    if row.replaced or row.state == MessageState.STOPPED:
        raise Conflict("A later message, or a member, stopped this reply.")
    if row.state == MessageState.FAILED:
        raise Unavailable(row.error or "Something went wrong while the reply was written. Try again.")
    if row.state == MessageState.STREAMING:  # handed over to a worker, because this process ends
        raise Unavailable("The server is being restarted. Try again.")
    if row.state == MessageState.TO_APPROVE:
        raise Forbidden(AWAITS_APPROVAL)
    if row.state not in (MessageState.COMPLETE, MessageState.PARTIAL):
        raise Forbidden(HELD if row.gate.get("reason") == GateReason.PERSON else NOT_ANSWERED)
    trace: Trace | None = session.exec(owned(Trace, who.tenant_id).where(Trace.message_id == row.id)).first()
    return Completion(
        text=row.text,
        sources=row.sources,
        is_partial=row.state == MessageState.PARTIAL,
        prompt_tokens=trace.prompt_tokens if trace else 0,
        completion_tokens=trace.completion_tokens if trace else 0,
    )

"""Action context: the event, facts and rows that an action works on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import col

from platform_app.automation import text_templates
from platform_app.automation.facts import Facts
from platform_app.automation.output_encoding import RequestBody
from platform_app.automation.rules import MAX_CHAIN_DEPTH
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict
from platform_app.models.agent import Channel
from platform_app.models.conversation import Conversation, Message
from platform_app.models.event import Event
from platform_app.models.person import Identity
from platform_app.services.chat.automatic_messages import AutomaticMessage


@dataclass(frozen=True)
class ActionPlan:
    """What an action is about to do: either a change inside a transaction, or an outbound call.

    `sentence` is a message id whose placeholders `values` fill. `call` receives the idempotency key and returns the
    outcome to store; it raises effects.CallFailed if nothing was done but a retry may succeed, and PlatformError if it
    never will. `repeatable`: the other side honours the key, so that a call with an uncertain outcome may be repeated.
    `message` is what a contact gets by it, which the send gate lets through, holds or drops.
    """

    sentence: str
    values: dict[str, str] = field(default_factory=dict)
    apply: Callable[[Transaction, Identity], object] | None = None
    call: Callable[[str], dict[str, Any]] | None = None
    repeatable: bool = False
    message: AutomaticMessage | None = None


@dataclass(frozen=True)
class ActionResult:
    """What an action did, where that was not known when it was planned; a message id and its values."""

    sentence: str
    values: dict[str, str] = field(default_factory=dict)


def result_of(plan: ActionPlan, outcome: object) -> ActionResult:
    """Return what an action did: what it reports itself, or what it had planned."""
    return outcome if isinstance(outcome, ActionResult) else ActionResult(plan.sentence, plan.values)


def send_gate_outcome(outcome: object) -> dict[str, Any]:
    """Return why the send gate held or dropped an action's message; {} if none was made or it was sent.

    The keys are those of `Decision.as_json`, and `message_id`.
    """
    if isinstance(outcome, Message) and outcome.gate:
        return {**outcome.gate, "message_id": outcome.id}
    return {}


@dataclass(frozen=True)
class ActionContext:
    """An event with the facts at that time. `who` is the acting automation, named by its rule or sequence."""

    session: Transaction
    who: Identity
    event: Event
    facts: Facts

    def render(self, text: str) -> str:
        """Return a text with its variables filled. Raises Invalid if it cannot be rendered."""
        return text_templates.render(text, self.facts).strip()

    def render_body(self, text: str) -> RequestBody:
        """Return a request body with each value encoded for its place. Raises Invalid if it cannot be rendered."""
        return text_templates.render_body(text, self.facts)

    def lead_id(self) -> str:
        """Return the id of the lead. Raises Conflict if the event is not about a lead."""
        if self.event.lead_id:
            return self.event.lead_id
        conversation = self._find_conversation()
        if conversation is None or not conversation.lead_id:
            raise Conflict("The event has no lead.")
        return conversation.lead_id

    def contact_id(self) -> str:
        """Return the id of the contact. Raises Conflict if the event is not about a contact."""
        if self.event.contact_id:
            return self.event.contact_id
        conversation = self._find_conversation()
        if conversation is None or not conversation.contact_id:
            raise Conflict("The event has no contact.")
        return conversation.contact_id

    def conversation(self) -> Conversation:
        """Return the conversation of the event, else the newest live one of its lead or contact.

        Raises Conflict if there is none.
        """
        conversation = self._find_conversation()
        if conversation is None:
            raise Conflict("No conversation with this lead or contact.")
        return conversation

    def _find_conversation(self) -> Conversation | None:
        event, tenant_id = self.event, self.who.tenant_id
        query = owned(Conversation, tenant_id).where(col(Conversation.deleted_at).is_(None))
        if event.conversation_id:
            query = query.where(Conversation.id == event.conversation_id)
        elif event.lead_id:
            query = query.where(Conversation.lead_id == event.lead_id, col(Conversation.is_live).is_(True))
        elif event.contact_id:
            query = query.where(Conversation.contact_id == event.contact_id, col(Conversation.is_live).is_(True))
        else:
            return None
        order = query.order_by(col(Conversation.last_message_at).desc(), col(Conversation.id).desc())
        conversation: Conversation | None = self.session.exec(order.limit(1)).first()
        return conversation

    def follows_from_test_chat(self) -> bool:
        """Return whether the event happened in a test chat, or is due to one that did."""
        chain = [self.event]
        stored = self.session.get(Event, self.event.id) if self.event.id else None
        if stored is not None and stored is not self.event:
            chain.append(stored)  # the event that enrolled the subject of a sequence
        while chain[-1].cause_id and len(chain) <= MAX_CHAIN_DEPTH + 1:
            cause = self.session.get(Event, chain[-1].cause_id)
            if cause is None:
                break
            chain.append(cause)
        ids = {event.conversation_id for event in chain} - {None}
        talks = [self.session.get(Conversation, talk_id) for talk_id in ids]
        return any(talk is not None and talk.channel == Channel.TEST for talk in talks)

    def is_about(self, subject: str) -> bool:
        """Return whether the event is about a lead or contact ("lead" or "contact")."""
        try:
            return bool(self.lead_id() if subject == "lead" else self.contact_id())
        except Conflict:
            return False

"""Rewriting: a member's unsent message, made shorter or friendlier or translated by the model."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog
from sqlmodel import col

from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Invalid, LimitReached, Unavailable
from platform_app.fact_snapshots import current_messages
from platform_app.llm import catalogue, client, language_detection, pricing, rewriting
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest, ModelResult, Provider
from platform_app.llm.prompts import estimate_tokens
from platform_app.llm.reply_stream import LENGTH_REASONS
from platform_app.llm.reply_text import truncate
from platform_app.llm.rewriting import LANGUAGES, Style
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.budgets import reservations
from platform_app.services.budgets.reservations import Demand
from platform_app.services.chat import conversation_rows, model_calls, reply_trace, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS
from platform_app.services.chat.model_calls import ModelCall, ModelChoice, known_cost, total_cost
from platform_app.services.chat.pending_replies import agent_settings
from platform_app.services.chat.reply_budget import SPENT

log = structlog.get_logger()
MAX_CHARS = 6_000  # of a text that is rewritten
OFFLINE = "The offline model can’t rewrite text. Ask an admin to connect a model provider."
TEMPERATURE = 0.3
PROMPT_TOKENS = 300  # of the instructions, beside the text
_DETECTED_MESSAGES = 5  # the contact's last messages, from which their language is detected


@dataclass
class Rewriting:
    """A text that is being rewritten: what was asked of the model, and its answer so far."""

    who: Identity
    conversation_id: str
    text: str
    style: Style
    language: str = ""
    choices: list[ModelChoice] = field(default_factory=list)  # the agent's model and its fallback
    model: str = ""
    provider: Provider = field(default_factory=client.configured_provider)
    calls: list[ModelCall] = field(default_factory=list)  # that failed before their fallback was asked
    agent_id: str = ""
    contact_id: str = ""
    key: str = field(default_factory=new_id)  # of what is reserved in budgets
    outcome: ModelResult = field(default_factory=ModelResult)
    messages: list[dict[str, str]] = field(default_factory=list)

    @property
    def rewritten(self) -> str:
        """The model's text so far."""
        return truncate(rewriting.clean_answer(self.outcome.text, self.text), MAX_MESSAGE_CHARS)


def is_available(session: Transaction, who: Identity, conversation_id: str) -> bool:
    """Return whether the model of the conversation's agent can rewrite: the offline model cannot.

    Raises NotFound if there is no such conversation.
    """
    return bool(_choices(session, conversation_rows.get(session, who, conversation_id)))


def _choices(session: Transaction, row: Conversation) -> list[ModelChoice]:
    """Return the models of a conversation's agent, without the offline model."""
    choices = model_calls.model_choices(session, row.tenant_id, agent_settings(session, row))
    return [choice for choice in choices if choice.provider is None or not choice.provider.is_offline]


def contact_language(session: Transaction, who: Identity, conversation_id: str) -> str:
    """Return the ISO 639-1 code of the contact's language, as stored or as they write; "" if it is uncertain.

    Raises NotFound if there is no such conversation.
    """
    row = conversation_rows.get(session, who, conversation_id)
    if row.contact_id:
        query = owned(Contact, who.tenant_id).where(Contact.id == row.contact_id)
        stored = session.execute(query.with_only_columns(Contact.language)).scalar() or ""
        if (code := str(stored)[:2].lower()) in LANGUAGES:
            return code
    theirs = current_messages(row).where(Message.author == Author.CONTACT).order_by(col(Message.created_at).desc())
    texts = session.execute(theirs.limit(_DETECTED_MESSAGES).with_only_columns(Message.text)).scalars()
    return language_detection.detect("\n".join(texts))


def prepare(
    session: Transaction, who: Identity, conversation_id: str, text: str, *, style: Style, language: str = ""
) -> Rewriting:
    """Return what `run` is to do with a text, with the model of the conversation's agent.

    Raises Invalid if the text is empty or too long, or no language is named that it can be translated into,
    Unavailable if the model cannot rewrite, and NotFound if there is no such conversation.
    """
    row = conversation_rows.get(session, who, conversation_id)
    choices = _choices(session, row)
    if not choices:
        raise Unavailable(OFFLINE)
    text = conversation_rows.checked_text(text)
    if len(text) > MAX_CHARS:
        raise Invalid("Only text up to {count} characters can be rewritten. Shorten it first.", count=MAX_CHARS)
    if style == Style.TRANSLATE and language not in LANGUAGES:
        raise Invalid("Choose a language.")
    work = Rewriting(who, row.id, text, style, language if style == Style.TRANSLATE else "")
    work.choices, work.agent_id, work.contact_id = choices, row.agent_id, row.contact_id or ""
    return work


async def run(work: Rewriting) -> None:
    """Have the model rewrite the text; `work.rewritten` grows meanwhile. Cancelling ends the request.

    The tokens that were used are stored in any case. Raises Unavailable if the model fails, and LimitReached if a
    budget has no room.
    """
    await asyncio.to_thread(_reserve, work)
    try:
        for choice in work.choices[:-1]:
            try:
                await _read(work, choice)
                break
            except ModelFailure as failure:
                work.calls.append(_call(work, failure.reason))
                work.outcome = ModelResult()
        else:
            await _read(work, work.choices[-1])
    except ModelFailure as failure:
        log.warning("a text was not rewritten", fault=failure.reason.name, detail=failure.detail)
        raise Unavailable(failure.reason.value) from failure
    finally:
        await asyncio.shield(asyncio.to_thread(_record, work))
    if work.outcome.finish_reason.lower() in LENGTH_REASONS:
        raise Unavailable("The model didn’t finish the text. Shorten it and try again.")


async def _read(work: Rewriting, choice: ModelChoice) -> None:
    """Build the prompt and read the text of a model. Raises ModelFailure if there is none."""
    if choice.provider is None:
        raise ModelFailure(FailureReason.REMOVED)
    work.provider = choice.provider
    work.model = await catalogue.resolve_model(work.provider, choice.model)
    if not work.model and await catalogue.model_names(work.provider):
        raise ModelFailure(FailureReason.NO_MODEL)
    work.messages = await asyncio.to_thread(rewriting.build_messages, work.style, work.text, work.language)
    pieces = client.stream_reply(_request(work), work.provider, work.outcome)
    async with aclosing(pieces):  # type: ignore[type-var]  # it is annotated as an iterator and is a generator
        async for _ in pieces:
            pass
    if not work.rewritten:
        raise ModelFailure(FailureReason.INVALID_RESPONSE)


def _reserve(work: Rewriting) -> None:
    """Reserve the highest cost of a request in the budgets that count it. Raises LimitReached if one has no room."""
    tokens = estimate_tokens(work.text) + PROMPT_TOKENS, rewriting.token_limit(work.text)
    costs = [
        pricing.cost(choice.model, *tokens, is_offline=False, price=choice.provider.price(choice.model)) or 0.0
        for choice in work.choices
        if choice.provider is not None
    ]
    demand = Demand(
        work.who.tenant_id,
        work.key,
        work.agent_id,
        contact_id=work.contact_id,
        dollars=max(costs, default=0.0),
        is_message=False,
    )
    with session_scope(work.who.tenant_id) as session:
        budget = reservations.reserve(session, demand)
    if budget is not None:
        raise LimitReached(SPENT)


def _call(work: Rewriting, failure: FailureReason | None = None) -> ModelCall:
    return ModelCall("rewriting", work.provider, work.model, work.outcome, failure, messages=work.messages)


def _request(work: Rewriting) -> ModelRequest:
    return ModelRequest(
        model=work.model,
        messages=work.messages,
        temperature=TEMPERATURE,
        max_tokens=rewriting.token_limit(work.text),
        max_chars=MAX_MESSAGE_CHARS,
    )


def _record(work: Rewriting) -> None:
    """Store a request with its model, tokens and cost, as those of replies and suggestions are stored; settle it."""
    calls = [*work.calls, _call(work)]
    with session_scope(work.who.tenant_id) as session:
        reservations.settle(
            session,
            work.who.tenant_id,
            work.key,
            dollars=known_cost(calls),
            is_priced=total_cost(calls) is not None,
            is_message=False,
        )
        if not (work.calls or work.outcome.attempts):
            return
        query = owned(Conversation, work.who.tenant_id).where(Conversation.id == work.conversation_id)
        row: Conversation | None = session.exec(query).first()
        if row is None:
            return
        message = sending.new_message(
            session,
            row,
            Author.AGENT,
            work.who.name,
            state=MessageState.SUGGESTED,
            text=work.rewritten,
            own_text=work.text,
            author_id=work.who.user_id,
            is_suggestion=True,
            replaced=True,  # shown in the member's field alone
        )
        message.finished_at = now()
        message.review = sending.review_of(work.who, "rewritten", style=work.style.value, language=work.language)
        session.flush()
        session.add(reply_trace.trace_of_request(row, message.id, calls))

"""Rewriting: a member's unsent message, made shorter or friendlier or translated by the model."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Invalid, Unavailable
from platform_app.fact_snapshots import current_messages
from platform_app.llm import catalogue, client, language_detection, rewriting
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest, ModelResult, Provider
from platform_app.llm.reply_stream import LENGTH_REASONS
from platform_app.llm.reply_text import truncate
from platform_app.llm.rewriting import LANGUAGES, Style
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, reply_trace, sending
from platform_app.services.chat.conversation_rows import MAX_MESSAGE_CHARS
from platform_app.services.chat.pending_replies import agent_settings

log = structlog.get_logger()
MAX_CHARS = 6_000  # of a text that is rewritten
OFFLINE = "The offline model can’t rewrite text. Ask an admin to connect a model provider."
TEMPERATURE = 0.3
_DETECTED_MESSAGES = 5  # the contact's last messages, from which their language is detected


@dataclass
class Rewriting:
    """A text that is being rewritten: what was asked of the model, and its answer so far."""

    who: Identity
    conversation_id: str
    text: str
    style: Style
    language: str = ""
    model: str = ""
    provider: Provider = field(default_factory=client.configured_provider)
    outcome: ModelResult = field(default_factory=ModelResult)
    messages: list[dict[str, str]] = field(default_factory=list)

    @property
    def rewritten(self) -> str:
        """The model's text so far."""
        return truncate(rewriting.clean_answer(self.outcome.text, self.text), MAX_MESSAGE_CHARS)


def is_available() -> bool:
    """Return whether the model can rewrite: the offline model cannot."""
    return not client.configured_provider().is_offline


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
    if not is_available():
        raise Unavailable(OFFLINE)
    text = conversation_rows.checked_text(text)
    if len(text) > MAX_CHARS:
        raise Invalid("Only text up to {count} characters can be rewritten. Shorten it first.", count=MAX_CHARS)
    if style == Style.TRANSLATE and language not in LANGUAGES:
        raise Invalid("Choose a language.")
    work = Rewriting(who, row.id, text, style, language if style == Style.TRANSLATE else "")
    work.model = agent_settings(session, row).model
    return work


async def run(work: Rewriting) -> None:
    """Have the model rewrite the text; `work.rewritten` grows meanwhile. Cancelling ends the request.

    The tokens that were used are stored in any case. Raises Unavailable if the model fails.
    """
    try:
        await _read(work)
    except ModelFailure as failure:
        log.warning("a text was not rewritten", fault=failure.reason.name, detail=failure.detail)
        raise Unavailable(failure.reason.value) from failure
    finally:
        if work.outcome.attempts:
            await asyncio.shield(asyncio.to_thread(_record, work))
    if work.outcome.finish_reason.lower() in LENGTH_REASONS:
        raise Unavailable("The model didn’t finish the text. Shorten it and try again.")


async def _read(work: Rewriting) -> None:
    """Choose the model, build the prompt and read the model's text. Raises ModelFailure if there is none."""
    work.model = await catalogue.resolve_model(work.provider, work.model)
    if not work.model and await catalogue.model_names(work.provider):
        raise ModelFailure(FailureReason.NO_MODEL)
    work.messages = await asyncio.to_thread(rewriting.build_messages, work.style, work.text, work.language)
    pieces = client.stream_reply(_request(work), work.provider, work.outcome)
    async with aclosing(pieces):  # type: ignore[type-var]  # it is annotated as an iterator and is a generator
        async for _ in pieces:
            pass
    if not work.rewritten:
        raise ModelFailure(FailureReason.INVALID_RESPONSE)


def _request(work: Rewriting) -> ModelRequest:
    return ModelRequest(
        model=work.model,
        messages=work.messages,
        temperature=TEMPERATURE,
        max_tokens=rewriting.token_limit(work.text),
        max_chars=MAX_MESSAGE_CHARS,
    )


def _record(work: Rewriting) -> None:
    """Store a request with its model, tokens and cost, as those of replies and suggestions are stored."""
    with session_scope(work.who.tenant_id) as session:
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
        session.add(reply_trace.trace_of_request(row, message.id, work.outcome, work.provider, asked=_request(work)))

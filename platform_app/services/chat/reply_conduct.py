"""Reply conduct: checks a reply against the agent's must and never list, and what happens if it breaks a line."""

from contextlib import aclosing

from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.llm import client, conduct
from platform_app.llm.client import FailureReason, ModelFailure, ModelRequest, ModelResult
from platform_app.models.conduct import ConductCount, ConductLine, LineCheck, LineKind, LineOutcome
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.person import Identity
from platform_app.services.chat import conversation_rows, hand_off, reply_store, sending, shadow_answers
from platform_app.services.chat.model_calls import ModelCall
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.services.chat.reply_trace import add_trace

STOPPED = "A line of the agent’s must and never list stopped this reply."
SENTENCES = {
    "en": "I would rather leave this to a colleague, who will write to you here.",
    "ru": "С этим лучше поможет мой коллега, он напишет вам здесь.",
}
MAX_TRIED = 200  # stored replies on which a line is tried
_JUDGE_TOKENS = 400


async def has_to_retell(work: ReplyContext) -> bool:
    """Return whether a reply is to be written once more, because it breaks a line whose outcome is that.

    Otherwise `work.conduct_outcome` is set if it breaks a line.
    """
    if not work.settings.conduct:
        return False
    text, known = work.outcome.text, _known_text(work)
    broken = [line for line in work.settings.conduct if await _is_broken(work, line, text, known)]
    work.fired += [line.key for line in broken]
    outcomes = {line.outcome for line in broken}
    if not broken:
        return False
    if outcomes == {LineOutcome.REWRITE} and not work.is_rewritten:
        work.is_rewritten = True
        rules = "; ".join(conduct.describe(line) for line in broken)
        work.tool_messages += [
            {"role": "assistant", "content": text},
            {"role": "user", "content": conduct.RETELL.format(rule=rules)},
        ]
        work.calls.append(ModelCall("reply", work.provider, work.model, work.outcome, messages=work.messages))
        work.outcome, work.raw_text = ModelResult(), ""
        return True
    work.conduct_outcome = LineOutcome.STOP if LineOutcome.STOP in outcomes else LineOutcome.HAND_OVER
    return False


async def _is_broken(work: ReplyContext, line: ConductLine, text: str, known: str) -> bool:
    if line.check != LineCheck.JUDGE:
        return conduct.is_broken(line, text, known)
    result = ModelResult()
    messages = conduct.judge_messages(line, text)
    request = ModelRequest(work.model, messages, temperature=0.0, max_tokens=_JUDGE_TOKENS, max_chars=400)
    failed: FailureReason | None = None
    try:
        # the stream is annotated as an iterator and is a generator
        async with aclosing(client.stream_reply(request, work.provider, result)) as pieces:  # type: ignore[type-var]
            async for _ in pieces:
                pass
    except ModelFailure as failure:
        failed = failure.reason
    work.calls.append(ModelCall("judge", work.provider, work.model, result, failed, messages=messages))
    verdict = None if failed else conduct.parse_verdict(result.text)
    return verdict is None or verdict == (line.kind == LineKind.NEVER)  # what was not judged is not sent


def _known_text(work: ReplyContext) -> str:
    """Return everything that numbers of a reply may come from."""
    facts = work.facts
    told = [text for *_, text in facts.passages] + [text for _, text in facts.history] + [facts.question]
    told += [value for _, value in facts.known] + [script.text for script in facts.scripts]
    told += [facts.settings.instructions, facts.stage_instructions]
    return "\n".join(
        [*told, *(str(message.get("content")) for message in work.tool_messages if message["role"] == "tool")]
    )


def end(work: ReplyContext) -> None:
    """End a reply that breaks a line: it fails, or a sentence is sent in its place and a person takes over."""
    with session_scope(work.tenant_id) as session:
        session.enable_cache()
        conversation = conversation_rows.lock(session, work.tenant_id, work.conversation.id)
        row = reply_store.row_to_end(session, work)
        if row is None:
            return
        is_draft = row.is_suggestion and not work.is_shadow
        if is_draft or work.conduct_outcome == LineOutcome.STOP:
            row.text = ""
            reply_store.store_failure(session, work, row, STOPPED)
            return
        add_trace(session, work)
        row.text = work.final_text = SENTENCES[work.facts.platform_language]
        if work.is_shadow:
            shadow_answers.keep_sentence(session, row, row.text)
            return
        sending.send(session, conversation, row)
        hand_off.hand_off_by_clock(session, conversation)


def count_fired(work: ReplyContext) -> None:
    """Count the lines that fired for a reply."""
    if not work.fired:
        return
    with session_scope(work.tenant_id) as session:
        for key in sorted(set(work.fired)):
            count = _locked_count(session, work.tenant_id, work.conversation.agent_id, key)
            count.count, count.last_at = count.count + work.fired.count(key), now()


def _locked_count(session: Transaction, tenant_id: str, agent_id: str, key: str) -> ConductCount:
    query = owned(ConductCount, tenant_id).where(ConductCount.agent_id == agent_id, ConductCount.line == key)
    row: ConductCount | None = session.exec(query.with_for_update()).first()
    if row is not None:
        return row
    try:
        with session.savepoint():
            session.add(ConductCount(tenant_id=tenant_id, agent_id=agent_id, line=key))
            session.flush()
    except IntegrityError:  # another reply has added it meanwhile
        pass
    added: ConductCount = session.exec(query.with_for_update()).one()
    return added


def counts(session: Transaction, who: Identity, agent_id: str) -> dict[str, int]:
    """Return how often each line of an agent fired, by its key."""
    rows = session.exec(owned(ConductCount, who.tenant_id).where(ConductCount.agent_id == agent_id)).all()
    return {row.line: row.count for row in rows}


def try_line(session: Transaction, who: Identity, agent_id: str, line: ConductLine) -> tuple[int, list[str]]:
    """Return how many of the agent's newest replies a line was tried on, and the texts of those that break it.

    A line that a judge checks is tried on none. At most MAX_TRIED replies are tried.
    """
    if line.check == LineCheck.JUDGE:
        return 0, []
    query = (
        owned(Message, who.tenant_id)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.agent_id == agent_id,
            Conversation.tenant_id == who.tenant_id,
            Message.author == Author.AGENT,
            Message.state == MessageState.COMPLETE,
        )
    )
    newest = session.exec(query.order_by(col(Message.created_at).desc()).limit(MAX_TRIED)).all()
    broken = [row.text for row in newest if conduct.is_broken(line, row.text, _sources_text(row))]
    return len(newest), broken


def _sources_text(row: Message) -> str:
    return "\n".join(str(source.get("text", "")) for source in row.sources)

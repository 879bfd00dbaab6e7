"""Reply budget: reserves what a reply may cost, settles what it did, and hands over when a budget is spent."""

from platform_app.db import session_scope
from platform_app.llm import picture_description, pricing, prompts, query_rewriting
from platform_app.llm.prompts import estimate_tokens
from platform_app.models.agent import FigureCheck, KnowledgeScope
from platform_app.models.channel import AttachmentKind
from platform_app.services.budgets import reservations
from platform_app.services.budgets.reservations import Demand, SpentBudget
from platform_app.services.chat import conversation_rows, hand_off, reply_store, sending
from platform_app.services.chat.model_calls import known_cost, total_cost
from platform_app.services.chat.reply_context import ReplyContext
from platform_app.services.chat.reply_trace import add_trace, reply_calls

PASSAGE_TOKENS = 4_000  # of the passages that a prompt may hold, before they are known
QUERY_PROMPT_TOKENS = 1_500  # of the request that rewrites a question
EXTRACTION_TOKENS = 500  # written at most when the answers to a guided script are extracted
MEDIA_TEXT_TOKENS = 1_300  # of the text of a recording or picture
RECORDING_DOLLARS = 0.06  # for the transcript of a recording of ten minutes
SENTENCES = {
    "en": "I cannot answer right now. A colleague will write to you here.",
    "ru": "Сейчас я не могу ответить. Вам напишет здесь мой коллега.",
}
SPENT = (
    "A budget is used up: nothing is written until its next period. An admin can raise its hard limit in the settings."
)


class BudgetSpent(Exception):
    """A budget has no room for the reply."""

    def __init__(self, budget: SpentBudget) -> None:
        super().__init__(budget.name)
        self.budget = budget


def reserve(work: ReplyContext) -> None:
    """Reserve the highest cost of a reply in the budgets that count it. Raises BudgetSpent if one has no room."""
    demand = Demand(
        work.tenant_id,
        work.reply_id,
        work.conversation.agent_id,
        contact_id=work.conversation.contact_id or "",
        dollars=_highest_cost(work),
    )
    with session_scope(work.tenant_id, read_only=True) as session:
        if not reservations.is_counted(session, demand):
            return
    with session_scope(work.tenant_id) as session:
        budget = reservations.reserve(session, demand)
    work.is_reserved = budget is None
    if budget is not None:
        work.spent_budget = budget.name
        raise BudgetSpent(budget)


def settle(work: ReplyContext) -> None:
    """Settle what a reply has cost, however it ended, if its cost was reserved."""
    if not work.is_reserved:
        return
    calls = reply_calls(work) if work.outcome.requests else work.calls
    with session_scope(work.tenant_id) as session:
        reservations.settle(
            session,
            work.tenant_id,
            work.reply_id,
            dollars=known_cost(calls),
            is_priced=total_cost(calls) is not None,
            is_message=bool(work.outcome.text),
        )


def hand_over(work: ReplyContext, budget: SpentBudget) -> None:
    """Send the sentence of a spent budget in place of the reply, and hand the conversation to a person.

    A suggestion for a member fails with the reason instead.
    """
    with session_scope(work.tenant_id) as session:
        session.enable_cache()
        conversation = conversation_rows.lock(session, work.tenant_id, work.conversation.id)
        row = reply_store.row_to_end(session, work)
        if row is None:
            return
        if row.is_suggestion:
            reply_store.store_failure(session, work, row, SPENT)
            return
        add_trace(session, work)
        row.text = work.final_text = budget.sentence or SENTENCES[work.facts.platform_language]
        sending.send(session, conversation, row)
        hand_off.hand_off_by_clock(session, conversation)


def _highest_cost(work: ReplyContext) -> float:
    """Return what the reply may cost at most by the dearer of the agent's models; 0.0 if no price is known."""
    own = work.settings
    prompt = sum(estimate_tokens(message["content"]) for message in prompts.build_messages(work.facts))
    prompt += PASSAGE_TOKENS if own.knowledge != KnowledgeScope.NONE else 0
    written = own.max_tokens
    missing = work.media.missing
    pictures = sum(file.kind == AttachmentKind.PICTURE for file in missing)
    prompt += len(missing) * MEDIA_TEXT_TOKENS
    written += pictures * picture_description.MAX_TOKENS
    recordings = (len(missing) - pictures) * RECORDING_DOLLARS
    if own.knowledge != KnowledgeScope.NONE and work.facts.history:
        prompt, written = prompt + QUERY_PROMPT_TOKENS, written + query_rewriting.MAX_TOKENS
    if own.figures == FigureCheck.REWRITE:
        prompt, written = prompt * 2 + written, written * 2
    if work.guidance is not None:
        prompt, written = prompt * 2, written + EXTRACTION_TOKENS
    costs = [0.0 if work.provider.is_offline else recordings]
    for choice in work.choices:
        if choice.provider is None:
            continue
        model = choice.model or (work.model if choice.provider == work.provider else "")
        price = choice.provider.price(model)
        read = prompt + pictures * picture_description.picture_tokens(model)
        asked = pricing.cost(model, read, written, is_offline=choice.provider.is_offline, price=price) or 0.0
        costs.append(asked + (0.0 if choice.provider.is_offline else recordings))
    return max(costs)

"""Rerankers: a model of a tenant's provider orders the passages that a search found, if an admin wants it."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import col

from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, Unavailable
from platform_app.llm import pricing
from platform_app.llm.model_spans import model_attributes
from platform_app.llm.transport import Provider
from platform_app.models.event import ActivityKind
from platform_app.models.person import Identity, Role
from platform_app.models.reranker import Reranker
from platform_app.rag.embedders import EmbedderRefused
from platform_app.rag.passages import Passage
from platform_app.rag.retrieval import retrieve
from platform_app.services.accounts import sign_in_throttle
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.embedding import embedding_requests
from platform_app.services.feed import activity
from platform_app.services.knowledge import embedder_change
from platform_app.services.providers import providers
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind

SECONDS = 2.5  # for a request, during which a reply waits
NO_RANKING = "The provider’s answer has no usable order of passages. Choose a reranking model."
UNKNOWN_MODEL = "The provider doesn’t know this reranking model. Choose another."
REFUSED = "The provider refused to reorder passages with this model."
_SENTENCES = {
    embedding_requests.NO_VECTORS: NO_RANKING,
    embedding_requests.UNKNOWN_MODEL: UNKNOWN_MODEL,
    embedding_requests.REFUSED: REFUSED,
}


@dataclass
class TenantReranker:
    """A reranking model, which is called with a question and texts; it keeps what the call took."""

    provider: Provider
    model: str
    requests: int = 0
    tokens: int = 0
    dollars: float | None = 0.0  # None: the price is not known
    milliseconds: int = 0
    problem: str = ""  # a message id

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        """Return how well each text answers the question. Raises Unavailable if the provider does not say in time."""
        started, self.requests = time.monotonic(), self.requests + 1
        body = {"model": self.model, "query": question, "documents": list(texts), "top_n": len(texts)}
        try:
            attributes = model_attributes(self.provider, "rerank", self.model)
            with spans.span(f"rerank {self.model}", Kind.CLIENT, attributes):
                answer = embedding_requests.post(self.provider, "rerank", body, SECONDS)
                scores = _scores(answer, len(texts))
        except Unavailable as error:
            self.problem = _SENTENCES.get(error.sentence, error.sentence)
            raise Unavailable(self.problem) from error
        finally:
            self.milliseconds += round((time.monotonic() - started) * 1000)
        self.tokens, self.dollars = _cost(answer, self.provider, self.model)
        return scores


@dataclass(frozen=True)
class Comparison:
    """The passages for a question in the order of the search and in that of a reranking model."""

    before: list[Passage]
    after: list[Passage]
    milliseconds: int
    dollars: float | None
    problem: str = ""  # a message id


def get(session: Transaction, who: Identity) -> Reranker | None:
    """Return the reranking model of a tenant, None if passages are not reranked."""
    row: Reranker | None = session.exec(owned(Reranker, who.tenant_id)).first()
    return row


def turn_on(session: Transaction, who: Identity, provider_id: str, model: str) -> Reranker:
    """Let a model of a provider order the passages of replies.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider, Invalid without a model.
    """
    provider = providers.get(session, who, provider_id)
    row = get(session, who) or Reranker(tenant_id=who.tenant_id, provider_id=provider.id, model="")
    row.provider_id, row.model = provider.id, _name(model)
    session.add(row)
    told = "Passages are reranked by “{model}”"
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, told, link=embedder_change.PAGE, model=row.model)
    embedder_change.publish_change(session, who.tenant_id)
    return row


def turn_off(session: Transaction, who: Identity) -> None:
    """Let passages keep the order of the search. Raises Forbidden unless `who` is an owner or admin."""
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")
    session.execute(owned_delete(Reranker, who.tenant_id).where(col(Reranker.tenant_id) == who.tenant_id))
    told = "Passages are reranked no more"
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, told, link=embedder_change.PAGE)
    embedder_change.publish_change(session, who.tenant_id)


def of_tenant(tenant_id: str) -> TenantReranker | None:
    """Return the reranker of a tenant; None if there is none, or the key of its provider cannot be decrypted."""
    with session_scope(tenant_id, read_only=True) as session:
        row: Reranker | None = session.exec(owned(Reranker, tenant_id)).first()
        if row is None:
            return None
        try:
            provider = providers.find_provider(session, tenant_id, row.provider_id)
        except Conflict:
            return None
        return TenantReranker(provider, row.model) if provider is not None else None


def compare(who: Identity, provider_id: str, model: str, question: str) -> Comparison:
    """Search for a question without and with a reranking model; a provider that fails is reported in the result.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider, Invalid without a model
    or question, LimitReached after too many trials, Conflict if the key cannot be decrypted.
    """
    name, text = _name(model), clean_line(question, "rerank_question", max_length=2_000, required=True)
    if not provider_id:
        raise Invalid("Choose a provider.", field="rerank_provider")
    sign_in_throttle.count_provider_test(who.tenant_id)
    with session_scope(who.tenant_id, read_only=True) as session:
        reranker = TenantReranker(providers.provider_of(session, providers.get(session, who, provider_id)), name)
    before = retrieve(who.tenant_id, text).considered
    after = retrieve(who.tenant_id, text, rerank=reranker).considered
    return Comparison(before, after, reranker.milliseconds, reranker.dollars, reranker.problem)


def _name(model: str) -> str:
    return clean_line(model, "rerank_model", max_length=200, required=True)


def _scores(answer: Any, count: int) -> list[float]:
    """Return the scores in the order of the texts; one that is not named comes last. Raises EmbedderRefused."""
    scores = [-math.inf] * count
    try:
        for row in answer["results"]:
            index, score = row["index"], float(row["relevance_score"])
            if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < count:
                raise EmbedderRefused(NO_RANKING)
            if not math.isfinite(score):
                raise EmbedderRefused(NO_RANKING)
            scores[index] = score
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise EmbedderRefused(NO_RANKING) from error
    if all(map(math.isinf, scores)):
        raise EmbedderRefused(NO_RANKING)
    return scores


def _cost(answer: Any, provider: Provider, model: str) -> tuple[int, float | None]:
    """Return the tokens that a provider counts, and the cost: of these, or of the searches that it bills instead."""
    usage, meta = answer.get("usage"), answer.get("meta")
    tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
    billed = meta.get("billed_units") if isinstance(meta, dict) else None
    searches = billed.get("search_units") if isinstance(billed, dict) else None
    if isinstance(searches, int | float) and not isinstance(searches, bool) and 0 <= searches <= 1_000:
        price = pricing.search_price(model)
        return 0, None if price is None else price * searches
    if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 1_000_000_000:
        price = pricing.embedding_price(model, provider.prices)
        return tokens, None if price is None else price * tokens
    return 0, None

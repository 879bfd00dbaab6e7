"""Provider embedder: the embedder of a tenant's own provider, whose cost its budgets count."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlmodel import col

from platform_app.clock import new_id
from platform_app.db import Transaction, owned_update, session_scope
from platform_app.errors import Conflict, Unavailable
from platform_app.llm import pricing
from platform_app.llm.prompts import estimate_tokens
from platform_app.llm.provider_errors import FailureReason
from platform_app.llm.transport import Provider
from platform_app.models.embedding_model import EmbeddingModel
from platform_app.rag import embedders, tenant_embedders
from platform_app.rag.embedders import Calibration, Embedder, EmbedderRefused, Vector
from platform_app.services.budgets import reservations
from platform_app.services.budgets.reservations import Demand
from platform_app.services.embedding import embedding_requests
from platform_app.services.embedding.embedding_requests import OTHER_SIZE, Embedded
from platform_app.services.providers import providers

BATCH = 32  # passages in a request
PASSAGE_SECONDS, QUESTION_SECONDS = 60.0, 2.0
ATTEMPTS = 3  # for passages; a question is asked once
SILENT_SECONDS = 30.0  # for which a provider that did not answer a question is not asked again
LEAST_WORDS, MOST_WORDS = 0.2, 0.5  # shares of the words in a mixed score, where nothing was measured
BUDGET_SPENT = "A budget is used up, so no vectors are computed. Raise its hard limit or wait for its next period."
_silent_until: dict[str, float] = {}  # by version, in monotonic seconds


@dataclass(frozen=True)
class _Access:
    """A model of a tenant's provider; `refusal` is why its provider cannot be asked, a message id, or ""."""

    tenant_id: str
    model_id: str
    model: str
    dimensions: int
    version: str
    provider: Provider | None
    refusal: str = ""


def register() -> None:
    """Let the retrieval and the indexing of this process use the embedders of tenants."""
    tenant_embedders.register(make)


def make(session: Transaction, row: EmbeddingModel) -> Embedder:
    """Return the embedder of a model that a tenant chose; its functions raise EmbedderRefused or Unavailable."""
    refusal = FailureReason.REMOVED.value
    try:
        provider = providers.find_provider(session, row.tenant_id, row.provider_id or "?")
    except Conflict as error:  # its key cannot be decrypted
        provider, refusal = None, error.sentence
    access = _Access(row.tenant_id, row.id, row.model, row.dimensions, row.own_version, provider, refusal)
    return Embedder(
        row.own_version,
        Calibration(least_words=LEAST_WORDS, most_words=MOST_WORDS, related=row.related),
        lambda texts: _passages(access, texts),
        lambda texts: _questions(access, texts),
        knows_meaning=row.related <= 1.0,
    )


def _passages(access: _Access, texts: Sequence[str]) -> list[Vector]:
    """Return the vectors of passages; what they cost is counted batch by batch."""
    vectors: list[Vector] = []
    for start in range(0, len(texts), BATCH):
        vectors += _counted(access, texts[start : start + BATCH])
    return vectors


def _counted(access: _Access, texts: Sequence[str]) -> list[Vector]:
    demand = Demand(access.tenant_id, new_id(), "", dollars=_dollars(access, texts), is_message=False)
    with session_scope(access.tenant_id, read_only=True) as session:
        is_counted = reservations.is_counted(session, demand)
    if is_counted:
        with session_scope(access.tenant_id) as session:
            spent = reservations.reserve(session, demand)
        if spent is not None:
            _store_problem(access, BUDGET_SPENT)
            raise EmbedderRefused(BUDGET_SPENT)
    embedded = Embedded()
    try:
        embedded = _asked(access, texts, seconds=PASSAGE_SECONDS, attempts=ATTEMPTS)
    except Unavailable as error:
        _store_problem(access, error.sentence)
        raise
    finally:
        with session_scope(access.tenant_id) as session:
            _count(session, access, embedded, reply_id=demand.reply_id if is_counted else "")
    return embedded.vectors


def _asked(access: _Access, texts: Sequence[str], *, seconds: float, attempts: int) -> Embedded:
    if access.provider is None:
        raise EmbedderRefused(access.refusal)
    embedded = embedding_requests.embed(access.provider, access.model, texts, seconds=seconds, attempts=attempts)
    if any(len(vector) != access.dimensions for vector in embedded.vectors):
        raise EmbedderRefused(OTHER_SIZE)
    return embedded


def _questions(access: _Access, texts: Sequence[str]) -> Sequence["Vector | np.ndarray[Any, Any]"]:
    """Return the vectors of questions; their cost, some millionths of a dollar, is not counted."""
    if time.monotonic() < _silent_until.get(access.version, 0.0):
        raise Unavailable(FailureReason.UNREACHABLE.value)

    def compute(part: Sequence[str]) -> list[Vector]:
        try:
            return _asked(access, part, seconds=QUESTION_SECONDS, attempts=1).vectors
        except Unavailable:
            _silent_until[access.version] = time.monotonic() + SILENT_SECONDS
            raise

    return embedders.remembered((access.version, access.model), texts, compute)


def _price(access: _Access) -> float | None:
    return pricing.embedding_price(access.model, access.provider.prices) if access.provider else None


def _dollars(access: _Access, texts: Sequence[str]) -> float:
    """Return what the vectors of texts will cost, 0.0 if the price is not known."""
    return (_price(access) or 0.0) * sum(estimate_tokens(text) for text in texts)


def _count(session: Transaction, access: _Access, embedded: Embedded, *, reply_id: str) -> None:
    """Add what a request cost to the row of its model, and settle it in the budgets that reserved it."""
    price = _price(access)
    dollars, is_priced = (price or 0.0) * embedded.tokens, price is not None or not embedded.tokens
    if embedded.tokens:
        own = owned_update(EmbeddingModel, access.tenant_id).where(col(EmbeddingModel.id) == access.model_id)
        values: dict[Any, Any] = {
            "tokens": EmbeddingModel.tokens + embedded.tokens,
            "dollars": EmbeddingModel.dollars + dollars,
            "problem": "",
        }
        values |= {} if is_priced else {"is_priced": False}
        session.execute(own.values(values).execution_options(synchronize_session=False))
    if reply_id:
        reservations.settle(session, access.tenant_id, reply_id, dollars=dollars, is_message=False, is_priced=is_priced)


def _store_problem(access: _Access, sentence: str) -> None:
    with session_scope(access.tenant_id) as session:
        own = owned_update(EmbeddingModel, access.tenant_id).where(col(EmbeddingModel.id) == access.model_id)
        session.execute(own.values(problem=sentence[:500]).execution_options(synchronize_session=False))

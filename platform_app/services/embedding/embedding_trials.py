"""Embedding trials: has a provider's model compute a few vectors, and measures what its similarities mean."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import func
from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Unavailable
from platform_app.llm import pricing
from platform_app.llm.transport import Provider
from platform_app.models.knowledge import Chunk, Source
from platform_app.models.person import Identity
from platform_app.rag.embedders import EmbedderRefused
from platform_app.services.accounts import sign_in_throttle
from platform_app.services.embedding import embedding_requests
from platform_app.services.embedding.embedding_requests import Embedded
from platform_app.services.providers import providers

SECONDS = 20.0
CHARS_OF_TOKEN = 3.5  # between those of English and of Russian, for the estimate of the cost
PAIRS = (  # a question and the passage that answers it, with hardly a word in common
    ("Как быстро вы привезёте заказ?", "Delivery within the city is free and is made the next day."),
    ("When do you close at weekends?", "По воскресеньям магазин работает до шести вечера."),
    ("How long is the guarantee?", "Frames are under warranty for five years."),
    ("Можно ли вернуть товар?", "В течение двух недель покупку принимают обратно, если есть чек."),
    ("What do you charge for fixing a wheel?", "Замена спицы стоит 500 рублей, правка обода — 900."),
    ("Нужен ли ребёнку шлем?", "Kids ride with head protection; how it fits matters more than its price."),
    ("Can I pay by card?", "We accept cash, bank transfers and Visa."),
    ("Где вас найти?", "Our shop is at 4 River Street, behind the station."),
)
ENOUGH_PAIRS = 6  # of PAIRS that have to be told from others
_NEVER = 2.0  # no similarity is enough by itself


@dataclass(frozen=True)
class Trial:
    """What a trial has shown; `problem` is a message id, "" if the model computes vectors.

    `price` is that of a token and `dollars` what the vectors of the whole knowledge would cost, None if not known.
    """

    dimensions: int = 0
    milliseconds: int = 0
    price: float | None = None
    chunks: int = 0
    dollars: float | None = None
    related: float = _NEVER
    problem: str = ""

    @property
    def knows_meaning(self) -> bool:
        """Whether it finds answers that share no word with the question."""
        return self.related <= 1.0


def run(who: Identity, provider_id: str, model: str) -> Trial:
    """Have a model compute the vectors of PAIRS; a provider that fails is reported in the result.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider, LimitReached after too
    many trials, Conflict if the key cannot be decrypted.
    """
    sign_in_throttle.count_provider_test(who.tenant_id)
    with session_scope(who.tenant_id, read_only=True) as session:
        provider = providers.provider_of(session, providers.get(session, who, provider_id))
        chunks, letters = _size_of_knowledge(session, who.tenant_id)
    price = pricing.embedding_price(model, provider.prices)
    started = time.monotonic()
    try:
        questions, passages = _embed(provider, model)
    except Unavailable as error:
        return Trial(problem=error.sentence)
    return Trial(
        dimensions=len(questions.vectors[0]),
        milliseconds=round((time.monotonic() - started) * 1000 / 2),
        price=price,
        chunks=chunks,
        dollars=None if price is None else price * letters / CHARS_OF_TOKEN,
        related=_related(questions, passages),
    )


def _embed(provider: Provider, model: str) -> tuple[Embedded, Embedded]:
    questions, passages = (
        embedding_requests.embed(provider, model, texts, seconds=SECONDS) for texts in zip(*PAIRS, strict=True)
    )
    if len(questions.vectors[0]) != len(passages.vectors[0]):
        raise EmbedderRefused(embedding_requests.NO_VECTORS)
    return questions, passages


def _related(questions: Embedded, passages: Embedded) -> float:
    """Return the similarity above which nearly only passages lie that answer; over 1 if the model cannot tell them."""
    similarities: Any = np.asarray(questions.vectors) @ np.asarray(passages.vectors).T
    is_answer = np.eye(len(PAIRS), dtype=bool)
    threshold = float(np.quantile(similarities[~is_answer], 0.9))
    told = int((similarities[is_answer] > threshold).sum())
    return round(threshold, 4) if told >= ENOUGH_PAIRS else _NEVER


def _size_of_knowledge(session: Transaction, tenant_id: str) -> tuple[int, int]:
    """Return how many chunks are searched, and how many letters they have with their titles and headings."""
    letters = func.length(Chunk.text) + func.length(Chunk.heading) + func.length(Source.title)
    query = owned(Chunk, tenant_id).join(Source, Source.id == Chunk.source_id)
    query = query.where(Source.tenant_id == tenant_id, Source.generation == Chunk.generation)
    query = query.where(col(Source.generation) > 0).with_only_columns(func.count(), func.sum(letters))
    count, total = session.execute(query).one()
    return int(count or 0), int(total or 0)

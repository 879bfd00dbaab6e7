"""Reranking: tries a reranking model on a question, and turns it on or off."""

import asyncio
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.llm.plain_text import strip_markdown
from platform_app.models.person import Identity, Role
from platform_app.models.reranker import Reranker
from platform_app.rag.passages import Passage
from platform_app.services.embedding import embedding_models, rerankers
from platform_app.services.embedding.rerankers import Comparison
from platform_app.state.analytics.analytics_words import dollar_words
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.option_lists import Option

SHOWN = 8  # passages of each order
SHOWN_CHARS = 160


@dataclass
class RankedPassage:
    """A passage in one of two orders; `move` is how many places the model moved it up, such as "+2"."""

    title: str
    text: str
    move: str


class RerankingState(rx.State):
    """The reranking model of a tenant, and one that is tried."""

    current: str = ""  # the model with its provider; "": passages are not reranked
    providers: list[Option] = []
    problem: str = ""
    problem_field: str = ""
    is_trying: bool = False
    tried_model: str = ""  # that may be turned on: its trial succeeded
    trial_result: str = ""
    before: list[RankedPassage] = []
    after: list[RankedPassage] = []
    _tried_provider: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the model in use."""
        self.is_trying = False
        self._forget_trial()
        await self._fetch()

    @handler(Role.ADMIN, background=True)
    async def try_model(self, form: dict[str, Any]) -> Any:
        """Search for the question of the form with its model, and show both orders or the problem at its field."""
        names = ("rerank_provider", "rerank_model", "rerank_question")
        provider_id, model, question = (str(form.get(name, ""))[:2_100] for name in names)
        async with self:
            identity, language = await current_identity(self), (await current_user(self)).language
            if self.is_trying:
                return None
            self._forget_trial()
            self.is_trying = True
        comparison, problem, field = await _compare(identity, provider_id, model, question)
        async with self:
            self.is_trying = False
            if comparison is None:
                self.problem, self.problem_field = translate(language, problem[0], **problem[1]), field
                return browser.focus(field)
            self._tried_provider, self.tried_model = provider_id, model.strip()
            self._show(comparison, language)
        return None

    @handler(Role.ADMIN)
    async def turn_on(self) -> Any:
        """Let the tried model order the passages of replies."""
        if not self.tried_model:
            return None
        await call(self, rerankers.turn_on, self._tried_provider, self.tried_model)
        self._forget_trial()
        await self._fetch()
        return await success_toast(self, "Saved.")

    @handler(Role.ADMIN)
    async def turn_off(self) -> None:
        """Let passages keep the order of the search."""
        await call(self, rerankers.turn_off)
        await self._fetch()

    def _forget_trial(self) -> None:
        self.problem = self.problem_field = self._tried_provider = self.tried_model = self.trial_result = ""
        self.before, self.after = [], []

    def _show(self, comparison: Comparison, language: str) -> None:
        cost = translate(language, "price not known")
        if comparison.dollars is not None:
            cost = dollar_words(language, comparison.dollars)
        told = "{milliseconds} ms, {cost} for the question."
        self.trial_result = translate(language, told, milliseconds=comparison.milliseconds, cost=cost)
        places = {passage.chunk_id: place for place, passage in enumerate(comparison.before)}
        self.before = [_ranked(passage, 0) for passage in comparison.before[:SHOWN]]
        self.after = [
            _ranked(passage, places.get(passage.chunk_id, place) - place)
            for place, passage in enumerate(comparison.after[:SHOWN])
        ]

    async def _fetch(self) -> None:
        row, names = await fetch(self, _read)
        self.current = f"{row.model} · {names.get(row.provider_id, '')}" if row is not None else ""
        self.providers = [Option(key, name) for key, name in names.items()]


def _read(session: Transaction, who: Identity) -> tuple[Reranker | None, dict[str, str]]:
    return rerankers.get(session, who), embedding_models.provider_names(session, who)


def _ranked(passage: Passage, moved: int) -> RankedPassage:
    move = f"{moved:+d}".replace("-", "−") if moved else ""
    return RankedPassage(passage.source_title, " ".join(strip_markdown(passage.text).split())[:SHOWN_CHARS], move)


async def _compare(
    identity: Identity, provider_id: str, model: str, question: str
) -> tuple[Comparison | None, tuple[str, dict[str, object]], str]:
    """Return both orders; or None, the problem as a message id with values, and the name of the field."""
    try:
        comparison = await asyncio.to_thread(rerankers.compare, identity, provider_id, model, question)
    except PlatformError as error:
        return None, (error.sentence, error.values), error.field or "rerank_model"
    if comparison.problem:
        return None, (comparison.problem, {}), "rerank_model"
    return comparison, ("", {}), ""

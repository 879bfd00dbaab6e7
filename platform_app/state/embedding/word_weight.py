"""Word weight: measures on the questions of the last days which share of the words finds the right sources."""

import asyncio
from dataclasses import dataclass

import reflex as rx

from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.rag import knowledge_state
from platform_app.services.knowledge import word_weights
from platform_app.services.knowledge.word_weights import Recall
from platform_app.state.analytics.analytics_words import share_words
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast

AT_ONCE = 5  # questions between two steps of the progress
USUAL = "usual"


@dataclass
class WeightRow:
    """A share of the words, and what is found with it."""

    value: str  # per cent, or USUAL
    name: str
    recall: str  # "" before it was measured
    is_best: bool
    is_chosen: bool


class WordWeightState(rx.State):
    """The share of the words in searches, and how well others would find."""

    rows: list[WeightRow] = []
    running: bool = False
    progress: int = 0  # per cent
    measured_words: str = ""
    without_vectors: bool = False
    _recalls: dict[str, float] = {}

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the share that is chosen."""
        self.running, self.measured_words, self.without_vectors, self._recalls = False, "", False, {}
        await self._fetch()

    @handler(Role.ADMIN, background=True)
    async def measure(self) -> None:
        """Search for the questions of the last days with each share."""
        async with self:
            if self.running:
                return
            self.running, self.progress, self.measured_words = True, 0, ""
            identity, language = await current_identity(self), (await current_user(self)).language
            is_usual = await fetch(self, _read) is None
        recalls = [Recall(share) for share in ((None,) if is_usual else ()) + word_weights.SHARES]
        try:
            questions = await asyncio.to_thread(word_weights.questions_to_measure, identity)
            for start in range(0, len(questions), AT_ONCE):
                await asyncio.to_thread(word_weights.measure, identity, questions[start : start + AT_ONCE], recalls)
                async with self:
                    self.progress = min(100, round(100 * (start + AT_ONCE) / len(questions)))
        finally:
            async with self:
                self.running = False
        async with self:
            self._recalls = {_value(recall.share): recall.recall for recall in recalls} if questions else {}
            self.without_vectors = any(recall.is_degraded for recall in recalls)
            one, many = "Measured on {count} question.", "Measured on {count} questions."
            self.measured_words = plural(language, one, many, len(questions))
            await self._fetch()

    @handler(Role.ADMIN)
    async def choose(self, value: str) -> None:
        """Let searches use a share, in per cent, or the usual one."""
        share = int(value) / 100 if value.isdecimal() and len(value) <= 3 else None
        await call(self, word_weights.set_share, share)
        await self._fetch()
        await success_toast(self, "Saved.")

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        chosen = _value(await fetch(self, _read))
        best = max(self._recalls.values(), default=0.0)
        self.rows = []
        for share in (None, *word_weights.SHARES):
            value, name = _value(share), _name(share, language)
            recall = self._recalls.get(value)
            words = "" if recall is None else share_words(language, recall)
            self.rows.append(WeightRow(value, name, words, recall is not None and recall == best, value == chosen))


def _read(session: Transaction, who: Identity) -> float | None:
    return knowledge_state.word_share(session, who.tenant_id)


def _value(share: float | None) -> str:
    return USUAL if share is None else str(round(share * 100))


def _name(share: float | None, language: str) -> str:
    if share is None:
        return translate(language, "As is usual for the embedding model")
    if share in (0.0, 1.0):
        return translate(language, "Words alone" if share else "Meaning alone")
    return translate(language, "Words {share}", share=share_words(language, share))

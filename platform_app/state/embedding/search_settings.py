"""Search settings: the page on which admins choose whose vectors the search in the knowledge uses."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.models.person import Identity, Role
from platform_app.services.embedding import embedding_models
from platform_app.services.embedding.embedding_trials import Trial
from platform_app.services.knowledge.embedder_change import TOPIC
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option
from platform_app.state.embedding.embedding_view import (
    EmbeddingRow,
    embedding_row,
    estimate_words,
    meaning_words,
    trial_words,
)


class SearchSettingsState(rx.State):
    """The embedding models of a tenant, and the one that is tried."""

    loaded: bool = False
    live: list[EmbeddingRow] = []  # at most one; none: the installation's
    changes: list[EmbeddingRow] = []  # at most one, that runs or has failed
    providers: list[Option] = []
    provider: str = ""
    models: list[str] = []  # of the chosen provider
    problem: str = ""
    problem_field: str = ""
    is_trying: bool = False
    tried_model: str = ""  # that may be chosen: its trial succeeded
    trial_result: str = ""
    trial_meaning: str = ""
    trial_estimate: str = ""
    _tried_provider: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the models."""
        self.provider, self.models, self.is_trying = "", [], False
        self._forget_trial()
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the models again while vectors are computed."""
        async for _ in subscribe(self, TOPIC):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def choose_provider(self, provider_id: str) -> None:
        """Offer the models of a provider."""
        self._forget_trial()
        self.provider = provider_id[:32]
        self.models = await fetch(self, embedding_models.offered, self.provider) if self.provider else []

    @handler(Role.ADMIN, background=True)
    async def try_model(self, form: dict[str, Any]) -> Any:
        """Have the model of the form compute a few vectors, and show the result or the problem at its field."""
        provider_id, model = (str(form.get(name, ""))[:300] for name in ("provider", "model"))
        async with self:
            identity, language = await current_identity(self), (await current_user(self)).language
            if self.is_trying:
                return None
            self._forget_trial()
            self.is_trying = True
        trial, problem, field = await _attempt(identity, provider_id, model)
        async with self:
            self.is_trying = False
            if problem:
                self.problem, self.problem_field = translate(language, problem[0], **problem[1]), field
                return browser.focus(field)
            self._tried_provider, self.tried_model = provider_id, model.strip()
            self.trial_result, self.trial_meaning = trial_words(trial, language), meaning_words(trial, language)
            self.trial_estimate = estimate_words(trial, language)
        return None

    @handler(Role.ADMIN, background=True)
    async def start(self) -> Any:
        """Begin to compute the vectors of the knowledge with the tried model."""
        async with self:
            identity, provider_id, model = await current_identity(self), self._tried_provider, self.tried_model
            if not model or self.is_trying:
                return None
            self.is_trying = True
        try:
            await asyncio.to_thread(embedding_models.choose, identity, provider_id, model)
        finally:
            async with self:
                self.is_trying = False
                self._forget_trial()
                await self._fetch()
        async with self:
            return await success_toast(self, "Computing the vectors has begun.")

    @handler(Role.ADMIN)
    async def return_to_installation(self) -> None:
        """Begin to compute the vectors with the embedder of the installation."""
        await call(self, embedding_models.return_to_installation)
        await self._fetch()

    @handler(Role.ADMIN)
    async def retry(self, model_id: str) -> None:
        """Go on with a change that has failed."""
        await call(self, embedding_models.retry, model_id[:32])
        await self._fetch()

    @handler(Role.ADMIN)
    async def cancel(self, model_id: str) -> None:
        """Give up a change."""
        await call(self, embedding_models.cancel, model_id[:32])
        await self._fetch()

    def _forget_trial(self) -> None:
        self.problem = self.problem_field = self._tried_provider = self.tried_model = ""
        self.trial_result = self.trial_meaning = self.trial_estimate = ""

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        rows, names = await fetch(self, _read)
        shown = [embedding_row(row, names, language) for row in rows]
        self.live = [row for row in shown if row.state == EmbeddingState.LIVE]
        self.changes = [row for row in shown if row.state != EmbeddingState.LIVE]
        self.providers = [Option(key, name) for key, name in names.items()]


def _read(session: Transaction, who: Identity) -> tuple[list[EmbeddingModel], dict[str, str]]:
    return embedding_models.list_models(session, who), embedding_models.provider_names(session, who)


async def _attempt(
    identity: Identity, provider_id: str, model: str
) -> tuple[Trial, tuple[str, dict[str, object]] | None, str]:
    """Return a trial, or its problem as a message id with values, and the name of the field."""
    try:
        trial = await asyncio.to_thread(embedding_models.attempt, identity, provider_id, model)
    except PlatformError as error:
        return Trial(), (error.sentence, error.values), error.field or "model"
    return trial, (trial.problem, {}) if trial.problem else None, "model"

"""Agent models: the providers and models that the form of an agent offers."""

from typing import Any

import reflex as rx
from babel.dates import format_date

from platform_app.i18n import translate
from platform_app.models.model_provider import DEFAULT_PROVIDER, INSTALLATION_PROVIDER, NO_PROVIDER
from platform_app.services.providers import agent_models
from platform_app.state.console.base import current_identity, fetch
from platform_app.state.console.option_lists import Option

DEFAULT_MODEL = "*"  # as a list shows the empty name of a model: its options cannot be empty
MODEL_OF_PROVIDER = {"provider": "model", "fallback_provider": "fallback_model"}


class AgentModels(rx.State, mixin=True):
    """A mixin for the form of an agent: what its lists of providers and models offer."""

    providers: list[Option] = []
    fallback_providers: list[Option] = []
    models: list[str] = []
    fallback_models: list[str] = []

    def _with_models(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Return changes as they are stored; with another provider goes its default model."""
        stored = {
            name: "" if name in MODEL_OF_PROVIDER.values() and value == DEFAULT_MODEL else value
            for name, value in changes.items()
        }
        return stored | {MODEL_OF_PROVIDER[name]: "" for name in changes if name in MODEL_OF_PROVIDER}

    def _show_model_choices(self, stored: dict[str, Any]) -> bool:
        """Show the stored models in their lists; return whether providers or models are among the values."""
        shown = {name: str(stored[name]) or DEFAULT_MODEL for name in MODEL_OF_PROVIDER.values() if name in stored}
        self.choices = self.choices | shown  # type: ignore[has-type]  # a variable of the form
        return bool(shown)

    async def _load_models(self, language: str) -> None:
        """Fetch the providers, the models of the chosen ones, and what is wrong with the choice."""
        who = await current_identity(self)
        named = [Option(row_id, name) for row_id, name in await fetch(self, agent_models.provider_names)]
        installation = Option(INSTALLATION_PROVIDER, translate(language, "Provider of the installation"))
        known = [Option(DEFAULT_PROVIDER, translate(language, "The default provider")), installation, *named]
        none = Option(NO_PROVIDER, translate(language, "None"))
        self.providers = _with_chosen(known, self.choices["provider"], language)
        self.fallback_providers = _with_chosen([none, *known], self.choices["fallback_provider"], language)
        self.models = await agent_models.available_models(who.tenant_id, self.choices["provider"])
        self.fallback_models = await agent_models.available_models(who.tenant_id, self.choices["fallback_provider"])
        problems: dict[str, str] = {}
        for provider, model in MODEL_OF_PROVIDER.items():
            wished = self.choices[model]
            sentence, ends = await agent_models.model_problem(
                who.tenant_id, self.choices[provider], "" if wished == DEFAULT_MODEL else wished
            )
            at = format_date(ends, format="long", locale=language) if ends else ""
            problems[model] = translate(language, sentence, date=at) if sentence else ""
        shown: dict[str, str] = self.problems  # type: ignore[has-type]  # a variable of the form
        kept = {name: words for name, words in shown.items() if name not in problems}
        self.problems = kept | {name: words for name, words in problems.items() if words}


def _with_chosen(known: list[Option], chosen: str, language: str) -> list[Option]:
    """Return the options, with one for a chosen provider that was taken away."""
    if chosen in {option.id for option in known}:
        return known
    return [*known, Option(chosen, translate(language, "A removed provider"))]

"""Agent models: the providers and models that an agent's form offers, and what is wrong with those it names."""

import asyncio
from datetime import date

from platform_app.db import Transaction, session_scope
from platform_app.errors import Conflict
from platform_app.llm import catalogue
from platform_app.llm.provider_errors import FailureReason
from platform_app.llm.transport import Provider
from platform_app.models.model_provider import NO_PROVIDER
from platform_app.models.person import Identity
from platform_app.services.providers import providers

MODEL_NOT_LISTED = "The provider no longer offers this model, so replies will fail. Choose another."
MODEL_RETIRES = "The provider will retire this model on {date}. Choose another before then."


def provider_names(session: Transaction, who: Identity) -> list[tuple[str, str]]:
    """Return the id and name of each provider of the tenant."""
    return [(row.id, row.name) for row in providers.list_providers(session, who)]


async def available_models(tenant_id: str, choice: str) -> list[str]:
    """Return the names of the models of the provider that an agent names; empty if there is none."""
    provider, _ = await asyncio.to_thread(_find, tenant_id, choice)
    if provider is None:
        return []
    return [model.name for model in await catalogue.list_models(provider)]


async def model_problem(tenant_id: str, choice: str, wished: str) -> tuple[str, date | None]:
    """Return a sentence about the provider or the model that an agent names, and the date for its {date}.

    The provider may be taken away or its key unreadable, the model not listed or about to be switched off. Returns
    ("", None) if there is no problem.
    """
    if choice == NO_PROVIDER:
        return "", None
    provider, problem = await asyncio.to_thread(_find, tenant_id, choice)
    if provider is None:
        return problem, None
    is_absent, ends = await catalogue.model_availability(provider, wished)
    if is_absent:
        return MODEL_NOT_LISTED, None
    return (MODEL_RETIRES, ends) if ends else ("", None)


def _find(tenant_id: str, choice: str) -> tuple[Provider | None, str]:
    """Return the provider that an agent names, or None and a sentence with the reason."""
    if choice == NO_PROVIDER:
        return None, ""
    with session_scope(tenant_id, read_only=True) as session:
        try:
            provider = providers.find_provider(session, tenant_id, choice)
        except Conflict as error:
            return None, error.sentence
    return provider, "" if provider else FailureReason.REMOVED.value

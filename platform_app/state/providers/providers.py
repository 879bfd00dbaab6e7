"""Providers: the list of a tenant's model providers, and which of them is the default."""

from dataclasses import dataclass

import reflex as rx

from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.llm import client
from platform_app.models.model_provider import ModelProvider
from platform_app.models.person import Identity, Role
from platform_app.services.providers import providers
from platform_app.state.console.base import call, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe


@dataclass
class ProviderRow:
    """A provider in the list; the installation's has no id."""

    id: str
    name: str
    address: str
    models: str
    is_default: bool


class ProvidersState(rx.State):
    """The list of providers."""

    rows: list[ProviderRow] = []
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        await self._fetch()
        self.loaded = True

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a provider changes."""
        async for _ in subscribe(self, "provider"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def make_default(self, provider_id: str) -> None:
        """Make a provider the one of agents that name none; "" is the installation's."""
        await call(self, providers.set_default, provider_id)
        await self._fetch()

    async def _fetch(self) -> None:
        language = (await current_user(self)).language
        rows = await fetch(self, _read)
        own = [ProviderRow(row.id, row.name, row.base_url, _count(row, language), row.is_default) for row in rows]
        has_default = any(row.is_default for row in own)
        self.rows = [_installation(language, is_default=not has_default), *own]


def _read(session: Transaction, who: Identity) -> list[ModelProvider]:
    return providers.list_providers(session, who)


def _count(row: ModelProvider, language: str) -> str:
    return plural(language, "{count} model", "{count} models", len(row.models)) if row.listed_at else ""


def _installation(language: str, *, is_default: bool) -> ProviderRow:
    """Return the row of the installation's provider, whose address is the operator's affair."""
    told = "The built-in offline model" if client.configured_provider().is_offline else "Connected by the operator"
    return ProviderRow(
        "", translate(language, "Provider of the installation"), translate(language, told), "", is_default
    )

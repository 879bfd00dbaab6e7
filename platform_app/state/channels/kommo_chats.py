"""Kommo chats: the card with which a channel of our own in Kommo is connected and disconnected."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Conflict, Invalid
from platform_app.i18n import translate
from platform_app.integrations.kommo.errors import KommoError
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.kommo_chats import KommoChats
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts, public_addresses
from platform_app.services.kommo import own_chats
from platform_app.state.console.base import current_identity, current_user, fetch, handler, success_toast

_FIELDS = ("channel_id", "channel_secret", "bot_id")


class KommoChatsState(rx.State):
    """The channel of our own that is connected through the account in the address."""

    connected: bool = False
    problem: str = ""  # why nothing is shown in Kommo
    problems: dict[str, str] = {}  # by field
    hook: str = ""  # the address to which Kommo posts what managers write

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch whether a channel is connected."""
        self.problems = {}
        await self._fetch()

    @handler(Role.ADMIN)
    async def connect(self, form: dict[str, Any]) -> Any:
        """Connect a channel that Kommo's support registered, or show the problem at its field."""
        self.problems, who = {}, await current_identity(self)
        values = {name: str(form.get(name, ""))[:1_000] for name in _FIELDS}
        try:
            await asyncio.to_thread(own_chats.connect, who, self._id(), values)
        except (Invalid, Conflict, KommoError) as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = {error.field or "channel_id": words}
            return None
        await self._fetch()
        return await success_toast(self, "Channel connected. Conversations now appear in Kommo.")

    @handler(Role.ADMIN)
    async def disconnect(self) -> Any:
        """Disconnect the channel; what is shown in Kommo stays there."""
        await asyncio.to_thread(own_chats.disconnect, await current_identity(self), self._id())
        await self._fetch()
        return await success_toast(self, "Channel disconnected.")

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> None:
        account, row = await fetch(self, _read, self._id())
        self.connected, self.problem = row is not None, ""
        if row is not None and row.problem:
            self.problem = translate((await current_user(self)).language, row.problem, **row.problem_values)
        path = f"/hooks/kommo-chats/{account.token}"
        address = public_addresses.shown_hook_address(path, self.router.headers.origin)
        self.hook = address if account.kind == Channel.KOMMO else ""


def _read(session: Transaction, who: Identity, account_id: str) -> tuple[ChannelAccount, KommoChats | None]:
    account = channel_accounts.get(session, who, account_id)
    return account, own_chats.find(session, who.tenant_id, account_id)

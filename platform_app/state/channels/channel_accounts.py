"""Channel accounts: the list of connected channels, and the dialog that connects one."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import fact_snapshots
from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, agent_options
from platform_app.state.console.undo import SoftDelete, Undo

KINDS = (Channel.WEB_CHAT.value, Channel.API.value)  # channels without a server, which need no token


@dataclass
class ChannelAccountRow:
    """A channel account in the list."""

    id: str
    name: str
    kind: str
    agent: str
    enabled: bool
    is_shadow: bool
    when: str
    exact: str
    problem: str  # why nothing comes in or goes out


class ChannelAccountsState(Undo, rx.State):
    """The list of channel accounts."""

    rows: list[ChannelAccountRow] = []
    agents: list[Option] = []
    dialog_open: bool = False
    new_kind: str = "web_chat"  # which channel the dialog connects: one of KINDS
    problem: str = ""
    problem_field: str = ""
    loaded: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        self.undo_sentence, self.dialog_open = "", False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when an account changes."""
        async for _ in subscribe(self, "channel"):
            async with self:
                await self._fetch()

    @handler(Role.ADMIN)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog for a new account."""
        self.dialog_open, self.problem, self.problem_field = is_open, "", ""

    @handler(Role.ADMIN)
    async def connect(self, kind: str) -> None:
        """Open the dialog for a new account of a channel. Raises Invalid for a channel that it does not connect."""
        if kind not in KINDS:
            raise Invalid("This value isn’t allowed.")
        self.new_kind, self.dialog_open, self.problem, self.problem_field = kind, True, "", ""

    @handler(Role.ADMIN)
    async def create(self, form: dict[str, Any]) -> Any:
        """Create an account and open its page, or show the problem at its field."""
        name, agent_id = str(form.get("name", ""))[:1_000], str(form.get("agent_id", ""))[:32]
        try:
            row = await call(self, channel_accounts.create, Channel(self.new_kind), name=name, agent_id=agent_id)
        except (Invalid, NotFound) as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "agent_id"
            return None
        self.dialog_open = False
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/channels/{row.id}")

    @handler(Role.ADMIN)
    async def switch(self, account_id: str, enabled: bool) -> None:
        """Switch an account on or off; nothing comes in or goes out on one that is off."""
        await call(self, channel_accounts.set_enabled, account_id, enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def delete(self, row_id: str) -> Any:
        """Delete an account and offer to undo it."""
        row = await call(self, channel_accounts.delete, row_id)
        await self._fetch()
        return await self._offer_undo(row_id, row.name)

    @handler(Role.ADMIN)
    async def undo(self) -> Any:
        """Restore the account that was deleted last."""
        self.undo_sentence = ""
        await call(self, channel_accounts.restore, self._undo_id)
        await self._fetch()
        return await success_toast(self, "Restored.")

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(channel_accounts.delete, channel_accounts.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found, names, self.agents = await fetch(self, _read)
        self.rows = [_row(row, names, identity, language) for row in found]
        self.loaded = True


def _read(session: Transaction, who: Identity) -> tuple[list[ChannelAccount], dict[str, str], list[Option]]:
    names = fact_snapshots.entity_names(session, who.tenant_id)
    return channel_accounts.list_accounts(session, who), names, agent_options(session, who)


def _row(row: ChannelAccount, names: dict[str, str], identity: Identity, language: str) -> ChannelAccountRow:
    at = row.last_message_at
    return ChannelAccountRow(
        id=row.id,
        name=row.name,
        kind=translate(language, channel_accounts.kind_of(row).label),
        agent=names.get(row.agent_id or "", ""),
        enabled=row.enabled,
        is_shadow=row.is_shadow,
        when=relative_time(language, at, now(), identity.time_zone) if at else "",
        exact=exact_time(language, at, identity.time_zone) if at else "",
        problem=translate(language, row.problem) if row.problem else "",
    )

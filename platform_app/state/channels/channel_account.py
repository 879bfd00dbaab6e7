"""Channel account: the settings of a connected channel, and how it is put on a site."""

from html import escape
from typing import Any
from urllib.parse import urlsplit

import reflex as rx

from platform_app.channels.web_chat import WEB_CHAT
from platform_app.config import settings
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.form_fields import TYPED, WRONG_VALUE, Control
from platform_app.i18n import translate
from platform_app.models.agent import Agent
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.channels import channel_accounts
from platform_app.state.console.base import call, current_user, fetch, handler
from platform_app.state.console.field_problems import FieldProblems
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, agent_options

MAX_VALUE_CHARS = 10_000


class ChannelAccountState(FieldProblems, rx.State):
    """The channel account in the address."""

    account_key: str = ""  # changes with every load, which redraws the fields
    name: str = ""
    kind: str = ""
    initial: dict[str, str] = {}
    choices: dict[str, str] = {}  # the selected value by field
    flags: dict[str, bool] = {}
    agents: list[Option] = []
    enabled: bool = True
    agent_is_silent: bool = False  # it is switched off, or not published
    has_origins: bool = False
    script: str = ""  # the tag for pages of the site
    trial_address: str = ""
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the account and fill the form."""
        self.account_key, self.problems = "", {}
        row = await self._fetch()
        values = channel_accounts.form_values(row)
        self.initial = {name: str(values[name]) for name, one in WEB_CHAT.form.items() if one.control in TYPED}
        self._loads += 1
        self.account_key = f"{row.id}-{self._loads}"

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the account again when it or an agent changes."""
        async for _ in subscribe(self, "channel", "agent"):
            async with self:
                if self.account_key:
                    await self._fetch()

    @handler(Role.ADMIN)
    async def save(self, field: str, value: Any) -> None:
        """Save a setting, or show the problem at the field. Raises Invalid if the field is unknown."""
        if field not in WEB_CHAT.form or (isinstance(value, str) and len(value) > MAX_VALUE_CHARS):
            raise Invalid(WRONG_VALUE)
        if await self._save_field(field, channel_accounts.save, self._id(), {field: value}):
            await self._fetch()

    @handler(Role.ADMIN)
    async def switch(self, enabled: bool) -> None:
        """Switch the account on or off; visitors no longer see one that is off."""
        await call(self, channel_accounts.set_enabled, self._id(), enabled=enabled)
        await self._fetch()

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> ChannelAccount:
        """Fetch everything but the typed fields; return the account."""
        language = (await current_user(self)).language
        row, self.agents, agent = await fetch(self, _read, self._id())
        values = channel_accounts.form_values(row)
        self.name, self.kind = row.name, translate(language, channel_accounts.kind_of(row).label)
        self.choices = {n: str(values[n]) for n, one in WEB_CHAT.form.items() if one.control == Control.SELECT}
        self.enabled, self.has_origins = row.enabled, bool(values["allowed_origins"])
        self.agent_is_silent = agent is None or not agent.active
        parts = urlsplit(settings().public_url or self.router.headers.origin)
        home = f"{parts.scheme}://{parts.netloc}"
        self.script = f'<script src="{escape(home)}/web-chat/files/loader.js" data-token="{row.token}" async></script>'
        self.trial_address = f"/web-chat/{row.token}/try?lang={language}"
        return row


def _read(session: Transaction, who: Identity, account_id: str) -> tuple[ChannelAccount, list[Option], Agent | None]:
    row = channel_accounts.get(session, who, account_id)
    try:
        agent = agents.get(session, who, row.agent_id or "")
    except NotFound:
        agent = None
    return row, agent_options(session, who), agent

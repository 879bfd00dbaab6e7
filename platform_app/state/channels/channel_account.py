"""Channel account: the settings of a connected channel, whether it works, and how it is put on a site."""

import asyncio
from html import escape
from typing import Any
from urllib.parse import urlsplit

import reflex as rx

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.config import settings
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound, Unavailable
from platform_app.form_fields import TYPED, WRONG_VALUE, Control
from platform_app.i18n import translate
from platform_app.models.agent import Agent, Channel
from platform_app.models.channel import AccountState, ChannelAccount
from platform_app.models.person import Identity, Role
from platform_app.services.agents import agents
from platform_app.services.channels import channel_access, channel_accounts, public_addresses, receivers
from platform_app.services.channels.channel_access import ShownAccess
from platform_app.services.shadow import shadow_accounts
from platform_app.state.channels.bot_connection import joined_access
from platform_app.state.console.base import call, current_user, fetch, handler, success_toast
from platform_app.state.console.field_problems import FieldProblems
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.option_lists import Option, agent_options

MAX_VALUE_CHARS = 10_000


class ChannelAccountState(FieldProblems, rx.State):
    """The channel account in the address."""

    api_account_id: str = ""  # by which the API names it
    account_key: str = ""  # changes with every load, which redraws the fields
    name: str = ""
    kind: str = ""
    channel: str = ""  # a value of Channel
    outside_name: str = ""  # the bot's name with @
    bot_link: str = ""
    is_refused: bool = False
    problem: str = ""  # why nothing comes in or goes out
    shown_access: dict[str, str] = {}  # what of the access is no secret, by field
    verification: str = ""  # the verify token, shown to admins alone; posts count by their signature, not by it
    receives: str = ""  # how messages come in, in words
    initial: dict[str, str] = {}
    choices: dict[str, str] = {}  # the selected value by field
    flags: dict[str, bool] = {}
    agents: list[Option] = []
    enabled: bool = True
    is_shadow: bool = False
    agent_is_silent: bool = False  # it is switched off, or not published
    has_origins: bool = False
    script: str = ""  # the tag for pages of the site
    is_public: bool = False  # servers on the internet can post to the platform
    webhook: str = ""  # the address to which a channel posts that has to be told it by hand
    trial_address: str = ""
    _loads: int = 0

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the account and fill the form."""
        self.account_key, self.problems = "", {}
        row = await self._fetch()
        values = channel_accounts.form_values(row)
        form = channel_accounts.kind_of(row).form
        self.initial = {name: str(values[name]) for name, shown in form.items() if shown.control in TYPED}
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
        """Save a setting, or show the problem at the field. Raises Invalid if the value is far too long."""
        if isinstance(value, str) and len(value) > MAX_VALUE_CHARS:
            raise Invalid(WRONG_VALUE)
        if await self._save_field(field, channel_accounts.save, self._id(), {field: value}):
            await self._fetch()

    @handler(Role.ADMIN)
    async def switch(self, enabled: bool) -> None:
        """Switch the account on or off; nothing comes in or goes out on one that is off."""
        await call(self, channel_accounts.set_enabled, self._id(), enabled=enabled)
        await self._fetch()

    @handler(Role.ADMIN)
    async def set_shadow(self, is_shadow: bool) -> None:
        """Turn shadow mode on or off; in it nothing that the agent or automation writes is sent."""
        await call(self, shadow_accounts.set_shadow, self._id(), is_shadow=is_shadow)
        await self._fetch()

    @handler(Role.ADMIN)
    async def replace_token(self, form: dict[str, Any]) -> Any:
        """Check a new token at the channel and store it, or show the problem at the field."""
        row = await fetch(self, channel_accounts.get, self._id())
        try:
            secret = joined_access(row.kind, form)
            access = await asyncio.to_thread(channel_access.verify, row.kind, secret, tenant_id=row.tenant_id)
            await call(self, channel_accounts.replace_access, row.id, access)
        except (Invalid, Unavailable) as error:
            words = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problems = self._other_problems(row.kind) | {error.field or "token": words}
            return None
        self.problems = self._other_problems(row.kind)
        await self._fetch()
        return await success_toast(self, "The new token is in use.")

    def _other_problems(self, kind: Channel) -> dict[str, str]:
        """Return the problems of fields that are not those of the access."""
        push = CHANNEL_KINDS[kind].push
        names = {shown.name for shown in push.access_fields} if push is not None else set()
        return {name: words for name, words in self.problems.items() if name not in names}

    def _id(self) -> str:
        return self.router.url.path.rstrip("/").rsplit("/", 1)[-1]

    async def _fetch(self) -> ChannelAccount:
        """Fetch everything but the typed fields; return the account."""
        language = (await current_user(self)).language
        row, self.agents, agent, access = await fetch(self, _read, self._id())
        values, kind = channel_accounts.form_values(row), channel_accounts.kind_of(row)
        self.api_account_id = row.id
        self.name, self.kind, self.channel = row.name, translate(language, kind.label), row.kind.value
        self.choices = {n: str(values[n]) for n, shown in kind.form.items() if shown.control == Control.SELECT}
        self.flags = {n: bool(values[n]) for n, shown in kind.form.items() if shown.control == Control.SWITCH}
        self.enabled, self.has_origins = row.enabled, bool(values.get("allowed_origins"))
        self.is_shadow = row.is_shadow
        self.agent_is_silent = agent is None or not agent.active
        parts = urlsplit(settings().public_url or self.router.headers.origin)
        home = f"{parts.scheme}://{parts.netloc}"
        self._show_access(row, access, language, home)
        self.script = f'<script src="{escape(home)}/web-chat/files/loader.js" data-token="{row.token}" async></script>'
        self.is_public = public_addresses.hooks_home() != ""
        path = f"/hooks/channels/{row.token}"
        self.webhook = public_addresses.shown_hook_address(path, self.router.headers.origin)
        self.trial_address = f"/web-chat/{row.token}/try?lang={language}"
        return row

    def _show_access(self, row: ChannelAccount, access: ShownAccess, language: str, home: str) -> None:
        """Show whether the channel accepts the account, and how messages come in."""
        self.outside_name, self.is_refused = row.outside_name, row.state == AccountState.REFUSED
        self.problem = translate(language, row.problem) if row.problem else ""
        push = channel_accounts.kind_of(row).push
        self.shown_access, self.verification = access.fields, access.verify_token
        self.bot_link = push.link(row.outside_name) if push is not None else ""
        ways = {"": "Setting up", receivers.POLLING: "Polling"}
        ways |= {receivers.POLLING: "Webhook"} if push is not None and push.always_polls else {}
        self.receives = translate(language, ways.get(access.mode, "Webhook"))
        if not row.enabled or self.is_refused:
            self.receives = translate(language, "Not receiving messages")


def _read(
    session: Transaction, who: Identity, account_id: str
) -> tuple[ChannelAccount, list[Option], Agent | None, ShownAccess]:
    row = channel_accounts.get(session, who, account_id)
    try:
        agent = agents.get(session, who, row.agent_id or "")
    except NotFound:
        agent = None
    return row, agent_options(session, who), agent, channel_access.shown(session, who, row)

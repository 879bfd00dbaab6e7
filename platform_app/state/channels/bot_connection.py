"""Bot connection: the dialog that connects a bot by its token, which is checked at its channel first."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.errors import Invalid, NotFound, Unavailable
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.models.person import Role
from platform_app.services.channels import channel_access, channel_accounts
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, handler

PUSH_CHANNELS = {kind.kind.value for kind in CHANNEL_KINDS.values() if kind.push is not None}


def joined_access(kind: Channel, form: dict[str, Any]) -> str:
    """Return the secret of an account from the fields of its form. Raises Invalid at a field."""
    push = CHANNEL_KINDS[kind].push
    assert push is not None
    return push.join_access({shown.name: str(form.get(shown.name, ""))[:5_000] for shown in push.access_fields})


class BotConnectionState(rx.State):
    """The dialog in which a bot is connected."""

    channel: str = ""  # a value of Channel, "" while no dialog is open
    problem: str = ""
    problem_field: str = ""

    @handler(Role.ADMIN)
    async def open_dialog(self, channel: str) -> None:
        """Open the dialog for a channel, or close it. Raises NotFound if the channel has no server."""
        if channel and channel not in PUSH_CHANNELS:
            raise NotFound("Channel not found.")
        self.channel, self.problem, self.problem_field = channel, "", ""

    @handler(Role.ADMIN)
    async def connect(self, form: dict[str, Any]) -> Any:
        """Check the token at its channel, connect the bot and open its page, or show the problem at its field."""
        values = {"name": str(form.get("name", ""))[:1_000], "agent_id": str(form.get("agent_id", ""))[:32]}
        self.problem, self.problem_field = "", ""
        if self.channel not in PUSH_CHANNELS:
            return None
        kind = Channel(self.channel)
        try:
            secret, tenant_id = joined_access(kind, form), (await current_identity(self)).tenant_id
            access = await asyncio.to_thread(channel_access.verify, kind, secret, tenant_id=tenant_id)
            values["name"] = values["name"].strip() or access.profile.name
            row = await call(self, channel_accounts.create, kind, access=access, **values)
        except (Invalid, NotFound, Unavailable) as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "agent_id"
            return None
        self.channel = ""
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/channels/{row.id}")

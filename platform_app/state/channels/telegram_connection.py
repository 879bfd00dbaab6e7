"""Telegram connection: the dialog that connects a bot by its token, which is checked at Telegram first."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.errors import Invalid, NotFound, Unavailable
from platform_app.i18n import translate
from platform_app.models.agent import Channel
from platform_app.models.person import Role
from platform_app.services.channels import channel_access, channel_accounts
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, handler


class TelegramConnectionState(rx.State):
    """The dialog in which a bot is connected."""

    is_open: bool = False
    problem: str = ""
    problem_field: str = ""

    @handler(Role.ADMIN)
    async def set_open(self, is_open: bool) -> None:
        """Open or close the dialog."""
        self.is_open, self.problem, self.problem_field = is_open, "", ""

    @handler(Role.ADMIN)
    async def connect(self, form: dict[str, Any]) -> Any:
        """Check the token at Telegram, connect the bot and open its page, or show the problem at its field."""
        values = {"name": str(form.get("name", ""))[:1_000], "agent_id": str(form.get("agent_id", ""))[:32]}
        self.problem, self.problem_field = "", ""
        try:
            access = await asyncio.to_thread(
                channel_access.verify, Channel.TELEGRAM, str(form.get("token", ""))[:1_000]
            )
            values["name"] = values["name"].strip() or access.profile.name
            row = await call(self, channel_accounts.create, Channel.TELEGRAM, access=access, **values)
        except (Invalid, NotFound, Unavailable) as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            self.problem_field = error.field or "agent_id"
            return None
        self.is_open = False
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/settings/channels/{row.id}")

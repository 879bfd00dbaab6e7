"""Agent channels: the channels on which an agent replies, and the way from its head to what is not published."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import Transaction
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.services.channels import channel_accounts
from platform_app.state.console.base import handler
from platform_app.state.console.page_address import replace_query


@dataclass
class AgentChannelLine:
    """A channel account on which the agent replies."""

    id: str
    name: str
    kind: str
    enabled: bool


class AgentChannels(rx.State, mixin=True):
    """A mixin with the channels of the agent that is edited."""

    channels: list[AgentChannelLine] = []

    @handler(Role.VIEWER)
    async def show_changes(self) -> Any:
        """Show in the history what the draft changes in the newest version."""
        if not self.versions:  # type: ignore[attr-defined]  # of VersionedEditor, beside it
            return None
        self.tab = "history"
        await self.compare(self.versions[0].id)  # type: ignore[attr-defined]  # of VersionedEditor, beside it
        return replace_query(tab="history")


def channel_lines(session: Transaction, who: Identity, agent_id: str, language: str) -> list[AgentChannelLine]:
    """Return the channel accounts of an agent, by name."""
    return [
        AgentChannelLine(row.id, row.name, translate(language, CHANNEL_KINDS[row.kind].label), row.enabled)
        for row in channel_accounts.list_accounts(session, who)
        if row.agent_id == agent_id
    ]

"""Drafting: text that is put into the composer: scripts with their variables filled, and suggestions of the agent."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.errors import PlatformError
from platform_app.hub import Update
from platform_app.i18n import translate
from platform_app.models.conversation import Message, MessageState
from platform_app.models.person import Role
from platform_app.services.chat import reply_streams
from platform_app.services.inbox import member_scripts, suggestions
from platform_app.state.chat.chat_view import SourceChip, source_chips
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.send_gate_words import figure_words
from platform_app.state.scripts.scripts import KINDS

MAX_PREVIEW_CHARS = 120
_STATES = {MessageState.STREAMING: "writing", MessageState.SUGGESTED: "ready"}


@dataclass
class ScriptOption:
    """A script that can be inserted."""

    id: str
    title: str
    preview: str  # its kind and the beginning of its text


class DraftingState(rx.State):
    """What may be put into the composer of the open conversation."""

    scripts: list[ScriptOption] = []
    insert_text: str = ""
    insert_count: int = 0  # incremented when `insert_text` is to be put into the field
    suggestion_id: str = ""
    suggestion_state: str = ""  # "", writing, ready, failed
    suggestion_name: str = ""
    suggestion_text: str = ""
    suggestion_error: str = ""
    suggestion_figures: str = ""  # those that stand in no source, as a sentence
    suggestion_sources: list[SourceChip] = []
    _conversation_id: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch scripts and suggestion for the conversation in the query of the address."""
        self._conversation_id = self.router.url.query_parameters.get("c", "")[:32]
        await self._fetch_scripts()
        await self._refresh()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Show the suggestion as it grows."""

        def concerns(update: Update) -> bool:
            return update.subject_id == self._conversation_id

        async for _ in subscribe(self, "conversation", concerns=concerns):
            async with self:
                await self._refresh()

    @handler(Role.OPERATOR)
    async def suggest(self) -> None:
        """Have the agent write a suggestion."""
        if self._conversation_id:
            row = await call(self, suggestions.start, self._conversation_id)
            reply_streams.start((await current_identity(self)).tenant_id, row.id, row.conversation_id)
            await self._refresh()

    @handler(Role.OPERATOR)
    async def use_suggestion(self) -> None:
        """Put the suggestion into the field."""
        self._insert(await call(self, suggestions.take, self._conversation_id))
        await self._refresh()

    @handler(Role.OPERATOR)
    async def dismiss_suggestion(self) -> None:
        """Remove the suggestion; one that is being written is stopped."""
        await call(self, suggestions.dismiss, self._conversation_id)
        await self._refresh()

    @handler(Role.OPERATOR)
    async def insert_script(self, script_id: str) -> None:
        """Put a script into the field."""
        self._insert(await fetch(self, member_scripts.fill, self._conversation_id, script_id[:32]))

    def _insert(self, text: str) -> None:
        self.insert_text, self.insert_count = text, self.insert_count + 1

    async def _fetch_scripts(self) -> None:
        language, found = (await current_user(self)).language, []
        if self._conversation_id:
            with suppress(PlatformError):  # the conversation says that it is gone
                found = await fetch(self, member_scripts.list_for, self._conversation_id)
        self.scripts = [
            ScriptOption(one.id, one.title, f"{translate(language, KINDS[one.kind])}: {one.text[:MAX_PREVIEW_CHARS]}")
            for one in found
        ]

    async def _refresh(self) -> None:
        row = await fetch(self, suggestions.get, self._conversation_id) if self._conversation_id else None
        self._show(row, (await current_user(self)).language)

    def _show(self, row: Message | None, language: str) -> None:
        if row is None:
            self.suggestion_id = self.suggestion_state = self.suggestion_text = self.suggestion_error = ""
            self.suggestion_figures = ""
            self.suggestion_sources = []
            return
        live: Any = reply_streams.find(row.id)
        self.suggestion_id, self.suggestion_name = row.id, row.author_name
        self.suggestion_state = _STATES.get(row.state, "failed")
        self.suggestion_text = live.text if live and row.state == MessageState.STREAMING else row.text
        self.suggestion_error = translate(language, row.error) if row.error else ""
        self.suggestion_figures = figure_words(row.figures, language)
        self.suggestion_sources = source_chips(row)

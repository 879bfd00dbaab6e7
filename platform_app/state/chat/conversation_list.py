"""Conversation list: search, renaming, deletion and undo of test conversations."""

from typing import Any

import reflex as rx

from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.chat import conversations
from platform_app.state.chat.chat_view import ConversationRow, build_conversation_row
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.undo import SoftDelete, Undo


class ConversationListState(Undo, rx.State):
    """The list of test conversations."""

    rows: list[ConversationRow] = []
    search: str = ""
    renaming: str = ""
    _undo_reopens: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the list."""
        self.renaming = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a conversation of the tenant changes."""
        async for _ in subscribe(self, "conversation"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> None:
        """Search titles and last lines."""
        self.search = search[:200]
        await self._fetch()

    @handler(Role.OPERATOR)
    async def begin_rename(self, conversation_id: str) -> None:
        """Open the title of a conversation for editing; "" closes it."""
        self.renaming = conversation_id

    @handler(Role.OPERATOR)
    async def rename(self, form: dict[str, Any]) -> None:
        """Save the edited title."""
        await call(self, conversations.rename, self.renaming, str(form.get("title", "")))
        self.renaming = ""
        await self._fetch()

    @handler(Role.OPERATOR)
    async def delete(self, conversation_id: str) -> Any:
        """Delete a conversation, close it if it is open, and offer to undo it."""
        row = await call(self, conversations.delete, conversation_id)
        self._undo_reopens = self.router.url.query_parameters.get("c") == conversation_id
        await self._fetch()
        leave = [browser.redirect(self.router.url.path)] if self._undo_reopens else []
        title = row.title or translate((await current_user(self)).language, "New conversation")
        return [*leave, await self._offer_undo(conversation_id, title)]

    @handler(Role.OPERATOR)
    async def undo(self) -> Any:
        """Restore the conversation deleted last, and open it if it was open."""
        self.undo_sentence = ""
        await call(self, conversations.restore, self._undo_id)
        await self._fetch()
        return browser.redirect(f"{self.router.url.path}?c={self._undo_id}") if self._undo_reopens else None

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(conversations.delete, conversations.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        listed = await fetch(self, conversations.list_test_conversations, search=self.search)
        rows = [build_conversation_row(row, identity, language) for row in listed]
        if self.rows != rows:
            self.rows = rows

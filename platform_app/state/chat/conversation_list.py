"""Conversation list: the conversations of the test chat, found, renamed, deleted and brought back."""

from typing import Any

import reflex as rx

from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.chat import conversations
from platform_app.state.chat.chat_view import ConversationRow, conversation_row
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.undo import SoftDelete, Undo


class ConversationListState(Undo, rx.State):
    """The conversations at the left."""

    rows: list[ConversationRow] = []
    search: str = ""
    renaming: str = ""
    _undo_opens: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the conversations."""
        self.renaming = ""
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Follow what is said and done anywhere in the tenant."""
        async for _ in subscribe(self, "conversation"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> None:
        """Search titles and last lines as one types."""
        self.search = search[:200]
        await self._fetch()

    @handler(Role.OPERATOR)
    async def begin_rename(self, conversation_id: str) -> None:
        """Change a title in place; nothing named: leave it as it was."""
        self.renaming = conversation_id

    @handler(Role.OPERATOR)
    async def rename(self, form: dict[str, Any]) -> None:
        """Give the conversation another title."""
        await call(self, conversations.rename, self.renaming, str(form.get("title", "")))
        self.renaming = ""
        await self._fetch()

    @handler(Role.OPERATOR)
    async def delete(self, conversation_id: str) -> Any:
        """Take a conversation away; it can be brought back for ten seconds."""
        row = await call(self, conversations.delete, conversation_id)
        self._undo_opens = self.router.url.query_parameters.get("c") == conversation_id
        await self._fetch()
        leave = [browser.redirect(self.router.url.path)] if self._undo_opens else []
        title = row.title or translate((await current_user(self)).language, "New conversation")
        return [*leave, await self._offer_undo(conversation_id, title)]

    @handler(Role.OPERATOR)
    async def undo(self) -> Any:
        """Bring the conversation deleted last back, and open it again if it was open."""
        self.undo_sentence = ""
        await call(self, conversations.restore, self._undo_id)
        await self._fetch()
        return browser.redirect(f"{self.router.url.path}?c={self._undo_id}") if self._undo_opens else None

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(conversations.delete, conversations.restore)

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        found = await fetch(self, conversations.list_test_conversations, search=self.search)
        rows = [conversation_row(row, identity, language) for row in found]
        if self.rows != rows:
            self.rows = rows

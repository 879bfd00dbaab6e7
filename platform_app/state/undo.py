"""Undo: the offer to bring back what was deleted last, for a while."""

import asyncio
from typing import Any

import reflex as rx

from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.state.base import handler, person

SECONDS = 10


class Undo(rx.State, mixin=True):
    """A list whose deleted rows can be brought back; it adds the handler `undo`."""

    undo_sentence: str = ""
    _undo_id: str = ""

    async def _offer_undo(self, subject_id: str, title: str) -> Any:
        """Show the offer; return the event that takes it away again."""
        self._undo_id = subject_id
        self.undo_sentence = translate((await person(self)).language, "“{title}” is deleted.", title=title)
        return type(self).forget_undo(subject_id)

    @handler(Role.OPERATOR, background=True)
    async def forget_undo(self, subject_id: str) -> None:
        """Take the offer away when its time is over."""
        await asyncio.sleep(SECONDS)
        async with self:
            if self._undo_id == subject_id:
                self.undo_sentence = ""

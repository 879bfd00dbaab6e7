"""Undo: the offer to bring back what was deleted last, for a while."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.state.console import browser
from platform_app.state.console.base import call, handler, person, say

SECONDS = 10


RowFunction = Callable[[Transaction, Identity, str], Any]


@dataclass(frozen=True)
class SoftDelete:
    """The service functions that delete a row and restore it; each takes the row's id and returns the row."""

    delete: RowFunction
    restore: RowFunction


class Undo(rx.State, mixin=True):
    """A list whose deleted rows can be brought back for a while."""

    undo_sentence: str = ""
    _undo_id: str = ""
    _undo_more: list[str] = []  # deleted together with it

    @abstractmethod
    def _soft_delete(self) -> SoftDelete:
        """Return how the rows of this list are deleted and restored."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Draw the list anew."""

    def _forget(self, row_id: str) -> None:
        """Keep nothing more of a row that was deleted."""

    @handler(Role.OPERATOR)
    async def delete(self, row_id: str) -> Any:
        """Take a row away; return the event that ends the offer to bring it back."""
        row = await call(self, self._soft_delete().delete, row_id)
        self._forget(row_id)
        await self._fetch()
        return await self._offer_undo(row_id, getattr(row, "title", "") or getattr(row, "name", ""))

    @handler(Role.OPERATOR)
    async def undo(self) -> Any:
        """Bring back what was deleted last."""
        self.undo_sentence = ""
        await call(self, _each, self._soft_delete().restore, [self._undo_id, *self._undo_more])
        await self._fetch()
        return await say(self, "It is back.")

    async def _offer_undo(self, row_id: str, title: str) -> Any:
        """Show the offer; return the event that takes it away again."""
        self._undo_id, self._undo_more = row_id, []
        self.undo_sentence = translate((await person(self)).language, "“{title}” is deleted.", title=title)
        return browser.chain(type(self).forget_undo, row_id)

    async def _delete_all(self, row_ids: list[str], one: str, many: str) -> Any:
        """Take rows away together; return the event that ends the offer to bring them back."""
        if not row_ids:
            return None
        await call(self, _each, self._soft_delete().delete, row_ids)
        await self._fetch()
        self._undo_id, self._undo_more = row_ids[0], row_ids[1:]
        self.undo_sentence = plural((await person(self)).language, one, many, len(row_ids))
        return browser.chain(type(self).forget_undo, row_ids[0])

    @handler(Role.OPERATOR, background=True)
    async def forget_undo(self, subject_id: str) -> None:
        """Take the offer away when its time is over."""
        await asyncio.sleep(SECONDS)
        async with self:
            if self._undo_id == subject_id:
                self.undo_sentence = ""


def _each(session: Transaction, who: Identity, act: Any, row_ids: list[str]) -> None:
    """Do one thing with several rows in one transaction."""
    for row_id in row_ids:
        act(session, who, row_id)

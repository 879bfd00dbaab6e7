"""Undo: the offer to restore the rows that were deleted last."""

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
from platform_app.state.console.base import call, current_user, handler, success_toast

SECONDS = 10  # for which the offer is shown


RowFunction = Callable[[Transaction, Identity, str], Any]


@dataclass(frozen=True)
class SoftDelete:
    """The service functions that delete a row and restore it; each takes the row's id and returns the row."""

    delete: RowFunction
    restore: RowFunction


class Undo(rx.State, mixin=True):
    """A mixin for a list whose deleted rows can be restored while the offer is shown."""

    undo_sentence: str = ""
    _undo_id: str = ""
    _undo_others: list[str] = []  # the others of the same bulk action

    @abstractmethod
    def _soft_delete(self) -> SoftDelete:
        """Return how the rows of this list are deleted and restored."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Read the list again."""

    def _deselect(self, row_id: str) -> None:
        """Take a deleted row out of the selection, where the list has one."""

    @handler(Role.OPERATOR)
    async def delete(self, row_id: str) -> Any:
        """Delete a row and offer to undo it; return the event that ends the offer."""
        return await self._delete_one(row_id)

    @handler(Role.OPERATOR)
    async def undo(self) -> Any:
        """Restore the rows that were deleted last."""
        return await self._restore_last()

    async def _delete_one(self, row_id: str) -> Any:
        row = await call(self, self._soft_delete().delete, row_id)
        self._deselect(row_id)
        await self._fetch()
        titles = (getattr(row, column, "") for column in ("title", "name", "text"))
        return await self._offer_undo(row_id, next(filter(None, titles), ""))

    async def _restore_last(self) -> Any:
        self.undo_sentence = ""
        await call(self, _for_each, self._soft_delete().restore, [self._undo_id, *self._undo_others])
        await self._fetch()
        return await success_toast(self, "Restored.")

    async def _offer_undo(self, row_id: str, title: str) -> Any:
        """Show the offer to undo; return the event that hides it after SECONDS."""
        self._undo_id, self._undo_others = row_id, []
        self.undo_sentence = translate((await current_user(self)).language, "“{title}” is deleted.", title=title)
        return browser.call_handler(type(self).expire_undo, row_id)

    async def _delete_many(self, row_ids: list[str], one: str, many: str) -> Any:
        """Delete rows in one transaction and offer to undo it; return the event that ends the offer."""
        if not row_ids:
            return None
        await call(self, _for_each, self._soft_delete().delete, row_ids)
        await self._fetch()
        self._undo_id, self._undo_others = row_ids[0], row_ids[1:]
        self.undo_sentence = plural((await current_user(self)).language, one, many, len(row_ids))
        return browser.call_handler(type(self).expire_undo, row_ids[0])

    @handler(Role.OPERATOR, background=True)
    async def expire_undo(self, subject_id: str) -> None:
        """Hide the offer for a row after SECONDS."""
        await self._expire(subject_id)

    async def _expire(self, subject_id: str) -> None:
        await asyncio.sleep(SECONDS)
        async with self:
            if self._undo_id == subject_id:
                self.undo_sentence = ""


def _for_each(session: Transaction, who: Identity, function: RowFunction, row_ids: list[str]) -> None:
    """Call a service function for each of several rows."""
    for row_id in row_ids:
        function(session, who, row_id)

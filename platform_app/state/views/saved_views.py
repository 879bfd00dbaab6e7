"""Saved views: the named filters of the list in the address, opened, saved and removed."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import Invalid, PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Identity, Role
from platform_app.models.saved_view import SavedView, ViewedList
from platform_app.services.views import saved_views
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.undo import SoftDelete, Undo

LISTS = {
    "leads": ViewedList.LEADS,
    "contacts": ViewedList.CONTACTS,
    "inbox": ViewedList.INBOX,
    "rules/runs": ViewedList.RUNS,
}


@dataclass
class SavedViewRow:
    """A saved view with its address."""

    id: str
    name: str
    link: str
    is_shared: bool
    may_remove: bool
    is_current: bool


class SavedViewsState(Undo, rx.State):
    """The saved views of the list in the address."""

    rows: list[SavedViewRow] = []
    can_save: bool = False  # the address has filters
    is_open: bool = False
    problem: str = ""
    saved_count: int = 0  # changes with every view that is saved, which empties the form
    _query: str = ""  # the filters of the address when the list of views was opened

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the views of the list in the address."""
        self.is_open, self.undo_sentence, self.problem = False, "", ""
        self._query = saved_views.filters_of(self._list(), urlencode(self.router.url.query_parameters))
        await self._fetch()

    @handler(Role.VIEWER)
    async def toggle(self, is_open: bool) -> None:
        """Open or close the list of views."""
        self.is_open, self.problem = is_open, ""

    @handler(Role.VIEWER)
    async def note_query(self, query: str) -> None:
        """Take the query of the address as the browser shows it, and fetch the views again."""
        if self._path() not in LISTS:  # the member has gone to another page meanwhile
            return
        self._query = saved_views.filters_of(self._list(), query)
        await self._fetch()

    @handler(Role.VIEWER)
    async def save(self, form: dict[str, Any]) -> Any:
        """Save the filters of the address under a name, or show the problem."""
        shared = form.get("shared") in ("on", True, "true")
        try:
            await call(
                self,
                saved_views.create,
                self._list(),
                name=str(form.get("name", ""))[:200],
                query=self._query,
                shared=shared,
            )
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
            return None
        self.problem, self.saved_count = "", self.saved_count + 1
        await self._fetch()
        return await success_toast(self, "View saved.")

    @handler(Role.VIEWER)
    async def delete(self, row_id: str) -> Any:
        """Remove a view and offer to undo it; return the event that ends the offer."""
        return await self._delete_one(row_id[:32])

    @handler(Role.VIEWER)
    async def undo(self) -> Any:
        """Restore the view that was removed last."""
        return await self._restore_last()

    @handler(Role.VIEWER, background=True)
    async def expire_undo(self, subject_id: str) -> None:
        """Hide the offer to restore a view after a while."""
        await self._expire(subject_id)

    def _list(self) -> ViewedList:
        """Return the list in the address. Raises Invalid if it has no views."""
        if self._path() not in LISTS:
            raise Invalid("This value isn’t allowed.")
        return LISTS[self._path()]

    def _path(self) -> str:
        """Return the path of the page below the tenant's."""
        return "/".join(self.router.url.path.strip("/").split("/")[2:])

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(saved_views.remove, saved_views.restore)

    async def _fetch(self) -> None:
        who, viewed = await current_identity(self), self._list()
        path = self.router.url.path
        self.can_save = bool(self._query)
        self.rows = [
            SavedViewRow(
                row.id,
                row.name,
                f"{path}?{row.query}",
                row.is_shared,
                saved_views.may_remove(who, row),
                row.query == self._query,
            )
            for row in await fetch(self, _read, viewed)
        ]


def _read(session: Transaction, who: Identity, viewed: ViewedList) -> list[SavedView]:
    return saved_views.list_views(session, who, viewed)

"""List page: search, sorting, pagination and selection of a list, kept in the query of the address."""

from abc import abstractmethod
from collections.abc import Container, Mapping
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.i18n import plural
from platform_app.models.person import Role
from platform_app.state.console import browser
from platform_app.state.console.base import current_user, handler

SIZES = ("25", "50", "100")
MAX_SELECTED = 1_000


class ListPage(rx.State, mixin=True):
    """A mixin for a list with search, sorting, pagination and bulk actions on selected rows."""

    search: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 1
    pages: int = 1
    size: str = "25"
    total: int = 0
    total_words: str = ""
    rows: list[Any] = []
    selected: list[str] = []
    loaded: bool = False

    @abstractmethod
    async def _apply_filters(self) -> Any:
        """Fetch the rows for the current parameters; return the event that writes these into the address."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Read the rows of the current page from the database."""

    def _read_query(self, sorts: Container[str], default: str) -> Mapping[str, str]:
        """Set search, sort, page and page size from the query of the address; return the whole query."""
        query = self.router.url.query_parameters
        self.search = query.get("q", "")[:200]
        order = query.get("sort", default)
        order = order if order.lstrip("-") in sorts else default
        self.descending, self.sort = order.startswith("-"), order.lstrip("-")
        self.size = query.get("size", "25") if query.get("size") in SIZES else "25"
        self.page = parse_whole(query.get("page", "1"), 99_999) or 1
        self.selected = []
        return query

    def _query_values(self, default: str) -> dict[str, str]:
        """Return the query parameters of the list; a default is ""."""
        order = ("-" if self.descending else "") + self.sort
        return {
            "q": self.search,
            "sort": "" if order == default else order,
            "size": "" if self.size == "25" else self.size,
            "page": "" if self.page == 1 else str(self.page),
        }

    def _set_total(self, total: int) -> None:
        self.total, self.pages = total, max(1, -(-total // int(self.size)))
        self.page = min(self.page, self.pages)

    def _deselect(self, row_id: str) -> None:
        self.selected = [one for one in self.selected if one != row_id]

    @handler(Role.VIEWER)
    async def set_search(self, search: str) -> Any:
        """Search for a text."""
        self.search, self.page, self.selected = search[:200], 1, []
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def sort_by(self, column: str) -> Any:
        """Sort by a column, or reverse the order if the list is sorted by it."""
        self.descending = not self.descending if self.sort == column else column not in ("name", "title")
        self.sort = column[:20]
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def set_page_size(self, size: str) -> Any:
        """Set the number of rows on a page."""
        self.size, self.page = (size if size in SIZES else "25"), 1
        return await self._apply_filters()

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Go to a page, counted from 1."""
        self.page = max(1, min(page, self.pages))
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def select_row(self, row_id: str, selected: bool) -> None:
        """Add a row to the selection or take it out."""
        others = [one for one in self.selected if one != row_id]
        self.selected = [*others, row_id[:32]][-MAX_SELECTED:] if selected else others

    @handler(Role.OPERATOR)
    async def select_all(self, selected: bool) -> None:
        """Select every row of this page, or none."""
        self.selected = [row.id for row in self.rows] if selected else []

    async def _finish_bulk_action(self, one: str, many: str, count: int) -> Any:
        """Clear the selection and read the list again; return a toast with the number of rows changed."""
        self.selected = []
        await self._fetch()
        return browser.toast_success(plural((await current_user(self)).language, one, many, count))

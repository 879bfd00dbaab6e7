"""Listed: what every long list shares: search, sort and pages in the address, and rows chosen together."""

from abc import abstractmethod
from collections.abc import Container, Mapping
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.i18n import plural
from platform_app.models.person import Role
from platform_app.state.console import browser
from platform_app.state.console.base import handler, person

SIZES = ("25", "50", "100")
MOST_CHOSEN = 1_000


class Listed(rx.State, mixin=True):
    """A list that is searched, sorted, turned by pages and acted on together."""

    search: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 1
    pages: int = 1
    size: str = "25"
    total: int = 0
    total_words: str = ""
    rows: list[Any] = []
    chosen: list[str] = []
    loaded: bool = False

    @abstractmethod
    async def _changed(self) -> Any:
        """Fetch what is asked for now; return the event that keeps it in the address."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Draw the list anew."""

    def _read_address(self, sorts: Container[str], default: str) -> Mapping[str, str]:
        """Take search, sort, page and size from the address; return the whole query."""
        asked = self.router.url.query_parameters
        self.search = asked.get("q", "")[:200]
        wished = asked.get("sort", default)
        wished = wished if wished.lstrip("-") in sorts else default
        self.descending, self.sort = wished.startswith("-"), wished.lstrip("-")
        self.size = asked.get("size", "25") if asked.get("size") in SIZES else "25"
        self.page = parse_whole(asked.get("page", "1"), 99_999) or 1
        self.chosen = []
        return asked

    def _in_address(self, default: str) -> dict[str, str]:
        """Return what the address keeps of the list."""
        order = ("-" if self.descending else "") + self.sort
        return {
            "q": self.search,
            "sort": "" if order == default else order,
            "size": "" if self.size == "25" else self.size,
            "page": "" if self.page == 1 else str(self.page),
        }

    def _count_pages(self, total: int) -> None:
        self.total, self.pages = total, max(1, -(-total // int(self.size)))
        self.page = min(self.page, self.pages)

    def _forget(self, row_id: str) -> None:
        self.chosen = [one for one in self.chosen if one != row_id]

    @handler(Role.VIEWER)
    async def type_search(self, search: str) -> Any:
        """Search as one types."""
        self.search, self.page, self.chosen = search[:200], 1, []
        return await self._changed()

    @handler(Role.VIEWER)
    async def sort_by(self, column: str) -> Any:
        """Sort by a column, or turn its order round."""
        self.descending = not self.descending if self.sort == column else column not in ("name", "title")
        self.sort = column[:20]
        return await self._changed()

    @handler(Role.VIEWER)
    async def choose_size(self, size: str) -> Any:
        """Set how many rows a page has."""
        self.size, self.page = (size if size in SIZES else "25"), 1
        return await self._changed()

    @handler(Role.VIEWER)
    async def turn(self, page: int) -> Any:
        """Turn to a page."""
        self.page = max(1, min(page, self.pages))
        return await self._changed()

    @handler(Role.OPERATOR)
    async def choose_row(self, row_id: str, chosen: bool) -> None:
        """Choose a row for what is done with several, or not."""
        others = [one for one in self.chosen if one != row_id]
        self.chosen = [*others, row_id[:32]][-MOST_CHOSEN:] if chosen else others

    @handler(Role.OPERATOR)
    async def choose_all(self, chosen: bool) -> None:
        """Choose every row of this page, or none."""
        self.chosen = [row.id for row in self.rows] if chosen else []

    async def _after_all(self, one: str, many: str, count: int) -> Any:
        """Say with how many rows something was done, and choose none."""
        self.chosen = []
        await self._fetch()
        return browser.success(plural((await person(self)).language, one, many, count))

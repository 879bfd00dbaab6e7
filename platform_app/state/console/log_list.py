"""Log list: filters and pagination of a log, kept in the query of the address."""

from abc import abstractmethod
from collections.abc import Container
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.models.person import Role
from platform_app.state.console.base import handler
from platform_app.state.console.page_address import replace_query

ALL = "all"
LAST_PAGE = 10_000


class LogList(rx.State, mixin=True):
    """A mixin for a log with filters and pagination. A filter is a var of the subclass, "all" or a value."""

    page: int = 1
    has_more: bool = False
    loaded: bool = False

    @abstractmethod
    def _filters(self) -> dict[str, Container[str] | None]:
        """Return the allowed values by name of filter; None allows any id."""

    def _page_name(self) -> str:
        """Return the name of the page in the query; a second log of a page has its own."""
        return "page"

    @abstractmethod
    async def _fetch(self) -> None:
        """Read the rows of the current page from the database."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set filters and page from the query of the address, and fetch."""
        query = self.router.url.query_parameters
        for name in self._filters():
            self._assign_filter(name, query.get(name, ALL))
        self.page = parse_whole(query.get(self._page_name(), "1"), LAST_PAGE) or 1
        await self._fetch()

    @handler(Role.VIEWER)
    async def go_to_page(self, page: int) -> Any:
        """Go to a page, counted from 1."""
        self.page = max(1, min(page, LAST_PAGE))
        return await self._apply_filters()

    async def _set_filter(self, name: str, value: str) -> Any:
        """Set a filter and fetch; return the event that writes it into the address."""
        self._assign_filter(name, value)
        self.page = 1
        return await self._apply_filters()

    def _assign_filter(self, name: str, value: str) -> None:
        allowed = self._filters()[name]
        setattr(self, name, value[:32] if allowed is None or value in allowed else ALL)

    def _filter_arguments(self, **parameters: str) -> dict[str, Any]:
        """Return the filter values by name of the service's parameter; "all" becomes ""."""
        values = {parameter: getattr(self, name) for parameter, name in parameters.items()}
        return {parameter: "" if value == ALL else value for parameter, value in values.items()}

    async def _apply_filters(self) -> Any:
        await self._fetch()
        values = {name: getattr(self, name) for name in self._filters()}
        return replace_query(**values, **{self._page_name(): "" if self.page == 1 else str(self.page)})

"""Log list: what every log shares: filters and pages in the address."""

from abc import abstractmethod
from collections.abc import Container
from typing import Any

import reflex as rx

from platform_app.automation.values import parse_whole
from platform_app.models.person import Role
from platform_app.state.console.base import handler
from platform_app.state.console.page_address import keep_in_address

ALL = "all"
LAST_PAGE = 10_000


class LogList(rx.State, mixin=True):
    """A log that is filtered and turned by pages; a filter is a var of the page that is "all" or a value."""

    page: int = 1
    has_more: bool = False
    loaded: bool = False

    @abstractmethod
    def _filters(self) -> dict[str, Container[str] | None]:
        """Return the names of the filters, each with the values it takes; None: any id."""

    @abstractmethod
    async def _fetch(self) -> None:
        """Draw the log anew."""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Read the filters from the address, and fetch."""
        asked = self.router.url.query_parameters
        for name in self._filters():
            self._take(name, asked.get(name, ALL))
        self.page = parse_whole(asked.get("page", "1"), LAST_PAGE) or 1
        await self._fetch()

    @handler(Role.VIEWER)
    async def turn(self, page: int) -> Any:
        """Turn to a page."""
        self.page = max(1, min(page, LAST_PAGE))
        return await self._changed()

    async def _narrow(self, name: str, value: str) -> Any:
        """Show what fits one filter more; return the event that keeps it in the address."""
        self._take(name, value)
        self.page = 1
        return await self._changed()

    def _take(self, name: str, value: str) -> None:
        allowed = self._filters()[name]
        setattr(self, name, value[:32] if allowed is None or value in allowed else ALL)

    def _asked(self, **columns: str) -> dict[str, Any]:
        """Return what is asked for, by the name it has where it is read; "" where all is."""
        values = {column: getattr(self, name) for column, name in columns.items()}
        return {column: "" if value == ALL else value for column, value in values.items()}

    async def _changed(self) -> Any:
        await self._fetch()
        kept = {name: getattr(self, name) for name in self._filters()}
        return keep_in_address(**kept, page="" if self.page == 1 else str(self.page))

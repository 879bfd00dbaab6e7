"""Categories: the tree of knowledge categories, for the knowledge page and the agent editor."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.errors import PlatformError
from platform_app.i18n import translate
from platform_app.models.person import Role
from platform_app.services.knowledge import categories
from platform_app.state.console.base import call, current_user, fetch, handler

NO_PARENT = "none"


@dataclass
class CategoryRow:
    """A category; `label` is prefixed by its depth in the tree."""

    id: str
    name: str
    label: str
    indent: str  # CSS length
    first: bool = False  # among its siblings
    last: bool = False


class CategoryState(rx.State):
    """The categories of the tenant."""

    rows: list[CategoryRow] = []
    is_open: bool = False
    problem: str = ""
    form_key: int = 0  # incremented when a category was added, which clears the form

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the categories and close the panel."""
        self.is_open, self.problem = False, ""
        await self._fetch()

    @handler(Role.OPERATOR)
    async def show(self, is_open: bool) -> None:
        """Open or close the panel that edits the categories."""
        self.is_open, self.problem = is_open, ""

    @handler(Role.OPERATOR)
    async def add(self, form: dict[str, Any]) -> None:
        """Create a category, at the top level or inside another one."""
        parent = str(form.get("parent") or NO_PARENT)
        await self._change(categories.add, str(form.get("name", "")), parent_id=None if parent == NO_PARENT else parent)
        self.form_key += not self.problem

    @handler(Role.OPERATOR)
    async def rename(self, category_id: str, name: str) -> None:
        """Rename a category when its field loses the focus."""
        if any(row.id == category_id and row.name == name for row in self.rows):
            return
        await self._change(categories.rename, category_id, name)

    @handler(Role.OPERATOR)
    async def move(self, category_id: str, up: bool) -> None:
        """Move a category up or down among its siblings."""
        await self._change(categories.move, category_id, up=up)

    @handler(Role.OPERATOR)
    async def delete(self, category_id: str) -> None:
        """Delete a category; its content moves to the parent."""
        await self._change(categories.delete, category_id)

    async def _change(self, service: Any, *given: Any, **named: Any) -> None:
        try:
            await call(self, service, *given, **named)
            self.problem = ""
        except PlatformError as error:
            self.problem = translate((await current_user(self)).language, error.sentence, **error.values)
        await self._fetch()

    async def _fetch(self) -> None:
        listed = await fetch(self, categories.list_categories)
        siblings: dict[str | None, list[str]] = {}
        for row, _ in listed:
            siblings.setdefault(row.parent_id, []).append(row.id)
        self.rows = [
            CategoryRow(
                id=row.id,
                name=row.name,
                label=f"{'— ' * depth}{row.name}",
                indent=f"{depth * 20}px",
                first=siblings[row.parent_id][0] == row.id,
                last=siblings[row.parent_id][-1] == row.id,
            )
            for row, depth in listed
        ]

"""Contacts: the list of contacts with search, sorting, tags and bulk actions."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.models.crm import Contact
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, tags
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.list_page import ListPage
from platform_app.state.console.live_updates import subscribe
from platform_app.state.console.page_address import replace_query
from platform_app.state.console.undo import SoftDelete, Undo

DEFAULT_ORDER = "-updated"


@dataclass
class ContactRow:
    """A contact in the list."""

    id: str
    name: str
    phone: str
    email: str
    tags: list[str]
    when: str
    exact: str


class ContactsState(ListPage, Undo, rx.State):
    """The list of contacts."""

    rows: list[ContactRow] = []
    tag: str = ""
    adding: bool = False

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Set search, sorting, tag and page from the address, and fetch."""
        asked = self._read_query(contacts.SORT_KEYS, DEFAULT_ORDER)
        self.tag, self.undo_sentence, self.adding = asked.get("tag", "")[:60], "", False
        await self._fetch()

    @handler(Role.VIEWER, background=True)
    async def watch(self) -> None:
        """Fetch the list again when a contact changes."""
        async for _ in subscribe(self, "contact", "import"):
            async with self:
                await self._fetch()

    @handler(Role.VIEWER)
    async def filter_tag(self, tag: str) -> Any:
        """Show the contacts with a tag, "" for all."""
        self.tag, self.page, self.selected = tag[:60], 1, []
        return await self._apply_filters()

    @handler(Role.OPERATOR)
    async def create(self) -> Any:
        """Create a contact and open its card."""
        name = translate((await current_user(self)).language, "New contact")
        made = await call(self, contacts.create, name=name)
        return browser.redirect(f"/manage/{(await current_identity(self)).slug}/contacts/{made.id}")

    @handler(Role.OPERATOR)
    async def tag_selected(self, form: dict[str, Any]) -> Any:
        """Add a tag to the selected contacts."""
        count = await call(self, tags.add_tag, self.selected, str(form.get("tag", "")), target=contacts)
        return await self._finish_bulk_action("{count} contact tagged", "{count} contacts tagged", count)

    @handler(Role.OPERATOR)
    async def delete_selected(self) -> Any:
        """Delete the selected contacts."""
        selected, self.selected = self.selected, []
        return await self._delete_many(selected, "{count} contact deleted", "{count} contacts deleted")

    @rx.var
    def is_filtered(self) -> bool:
        """Whether search or tag are set."""
        return bool(self.search or self.tag)

    def _soft_delete(self) -> SoftDelete:
        return SoftDelete(contacts.delete, contacts.restore)

    async def _apply_filters(self) -> Any:
        await self._fetch()
        return replace_query(tag=self.tag, **self._query_values(DEFAULT_ORDER))

    async def _fetch(self) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        sort = self.sort if self.sort in contacts.SORT_KEYS else "updated"
        found, total = await fetch(
            self,
            contacts.list_contacts,
            search=self.search,
            tag=self.tag,
            sort=sort,
            descending=self.descending,
            page=self.page,
            page_size=int(self.size),
        )
        self._set_total(total)
        self.rows = [_row(row, identity, language) for row in found]
        self.total_words = plural(language, "{count} contact", "{count} contacts", total)
        self.loaded = True


def _row(row: Contact, identity: Identity, language: str) -> ContactRow:
    return ContactRow(
        id=row.id,
        name=row.name,
        phone=row.phone,
        email=row.email,
        tags=row.tags,
        when=relative_time(language, row.updated_at, now(), identity.time_zone),
        exact=exact_time(language, row.updated_at, identity.time_zone),
    )

"""Command palette: navigation by keyboard, in both languages and on the wrong keyboard layout."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.engine.rules import rules
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.i18n import lookup
from platform_app.models.person import Role
from platform_app.services.agents import agents
from platform_app.services.crm import contacts, leads
from platform_app.state.console import browser
from platform_app.state.console.base import current_identity, current_user, fetch, handler

DESTINATIONS = [
    ("Dashboard", ""),
    ("Inbox", "/inbox"),
    ("Test chat", "/test-chat"),
    ("Contacts", "/contacts"),
    ("Import contacts", "/contacts/import"),
    ("Leads", "/leads"),
    ("Tasks", "/tasks"),
    ("Agents", "/agents"),
    ("Rules", "/rules"),
    ("Runs", "/rules/runs"),
    ("Sequences", "/sequences"),
    ("Enrollments", "/sequences/enrollments"),
    ("Calendar", "/sequences/calendar"),
    ("Events", "/events"),
    ("Knowledge", "/knowledge"),
    ("Jobs", "/jobs"),
    ("Webhooks", "/webhooks"),
    ("Integrations", "/integrations"),
    ("Settings", "/settings"),
    ("Bin", "/settings/bin"),
    ("Pipelines and fields", "/settings/crm"),
    ("Channels", "/settings/channels"),
    ("E-mail", "/settings/mail"),
    ("Members", "/settings/members"),
    ("Sign-in and security", "/settings/security"),
    ("Notifications", "/settings/notifications"),
]
MAX_ENTRIES = len(DESTINATIONS) + 3  # every page, and some rows
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбю"
_SWAPPED = str.maketrans(_LATIN + _CYRILLIC, _CYRILLIC + _LATIN)


@dataclass
class Entry:
    """A destination: its label, its kind and its address."""

    words: str
    kind: str
    address: str


def matches(wanted: str, *texts: str) -> bool:
    """Return whether any text contains the query, also when it was typed on the other keyboard layout."""
    wanted = wanted.strip().lower()
    return any(typed in text.lower() for typed in (wanted, wanted.translate(_SWAPPED)) for text in texts)


class PaletteState(rx.State):
    """The command palette: whether it is open, the query and the matching entries."""

    is_open: bool = False
    entries: list[Entry] = []
    selected: int = 0
    _query: str = ""

    @handler(Role.VIEWER)
    async def open_palette(self) -> None:
        """Open the palette with every destination."""
        self.is_open = True
        await self._search("")

    @handler(Role.VIEWER)
    async def set_open(self, is_open: bool) -> None:
        """Open or close the palette."""
        self.is_open = is_open

    @handler(Role.VIEWER)
    async def search(self, wanted: str) -> None:
        """List the entries that match a query."""
        await self._search(wanted[:100])

    @handler(Role.VIEWER)
    async def press(self, key: str) -> None:
        """Move the selection with the arrow keys."""
        if key == "ArrowDown":
            self.selected = min(self.selected + 1, max(len(self.entries) - 1, 0))
        elif key == "ArrowUp":
            self.selected = max(self.selected - 1, 0)

    @handler(Role.VIEWER)
    async def open_selected(self, form: dict[str, Any]) -> Any:
        """Open the selected entry. Searches first if the form was submitted before the list was updated."""
        wanted = str(form.get("wanted", ""))[:100]
        if wanted != self._query:
            await self._search(wanted)
        if not self.entries:
            return None
        self.is_open = False
        return browser.redirect(self.entries[min(self.selected, len(self.entries) - 1)].address)

    async def _search(self, wanted: str) -> None:
        identity = await current_identity(self)
        language = (await current_user(self)).language
        base = f"/manage/{identity.slug}"
        found = [
            Entry(lookup(language, name), lookup(language, "Page"), base + path)
            for name, path in DESTINATIONS
            if matches(wanted, name, lookup("ru", name))
        ]
        rows, _ = await fetch(self, agents.list_agents, page_size=200)
        found += [
            Entry(row.name, lookup(language, "Agent"), f"{base}/agents/{row.id}")
            for row in rows
            if matches(wanted, row.name)
        ]
        found += [
            Entry(row.name, lookup(language, "Rule"), f"{base}/rules/{row.id}")
            for row in await fetch(self, rules.DEFINITIONS.of_tenant)
            if wanted.strip() and matches(wanted, row.name)
        ]
        found += [
            Entry(row.name, lookup(language, "Sequence"), f"{base}/sequences/{row.id}")
            for row in await fetch(self, DEFINITIONS.of_tenant)
            if wanted.strip() and matches(wanted, row.name)
        ]
        if wanted.strip():
            found += await self._contacts_and_leads(wanted, base)
        self._query, self.entries = wanted, found[:MAX_ENTRIES]
        self.selected = 0

    async def _contacts_and_leads(self, wanted: str, base: str) -> list[Entry]:
        """Return the contacts and leads that match a query in either keyboard layout."""
        language = (await current_user(self)).language
        found: list[Entry] = []
        for typed in dict.fromkeys((wanted, wanted.translate(_SWAPPED))):
            people, _ = await fetch(self, contacts.list_contacts, search=typed, page_size=4)
            deals, _ = await fetch(self, leads.list_leads, search=typed, page_size=4)
            found += [Entry(row.name, lookup(language, "Contact"), f"{base}/contacts/{row.id}") for row in people]
            found += [Entry(row.title, lookup(language, "Lead"), f"{base}/leads/{row.id}") for row in deals]
        return found

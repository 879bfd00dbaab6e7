"""Palette: go anywhere from the keyboard, in both languages and on the wrong keyboard layout."""

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
from platform_app.state.console.base import handler, look, person, who

PLACES = [
    ("Dashboard", ""),
    ("Test chat", "/test-chat"),
    ("Contacts", "/contacts"),
    ("Import contacts", "/contacts/import"),
    ("Leads", "/leads"),
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
    ("Settings", "/settings"),
    ("Pipelines and fields", "/settings/crm"),
    ("E-mail", "/settings/mail"),
]
MOST = 22
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбю"
_SWAPPED = str.maketrans(_LATIN + _CYRILLIC, _CYRILLIC + _LATIN)


@dataclass
class Entry:
    """A place to go: its words, what it is, its address."""

    words: str
    kind: str
    address: str


def matches(wanted: str, *texts: str) -> bool:
    """Tell whether any text holds what was typed, also when typed on the other keyboard layout."""
    wanted = wanted.strip().lower()
    return any(typed in text.lower() for typed in (wanted, wanted.translate(_SWAPPED)) for text in texts)


class PaletteState(rx.State):
    """The palette: open or not, what was typed, what fits."""

    is_open: bool = False
    entries: list[Entry] = []
    chosen: int = 0
    _wanted: str = ""

    @handler(Role.VIEWER)
    async def show(self) -> None:
        """Open the palette with everything."""
        self.is_open = True
        await self._find("")

    @handler(Role.VIEWER)
    async def set_open(self, is_open: bool) -> None:
        """Open or close."""
        self.is_open = is_open

    @handler(Role.VIEWER)
    async def find(self, wanted: str) -> None:
        """List what fits the typed words."""
        await self._find(wanted[:100])

    @handler(Role.VIEWER)
    async def press(self, key: str) -> None:
        """Move the choice."""
        if key == "ArrowDown":
            self.chosen = min(self.chosen + 1, max(len(self.entries) - 1, 0))
        elif key == "ArrowUp":
            self.chosen = max(self.chosen - 1, 0)

    @handler(Role.VIEWER)
    async def go(self, form: dict[str, Any]) -> Any:
        """Go to the chosen place; who types fast may be here before the list is."""
        wanted = str(form.get("wanted", ""))[:100]
        if wanted != self._wanted:
            await self._find(wanted)
        if not self.entries:
            return None
        self.is_open = False
        return browser.redirect(self.entries[min(self.chosen, len(self.entries) - 1)].address)

    async def _find(self, wanted: str) -> None:
        identity = await who(self)
        language = (await person(self)).language
        base = f"/manage/{identity.slug}"
        found = [
            Entry(lookup(language, name), lookup(language, "Page"), base + path)
            for name, path in PLACES
            if matches(wanted, name, lookup("ru", name))
        ]
        rows, _ = await look(self, agents.list_agents, page_size=200)
        found += [
            Entry(row.name, lookup(language, "Agent"), f"{base}/agents/{row.id}")
            for row in rows
            if matches(wanted, row.name)
        ]
        found += [
            Entry(row.name, lookup(language, "Rule"), f"{base}/rules/{row.id}")
            for row in await look(self, rules.DEFINITIONS.of_tenant)
            if wanted.strip() and matches(wanted, row.name)
        ]
        found += [
            Entry(row.name, lookup(language, "Sequence"), f"{base}/sequences/{row.id}")
            for row in await look(self, DEFINITIONS.of_tenant)
            if wanted.strip() and matches(wanted, row.name)
        ]
        if wanted.strip():
            found += await self._people(wanted, base)
        self._wanted, self.entries = wanted, found[:MOST]
        self.chosen = 0

    async def _people(self, wanted: str, base: str) -> list[Entry]:
        """Return contacts and leads that fit what was typed, on either keyboard layout."""
        language = (await person(self)).language
        found: list[Entry] = []
        for typed in dict.fromkeys((wanted, wanted.translate(_SWAPPED))):
            people, _ = await look(self, contacts.find, search=typed, page_size=4)
            deals, _ = await look(self, leads.find, search=typed, page_size=4)
            found += [Entry(row.name, lookup(language, "Contact"), f"{base}/contacts/{row.id}") for row in people]
            found += [Entry(row.title, lookup(language, "Lead"), f"{base}/leads/{row.id}") for row in deals]
        return found

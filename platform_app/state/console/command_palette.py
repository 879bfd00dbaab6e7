"""Command palette: navigation by keyboard, in both languages and on the wrong keyboard layout."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.engine.rules import rules
from platform_app.engine.sequences.sequences import DEFINITIONS
from platform_app.errors import Invalid
from platform_app.i18n import lookup
from platform_app.models.person import Role
from platform_app.services.agents import agents
from platform_app.services.crm import contacts, leads
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler
from platform_app.state.console.frame import FrameState

DESTINATIONS = [
    ("Dashboard", ""),
    ("Inbox", "/inbox"),
    ("Test chat", "/test-chat"),
    ("Contacts", "/contacts"),
    ("Import contacts", "/contacts/import"),
    ("Leads", "/leads"),
    ("Tasks", "/tasks"),
    ("Agents", "/agents"),
    ("New agent", "/agents/new"),
    ("Shadow mode", "/agents/shadow"),
    ("Rules", "/rules"),
    ("Run history", "/rules/runs"),
    ("Sequences", "/sequences"),
    ("Enrollments", "/sequences/enrollments"),
    ("Calendar", "/sequences/calendar"),
    ("Analytics", "/analytics"),
    ("Events", "/events"),
    ("Knowledge", "/knowledge"),
    ("Unanswered questions", "/knowledge/questions"),
    ("Search settings", "/knowledge/search"),
    ("Background jobs", "/jobs"),
    ("Webhooks", "/webhooks"),
    ("Integrations", "/integrations"),
    ("Settings", "/settings"),
    ("Bin", "/settings/bin"),
    ("Pipelines and fields", "/settings/crm"),
    ("Channels", "/settings/channels"),
    ("Email", "/settings/mail"),
    ("Model providers", "/settings/providers"),
    ("Budgets", "/settings/budgets"),
    ("Tools of agents", "/settings/tools"),
    ("API keys", "/settings/api-keys"),
    ("Members", "/settings/members"),
    ("Sign-in and security", "/settings/security"),
    ("Audit log", "/settings/audit"),
    ("Company data", "/settings/data"),
    ("Notifications", "/settings/notifications"),
]
CREATED = {"agent": "Create agent", "contact": "Create contact", "lead": "Create lead", "rule": "Create rule"}
SETTINGS = {  # commands that change how the console looks: words, and the event handler with its value
    "light": ("Light theme", "change_theme"),
    "dark": ("Dark theme", "change_theme"),
    "system": ("System theme", "change_theme"),
    "ru": ("Switch to Russian", "change_language"),
    "en": ("Switch to English", "change_language"),
}
COMMANDS = CREATED | {code: words for code, (words, _) in SETTINGS.items()} | {"sign-out": "Sign out"}
MAX_ENTRIES = len(DESTINATIONS) + len(COMMANDS) + 3  # every page, and some rows
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,."
_CYRILLIC = "йцукенгшщзхъфывапролджэячсмитьбю"
_SWAPPED = str.maketrans(_LATIN + _CYRILLIC, _CYRILLIC + _LATIN)


@dataclass
class Entry:
    """A destination with its address, or a command: its label and its kind."""

    words: str
    kind: str
    address: str
    command: str = ""


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
        entry = self.entries[min(self.selected, len(self.entries) - 1)]
        if entry.command:
            return await self._run(entry.command)
        self.is_open = False
        return browser.redirect(entry.address)

    @handler(Role.VIEWER)
    async def run_command(self, command: str) -> Any:
        """Run a command. Raises Invalid for an unknown one."""
        if command not in COMMANDS:
            raise Invalid("This value isn’t allowed.")
        return await self._run(command)

    async def _run(self, command: str) -> Any:
        self.is_open = False
        if command in CREATED:
            return browser.call_handler(PaletteState.create_row, command)
        if command == "sign-out":
            return FrameState.sign_out
        return browser.call_handler(getattr(FrameState, SETTINGS[command][1]), command)

    @handler(Role.OPERATOR)
    async def create_row(self, kind: str) -> Any:
        """Create a contact, lead or rule and open its page, or the gallery of agents. Raises Invalid otherwise."""
        language, slug = (await current_user(self)).language, (await current_identity(self)).slug
        if kind == "agent":
            row_id = "new"  # the gallery of templates
        elif kind == "contact":
            row_id = (await call(self, contacts.create, name=lookup(language, "New contact"))).id
        elif kind == "lead":
            row_id = (await call(self, leads.create_in_first_stage, lookup(language, "New lead"), "")).id
        elif kind == "rule":
            row_id = (await call(self, rules.DEFINITIONS.create, name=lookup(language, "New rule"))).id
        else:
            raise Invalid("This value isn’t allowed.")
        return browser.redirect(f"/manage/{slug}/{kind}s/{row_id}")

    async def _search(self, wanted: str) -> None:
        identity = await current_identity(self)
        language = (await current_user(self)).language
        base = f"/manage/{identity.slug}"
        found = [
            Entry(lookup(language, name), lookup(language, "Page"), base + path)
            for name, path in DESTINATIONS
            if matches(wanted, name, lookup("ru", name))
        ]
        found += [
            Entry(lookup(language, name), lookup(language, "Command"), "", code)
            for code, name in COMMANDS.items()
            if matches(wanted, name, lookup("ru", name)) and (code not in CREATED or identity.role != Role.VIEWER)
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

"""Enrolling: leads and contacts chosen to be let into a sequence by hand, with what would happen."""

from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.engine.enrollments import enrollments
from platform_app.errors import PlatformError
from platform_app.i18n import plural, translate
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, leads
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_user, fetch, handler
from platform_app.state.console.option_lists import Option
from platform_app.state.sequences.sequence_words import ENTRIES


@dataclass
class EntryLine:
    """What enrolling would do, for how many."""

    words: str
    colour: str
    count: str


class Enrolling(rx.State, mixin=True):
    """A list of enrollments to which people can be added; `sequence` is the one that they enter."""

    sequence: str = "all"
    search: str = ""
    found: list[Option] = []
    wanted_ids: list[str] = []
    preview: list[EntryLine] = []
    is_open: bool = False

    @abstractmethod
    async def _fetch(self) -> None:
        """Draw the list anew."""

    @handler(Role.OPERATOR)
    async def open_enrolling(self, is_open: bool) -> None:
        """Open or close the choice of whom to let in."""
        self.is_open, self.wanted_ids, self.preview = is_open, [], []
        if is_open:
            await self._search("")

    @handler(Role.OPERATOR)
    async def set_search(self, search: str) -> None:
        """Find leads and contacts as one types."""
        await self._search(search[:200])

    @handler(Role.OPERATOR)
    async def want(self, subject_id: str, wanted: bool) -> None:
        """Put a lead or a contact on the list of those to let in, or take it off."""
        others = [one for one in self.wanted_ids if one != subject_id]
        self.wanted_ids = [*others, subject_id[:32]][: enrollments.BATCH_SIZE] if wanted else others
        await self._preview()

    @handler(Role.OPERATOR)
    async def want_all(self) -> None:
        """Put everybody who was found on the list."""
        both = [*self.wanted_ids, *(one.id for one in self.found)]
        self.wanted_ids = list(dict.fromkeys(both))[: enrollments.BATCH_SIZE]
        await self._preview()

    @handler(Role.OPERATOR)
    async def enroll(self) -> Any:
        """Let in who may."""
        made = await call(self, enrollments.enroll, self.sequence, self.wanted_ids)
        self.is_open, self.wanted_ids, self.preview = False, [], []
        await self._fetch()
        language = (await current_user(self)).language
        return browser.toast_success(plural(language, "{count} person enrolled", "{count} people enrolled", len(made)))

    async def _search(self, search: str) -> None:
        self.search = search
        self.found = await fetch(self, _people, search, (await current_user(self)).language)

    async def _preview(self) -> None:
        language = (await current_user(self)).language
        try:
            says = await fetch(self, enrollments.preview, self.sequence, self.wanted_ids)
        except PlatformError as error:
            self.preview = [EntryLine(translate(language, error.sentence, **error.values), "red", "")]
            return
        counted = Counter(says.values())
        self.preview = [
            EntryLine(translate(language, ENTRIES[entry.value][0]), ENTRIES[entry.value][1], str(count))
            for entry, count in counted.most_common()
        ]


def _people(session: Transaction, who: Identity, search: str, language: str) -> list[Option]:
    deals, _ = leads.list_leads(session, who, search=search, page_size=25)
    people, _ = contacts.list_contacts(session, who, search=search, page_size=25)
    lead, contact = translate(language, "Lead"), translate(language, "Contact")
    return [
        *(Option(one.id, f"{one.title} · {lead}") for one in deals),
        *(Option(one.id, f"{one.name} · {contact}") for one in people),
    ]

"""Enroll dialog: leads and contacts selected for enrollment in a sequence, with a preview."""

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
class EnrollPreviewLine:
    """A line of the preview: an outcome of enrolling, and how many of the chosen leads and contacts have it."""

    words: str
    colour: str
    count: str


class EnrollDialog(rx.State, mixin=True):
    """A mixin for a list of enrollments that can enroll by hand; `sequence` is the sequence to enter."""

    sequence: str = "all"
    search: str = ""
    found: list[Option] = []
    subject_ids: list[str] = []
    preview: list[EnrollPreviewLine] = []
    is_open: bool = False

    @abstractmethod
    async def _fetch(self) -> None:
        """Read the list again."""

    @handler(Role.OPERATOR)
    async def set_dialog_open(self, is_open: bool) -> None:
        """Open or close the dialog."""
        self.is_open, self.subject_ids, self.preview = is_open, [], []
        if is_open:
            await self._search("")

    @handler(Role.OPERATOR)
    async def set_search(self, search: str) -> None:
        """Search for leads and contacts."""
        await self._search(search[:200])

    @handler(Role.OPERATOR)
    async def toggle_subject(self, subject_id: str, wanted: bool) -> None:
        """Add a lead or contact to the selection, or take it out."""
        others = [other for other in self.subject_ids if other != subject_id]
        self.subject_ids = [*others, subject_id[:32]][: enrollments.BATCH_SIZE] if wanted else others
        await self._preview()

    @handler(Role.OPERATOR)
    async def add_all_found(self) -> None:
        """Add all search results to the selection."""
        both = [*self.subject_ids, *(option.id for option in self.found)]
        self.subject_ids = list(dict.fromkeys(both))[: enrollments.BATCH_SIZE]
        await self._preview()

    @handler(Role.OPERATOR)
    async def enroll(self) -> Any:
        """Enroll the selection."""
        made = await call(self, enrollments.enroll, self.sequence, self.subject_ids)
        self.is_open, self.subject_ids, self.preview = False, [], []
        await self._fetch()
        language = (await current_user(self)).language
        return browser.toast_success(plural(language, "{count} person enrolled", "{count} people enrolled", len(made)))

    async def _search(self, search: str) -> None:
        self.search = search
        self.found = await fetch(self, _people, search, (await current_user(self)).language)

    async def _preview(self) -> None:
        language = (await current_user(self)).language
        try:
            says = await fetch(self, enrollments.preview, self.sequence, self.subject_ids)
        except PlatformError as error:
            self.preview = [EnrollPreviewLine(translate(language, error.sentence, **error.values), "red", "")]
            return
        counted = Counter(says.values())
        self.preview = [
            EnrollPreviewLine(translate(language, ENTRIES[entry.value][0]), ENTRIES[entry.value][1], str(count))
            for entry, count in counted.most_common()
        ]


def _people(session: Transaction, who: Identity, search: str, language: str) -> list[Option]:
    deals, _ = leads.list_leads(session, who, search=search, page_size=25)
    people, _ = contacts.list_contacts(session, who, search=search, page_size=25)
    lead, contact = translate(language, "Lead"), translate(language, "Contact")
    return [
        *(Option(deal.id, f"{deal.title} · {lead}") for deal in deals),
        *(Option(person.id, f"{person.name} · {contact}") for person in people),
    ]

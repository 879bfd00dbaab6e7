"""Contact: the card, saved as typed, and merging with another."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.models.crm import Contact, CustomField, FieldKind, Holder
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, merge_contacts
from platform_app.services.crm.cards import Card
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.option_lists import Option
from platform_app.state.crm.card import CardView
from platform_app.state.crm.leads import LeadRow, row_of


@dataclass
class OutcomeLine:
    """A line of what merging would do."""

    label: str
    value: str


class ContactState(CardView, rx.State):
    """The contact that the address names."""

    name: str = ""
    language: str = ""
    leads: list[LeadRow] = []
    merging: bool = False
    others: list[Option] = []
    other: str = ""  # to be merged with, when it is said so
    other_name: str = ""
    outcome: list[OutcomeLine] = []
    _contact: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Fetch the contact and draw its card; one that was merged leads to the one that stays."""
        self.card_key, self.merging, self.others, self.other = "", False, [], ""
        row = await fetch(self, contacts.get, self._id_in_address())
        if row.id != self._id_in_address():
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/contacts/{row.id}")
        await self._draw(row)
        return None

    @handler(Role.OPERATOR)
    async def keep_merging(self, is_open: bool) -> None:
        """Open or close the search for the contact to merge with."""
        self.merging, self.others = is_open, []
        if is_open:
            await self._find("")

    @handler(Role.OPERATOR)
    async def find_other(self, search: str) -> None:
        """Find contacts to merge with."""
        await self._find(search[:200])

    @handler(Role.OPERATOR)
    async def choose_other(self, other_id: str) -> None:
        """Show what merging with a contact would do."""
        found = await fetch(self, merge_contacts.preview, self._contact, other_id)
        language = (await current_user(self)).language
        held = await fetch(self, _own_fields)
        for row in held:
            if row.kind == FieldKind.YES_NO and f"field.{row.key}" in found.values:
                found.values[f"field.{row.key}"] = translate(language, found.values[f"field.{row.key}"])
        self.outcome = _outcome(found, {f"field.{row.key}": row.name for row in held}, language)
        self.other, self.other_name = other_id[:32], found.other

    @handler(Role.OPERATOR)
    async def keep_outcome(self, is_open: bool) -> None:
        """Close what merging would do."""
        if not is_open:
            self.other = ""

    @handler(Role.OPERATOR)
    async def merge(self) -> Any:
        """Let this contact take over all of the other."""
        row = await call(self, merge_contacts.merge, self._contact, self.other)
        self.merging, self.others, self.other = False, [], ""
        await self._draw(row)
        return await success_toast(self, "The two contacts are one now.")

    def _subject(self) -> tuple[Holder, str]:
        return Holder.CONTACT, self._contact

    async def _save_values(self, values: dict[str, Any]) -> None:
        row = await call(self, contacts.save, self._contact, values)
        self.name, self.language = row.name, row.language or "none"

    async def _find(self, search: str) -> None:
        found = await fetch(self, merge_contacts.merge_candidates, self._contact, search)
        self.others = [Option(row.id, " · ".join(filter(None, (row.name, row.phone, row.email)))) for row in found]

    async def _draw(self, row: Contact) -> None:
        self._contact, self.name, self.language = row.id, row.name, row.language or "none"
        self.initial = {
            "name": row.name,
            "phones": "\n".join(row.phones),
            "emails": "\n".join(row.emails),
            "tags": ", ".join(row.tags),
            "time_zone": row.time_zone,
        }
        await self._draw_fields(row.fields)
        await self._draw_beside()

    async def _draw_more(self, card: Card, names: dict[str, str]) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        self.leads = [row_of(lead, names, identity, language) for lead in card.leads]


_WORDS = {
    "name": "Full name",
    "emails": "E-mails",
    "phones": "Phones",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
}
_MOVED = {
    "leads": ("{count} lead", "{count} leads"),
    "tasks": ("{count} task", "{count} tasks"),
    "notes": ("{count} note", "{count} notes"),
    "conversations": ("{count} conversation", "{count} conversations"),
}


def _outcome(found: merge_contacts.MergePreview, own: dict[str, str], language: str) -> list[OutcomeLine]:
    """Return what merging would do, in lines: what changes, what comes along, and what is lost."""
    words = {name: translate(language, sentence) for name, sentence in _WORDS.items()} | own
    lines = [
        OutcomeLine(words[name], ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in found.values.items()
        if name in words
    ]
    moved = [plural(language, *_MOVED[name], count) for name, count in found.moved.items() if count]
    if moved:
        lines.append(OutcomeLine(translate(language, "Comes along"), ", ".join(moved)))
    lost = [f"{words[name]}: {value}" for name, value in found.left.items()]
    if lost:
        lines.append(OutcomeLine(translate(language, "Is not kept"), ", ".join(lost)))
    return lines


def _own_fields(session: Transaction, who: Identity) -> list[CustomField]:
    return custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)

"""Contact: the card of a contact, and merging with another one."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app import custom_fields
from platform_app.db import Transaction
from platform_app.i18n import plural, translate
from platform_app.models.crm import Contact, CustomField, FieldKind, Holder
from platform_app.models.person import Identity, Role
from platform_app.services.chat import opt_outs
from platform_app.services.crm import contacts, merge_contacts
from platform_app.services.crm.cards import Card
from platform_app.state.console import browser
from platform_app.state.console.base import call, current_identity, current_user, fetch, handler, success_toast
from platform_app.state.console.option_lists import Option
from platform_app.state.crm.card import CrmCard
from platform_app.state.crm.leads import LeadRow, lead_row
from platform_app.state.crm.opt_out_words import opt_out_words


@dataclass
class MergePreviewLine:
    """A line of the merge preview."""

    label: str
    value: str


class ContactState(CrmCard, rx.State):
    """The contact in the address."""

    name: str = ""
    language: str = ""
    leads: list[LeadRow] = []
    opted_out: bool = False
    opt_out_sentence: str = ""  # since when and why the contact does not want messages
    merge_dialog_open: bool = False
    candidates: list[Option] = []
    other: str = ""  # the contact to merge with, "" while none is selected
    merge_name: str = ""
    merge_preview: list[MergePreviewLine] = []
    _contact_id: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Fetch the contact and fill the form; the address of a merged contact redirects to the remaining one."""
        self.card_key, self.merge_dialog_open, self.candidates, self.other = "", False, [], ""
        row = await fetch(self, contacts.get, self._id_from_path())
        if row.id != self._id_from_path():
            return browser.redirect(f"/manage/{(await current_identity(self)).slug}/contacts/{row.id}")
        await self._load_form(row)
        return None

    @handler(Role.OPERATOR)
    async def opt_out(self) -> None:
        """Opt the contact out of messages."""
        await call(self, opt_outs.opt_out, self._contact_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def opt_in(self) -> None:
        """Let the contact receive messages again."""
        await call(self, opt_outs.opt_in, self._contact_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def set_merge_dialog_open(self, is_open: bool) -> None:
        """Open or close the search for the contact to merge with."""
        self.merge_dialog_open, self.candidates = is_open, []
        if is_open:
            await self._search_candidates("")

    @handler(Role.OPERATOR)
    async def search_candidates(self, search: str) -> None:
        """Search for contacts to merge with."""
        await self._search_candidates(search[:200])

    @handler(Role.OPERATOR)
    async def preview_merge(self, other_id: str) -> None:
        """Show the result of merging with a contact."""
        found = await fetch(self, merge_contacts.preview, self._contact_id, other_id)
        language = (await current_user(self)).language
        held = await fetch(self, _list_custom_fields)
        for row in held:
            if row.kind == FieldKind.YES_NO and f"field.{row.key}" in found.values:
                found.values[f"field.{row.key}"] = translate(language, found.values[f"field.{row.key}"])
        self.merge_preview = _merge_preview(found, {f"field.{row.key}": row.name for row in held}, language)
        self.other, self.merge_name = other_id[:32], found.other

    @handler(Role.OPERATOR)
    async def set_preview_open(self, is_open: bool) -> None:
        """Close the merge preview if `is_open` is false."""
        if not is_open:
            self.other = ""

    @handler(Role.OPERATOR)
    async def merge(self) -> Any:
        """Merge the other contact into this one."""
        row = await call(self, merge_contacts.merge, self._contact_id, self.other)
        self.merge_dialog_open, self.candidates, self.other = False, [], ""
        await self._load_form(row)
        return await success_toast(self, "Contacts merged.")

    def _subject(self) -> tuple[Holder, str]:
        return Holder.CONTACT, self._contact_id

    async def _save_values(self, values: dict[str, Any]) -> None:
        row = await call(self, contacts.save, self._contact_id, values)
        self.name, self.language = row.name, row.language or "none"

    async def _search_candidates(self, search: str) -> None:
        found = await fetch(self, merge_contacts.merge_candidates, self._contact_id, search)
        self.candidates = [Option(row.id, " · ".join(filter(None, (row.name, row.phone, row.email)))) for row in found]

    async def _load_form(self, row: Contact) -> None:
        self._contact_id, self.name, self.language = row.id, row.name, row.language or "none"
        self.initial = {
            "name": row.name,
            "phones": "\n".join(row.phones),
            "emails": "\n".join(row.emails),
            "tags": ", ".join(row.tags),
            "time_zone": row.time_zone,
        }
        await self._load_fields(row.fields)
        await self._load_related()

    async def _load_specific(self, card: Card, names: dict[str, str]) -> None:
        identity, language = await current_identity(self), (await current_user(self)).language
        further = [lead.contact_id for lead in card.leads if lead.contact_id != self._contact_id]
        names = names | await fetch(self, contacts.contact_names, further)
        self.leads = [lead_row(lead, names, identity, language) for lead in card.leads]
        row = await fetch(self, contacts.get, self._contact_id)
        self.opted_out = row.opted_out_at is not None
        self.opt_out_sentence = opt_out_words(row, language, identity.time_zone)


_FIELD_LABELS = {
    "name": "Full name",
    "emails": "Emails",
    "phones": "Phones",
    "language": "Language",
    "time_zone": "Time zone",
    "tags": "Tags",
}
_MOVED_COUNTS = {
    "leads": ("{count} lead", "{count} leads"),
    "tasks": ("{count} task", "{count} tasks"),
    "notes": ("{count} note", "{count} notes"),
    "conversations": ("{count} conversation", "{count} conversations"),
}


def _merge_preview(found: merge_contacts.MergePreview, own: dict[str, str], language: str) -> list[MergePreviewLine]:
    """Return the lines of a merge preview: changed values, moved rows, lost values."""
    words = {name: translate(language, sentence) for name, sentence in _FIELD_LABELS.items()} | own
    lines = [
        MergePreviewLine(words[name], ", ".join(value) if isinstance(value, list) else str(value))
        for name, value in found.values.items()
        if name in words
    ]
    if found.opts_out:
        opted_out = translate(language, "The contact opted out of messages")
        lines.append(MergePreviewLine(translate(language, "Messages"), opted_out))
    moved = [plural(language, *_MOVED_COUNTS[name], count) for name, count in found.moved.items() if count]
    if moved:
        lines.append(MergePreviewLine(translate(language, "Moves over"), ", ".join(moved)))
    lost = [f"{words[name]}: {value}" for name, value in found.left.items()]
    if lost:
        lines.append(MergePreviewLine(translate(language, "Will be lost"), ", ".join(lost)))
    return lines


def _list_custom_fields(session: Transaction, who: Identity) -> list[CustomField]:
    return custom_fields.list_custom_fields(session, who.tenant_id, Holder.CONTACT)

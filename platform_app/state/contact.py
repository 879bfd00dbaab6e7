"""Contact: the card, saved as typed, and merging with another."""

from typing import Any

import reflex as rx

from platform_app.models.crm import Contact, Holder
from platform_app.models.person import Role
from platform_app.services import contacts, merging
from platform_app.services.cards import Card
from platform_app.state.base import call, handler, look, person, say, who
from platform_app.state.card import CardView
from platform_app.state.chat_view import Choice
from platform_app.state.leads import LeadRow, row_of


class ContactState(CardView, rx.State):
    """The contact that the address names."""

    name: str = ""
    language: str = ""
    leads: list[LeadRow] = []
    merging: bool = False
    others: list[Choice] = []
    _contact: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> Any:
        """Fetch the contact and draw its card; one that was merged leads to the one that stays."""
        self.card_key, self.merging, self.others = "", False, []
        row = await look(self, contacts.get, self._id_in_address())
        if row.id != self._id_in_address():
            return rx.redirect(f"/manage/{(await who(self)).slug}/contacts/{row.id}")
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
    async def merge(self, other_id: str) -> Any:
        """Let this contact take over all of another."""
        row = await call(self, merging.merge, self._contact, other_id)
        self.merging, self.others = False, []
        await self._draw(row)
        return await say(self, "The two contacts are one now.")

    def _subject(self) -> tuple[Holder, str]:
        return Holder.CONTACT, self._contact

    async def _save_values(self, values: dict[str, Any]) -> None:
        row = await call(self, contacts.save, self._contact, values)
        self.name, self.language = row.name, row.language or "none"

    async def _find(self, search: str) -> None:
        found = await look(self, merging.alike, self._contact, search)
        self.others = [Choice(row.id, " · ".join(filter(None, (row.name, row.phone, row.email)))) for row in found]

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
        identity, language = await who(self), (await person(self)).language
        self.leads = [row_of(lead, names, identity, language) for lead in card.leads]

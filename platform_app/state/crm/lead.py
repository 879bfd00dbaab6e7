"""Lead: the card, saved as typed, its stage and its contact."""

from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.crm import Contact, Holder, Lead
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, leads
from platform_app.state.console.base import call, fetch, handler
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.crm.card import CardView

NOBODY = "none"


class LeadState(CardView, rx.State):
    """The lead that the address names."""

    title: str = ""
    stage: str = ""
    stages: list[Option] = []
    responsible: str = NOBODY
    contact: str = ""
    contact_name: str = ""
    choosing: bool = False
    found: list[Option] = []
    _lead: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the lead and draw its card."""
        self.card_key, self.choosing, self.found = "", False, []
        self.stages = await fetch(self, stage_options)
        row = await fetch(self, leads.get, self._id_in_address())
        self._lead = row.id
        self.initial = {
            "title": row.title,
            "budget": f"{row.budget.normalize():f}" if row.budget else "",
            "source": row.source,
            "tags": ", ".join(row.tags),
        }
        await self._draw_fields(row.fields)
        await self._show(row)
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def move(self, stage_id: str) -> None:
        """Put the lead into another stage."""
        await self._show(await call(self, leads.move_to_stage, self._lead, stage_id))
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def assign(self, user_id: str) -> None:
        """Make a member responsible, or nobody."""
        await self._save_values({"responsible_id": "" if user_id == NOBODY else user_id})
        await self._draw_beside()

    @handler(Role.OPERATOR)
    async def keep_choosing(self, is_open: bool) -> None:
        """Open or close the search for the lead's contact."""
        self.choosing, self.found = is_open, []
        if is_open:
            await self._find("")

    @handler(Role.OPERATOR)
    async def find_contact(self, search: str) -> None:
        """Find contacts to choose from."""
        await self._find(search[:200])

    @handler(Role.OPERATOR)
    async def choose_contact(self, contact_id: str) -> None:
        """Make somebody the contact of the lead, or nobody."""
        await self._save_values({"contact_id": contact_id})
        self.choosing = False
        await self._draw_beside()

    def _subject(self) -> tuple[Holder, str]:
        return Holder.LEAD, self._lead

    async def _save_values(self, values: dict[str, Any]) -> None:
        await self._show(await call(self, leads.save, self._lead, values))

    async def _find(self, search: str) -> None:
        found, _ = await fetch(self, contacts.list_contacts, search=search, page_size=8)
        self.found = [Option(row.id, " · ".join(filter(None, (row.name, row.phone, row.email)))) for row in found]

    async def _show(self, row: Lead) -> None:
        self.title, self.stage, self.responsible = row.title, row.stage_id, row.responsible_id or NOBODY
        contact = await fetch(self, _contact_of, row)
        self.contact, self.contact_name = (contact.id, contact.name) if contact else ("", "")


def _contact_of(session: Transaction, who: Identity, row: Lead) -> Contact | None:
    try:
        return contacts.get(session, who, row.contact_id or "")
    except NotFound:  # nobody, or somebody deleted since
        return None

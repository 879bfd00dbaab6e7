"""Lead: the card of a lead with its stage and contact."""

from dataclasses import dataclass
from typing import Any

import reflex as rx

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.crm import Contact, Holder, Lead, StageKind
from platform_app.models.person import Identity, Role
from platform_app.services.crm import contacts, lead_contacts, leads, pipelines
from platform_app.services.crm.cards import Card
from platform_app.state.console.base import call, fetch, handler
from platform_app.state.console.option_lists import Option, stage_options
from platform_app.state.crm.card import CrmCard

NONE = "none"


@dataclass
class StageStep:
    """A stage of the lead's pipeline; `is_passed` if it comes before the one in which an open or won lead stands."""

    id: str
    name: str
    is_passed: bool


@dataclass
class ContactLine:
    """A further contact of the lead."""

    id: str
    name: str
    address: str  # phone number or e-mail address


class LeadState(CrmCard, rx.State):
    """The lead in the address."""

    title: str = ""
    stage: str = ""
    stages: list[Option] = []
    pipeline_stages: list[StageStep] = []  # of the pipeline in which the lead stands
    responsible: str = NONE
    contact: str = ""
    contact_name: str = ""
    other_contacts: list[ContactLine] = []
    contact_dialog_open: bool = False
    adds_contact: bool = False  # the dialog adds a contact in place of changing the main one
    candidates: list[Option] = []
    _lead_id: str = ""

    @handler(Role.VIEWER)
    async def load(self) -> None:
        """Fetch the lead and fill the form."""
        self.card_key, self.contact_dialog_open, self.adds_contact, self.candidates = "", False, False, []
        self.stages = await fetch(self, stage_options)
        row = await fetch(self, leads.get, self._id_from_path())
        self._lead_id = row.id
        self.initial = {
            "title": row.title,
            "budget": f"{row.budget.normalize():f}" if row.budget else "",
            "source": row.source,
            "tags": ", ".join(row.tags),
        }
        await self._load_fields(row.fields)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def move(self, stage_id: str) -> None:
        """Move the lead to a stage."""
        await call(self, leads.move_to_stage, self._lead_id, stage_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def assign(self, user_id: str) -> None:
        """Set the responsible member, NONE for nobody."""
        await self._save_values({"responsible_id": "" if user_id == NONE else user_id})
        await self._load_related()

    @handler(Role.OPERATOR)
    async def set_contact_dialog_open(self, is_open: bool) -> None:
        """Open or close the search for the lead's main contact."""
        self.contact_dialog_open, self.adds_contact, self.candidates = is_open, False, []
        if is_open:
            await self._search_candidates("")

    @handler(Role.OPERATOR)
    async def add_contact(self) -> None:
        """Open the search for a further contact."""
        self.contact_dialog_open, self.adds_contact = True, True
        await self._search_candidates("")

    @handler(Role.OPERATOR)
    async def remove_contact(self, contact_id: str) -> None:
        """Take a further contact from the lead."""
        await call(self, lead_contacts.remove, self._lead_id, contact_id)
        await self._load_related()

    @handler(Role.OPERATOR)
    async def search_contacts(self, search: str) -> None:
        """Search for a contact."""
        await self._search_candidates(search[:200])

    @handler(Role.OPERATOR)
    async def set_contact(self, contact_id: str) -> None:
        """Set the main contact of the lead, "" for none, or add a further one if the dialog was opened for that."""
        if self.adds_contact and contact_id:
            await call(self, lead_contacts.add, self._lead_id, contact_id)
        else:
            await self._save_values({"contact_id": contact_id})
        self.contact_dialog_open = self.adds_contact = False
        await self._load_related()

    @handler(Role.OPERATOR)
    async def make_main(self, contact_id: str) -> None:
        """Make a further contact the main one, which becomes a further one."""
        await self._save_values({"contact_id": contact_id})
        await self._load_related()

    def _subject(self) -> tuple[Holder, str]:
        return Holder.LEAD, self._lead_id

    async def _save_values(self, values: dict[str, Any]) -> None:
        await call(self, leads.save, self._lead_id, values)

    async def _search_candidates(self, search: str) -> None:
        found, _ = await fetch(self, contacts.list_contacts, search=search, page_size=8)
        self.candidates = [Option(row.id, " · ".join(filter(None, (row.name, row.phone, row.email)))) for row in found]

    async def _load_specific(self, card: Card, names: dict[str, str]) -> None:
        row = await fetch(self, leads.get, self._lead_id)
        self.title, self.stage, self.responsible = row.title, row.stage_id, row.responsible_id or NONE
        self.pipeline_stages = await fetch(self, _stage_steps, row.stage_id)
        contact = await fetch(self, _find_contact, row)
        self.contact, self.contact_name = (contact.id, contact.name) if contact else ("", "")
        others = await fetch(self, lead_contacts.list_others, row.id)
        self.other_contacts = [ContactLine(other.id, other.name, other.phone or other.email) for other in others]


def _stage_steps(session: Transaction, who: Identity, stage_id: str) -> list[StageStep]:
    for _, stages in pipelines.list_pipelines(session, who):
        ids = [stage.id for stage in stages]
        if stage_id in ids:
            at = ids.index(stage_id)
            is_lost = stages[at].kind == StageKind.LOST
            return [StageStep(stage.id, stage.name, place < at and not is_lost) for place, stage in enumerate(stages)]
    return []


def _find_contact(session: Transaction, who: Identity, row: Lead) -> Contact | None:
    try:
        return contacts.get(session, who, row.contact_id or "")
    except NotFound:  # none, or deleted meanwhile
        return None

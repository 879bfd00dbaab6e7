"""Chat people: the contacts and leads that a test conversation plays with, chosen or made there."""

from dataclasses import dataclass, field

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads, pipelines
from platform_app.state.console.option_lists import Option

NOBODY = "none"  # a choice needs a value
NEW = "new"
SHOWN = 100  # of each, the newest


@dataclass
class People:
    """Whom one can play with, and whose lead is whose."""

    contacts: list[Option] = field(default_factory=list)
    leads: list[Option] = field(default_factory=list)
    contact_of: dict[str, str] = field(default_factory=dict)


def people(session: Transaction, who: Identity, lead_id: str = "", contact_id: str = "") -> People:
    """Return the newest contacts and leads, and those that are played with already."""
    stages = {stage.id: stage.name for _, found in pipelines.of_tenant(session, who) for stage in found}
    deals, _ = leads.find(session, who, page_size=SHOWN)
    persons, _ = contacts.find(session, who, sort="updated", descending=True, page_size=SHOWN)
    try:
        deals += [leads.get(session, who, lead_id)] if _lacks(deals, lead_id) else []
        persons += [contacts.get(session, who, contact_id)] if _lacks(persons, contact_id) else []
    except NotFound:  # deleted since
        pass
    return People(
        [Option(row.id, row.name) for row in persons],
        [Option(row.id, f"{row.title} · {stages[row.stage_id]}") for row in deals],
        {row.id: row.contact_id for row in deals if row.contact_id},
    )


def _lacks(rows: list[Lead] | list[Contact], row_id: str) -> bool:
    return row_id not in ("", NOBODY) and all(row.id != row_id for row in rows)


def played(lead: str, contact: str, stage: str) -> dict[str, str | None]:
    """Return what is chosen as a conversation keeps it."""
    return {"lead_id": _or_none(lead), "contact_id": _or_none(contact), "stage_id": _or_none(stage)}


def _or_none(choice: str) -> str | None:
    return None if choice in ("", NOBODY) else choice

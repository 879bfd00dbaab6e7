"""Test context: the contact, lead and stage that a test conversation is played with."""

from dataclasses import dataclass, field

from platform_app.db import Transaction
from platform_app.errors import NotFound
from platform_app.models.crm import Contact, Lead
from platform_app.models.person import Identity
from platform_app.services.crm import contacts, leads, pipelines
from platform_app.state.console.option_lists import Option

NONE = "none"  # an option needs a value
NEW = "new"
MAX_OPTIONS = 100  # of contacts and of leads, the newest


@dataclass
class TestContextOptions:
    """The contacts and leads on offer, and the contact of each lead by its id."""

    contacts: list[Option] = field(default_factory=list)
    leads: list[Option] = field(default_factory=list)
    contact_of: dict[str, str] = field(default_factory=dict)


def test_context_options(
    session: Transaction, who: Identity, lead_id: str = "", contact_id: str = ""
) -> TestContextOptions:
    """Return the newest contacts and leads, and those that are selected, however old."""
    stages = {stage.id: stage.name for _, found in pipelines.list_pipelines(session, who) for stage in found}
    deals, _ = leads.list_leads(session, who, page_size=MAX_OPTIONS)
    persons, _ = contacts.list_contacts(session, who, sort="updated", descending=True, page_size=MAX_OPTIONS)
    try:
        deals += [leads.get(session, who, lead_id)] if _is_missing(deals, lead_id) else []
        persons += [contacts.get(session, who, contact_id)] if _is_missing(persons, contact_id) else []
    except NotFound:  # deleted since
        pass
    return TestContextOptions(
        [Option(row.id, row.name) for row in persons],
        [Option(row.id, f"{row.title} · {stages[row.stage_id]}") for row in deals],
        {row.id: row.contact_id for row in deals if row.contact_id},
    )


def _is_missing(rows: list[Lead] | list[Contact], row_id: str) -> bool:
    return row_id not in ("", NONE) and all(row.id != row_id for row in rows)


def test_context(lead: str, contact: str, stage: str) -> dict[str, str | None]:
    """Return the selected ids as arguments of `conversations.set_test_context`; NONE becomes None."""
    return {"lead_id": _or_none(lead), "contact_id": _or_none(contact), "stage_id": _or_none(stage)}


def _or_none(choice: str) -> str | None:
    return None if choice in ("", NONE) else choice

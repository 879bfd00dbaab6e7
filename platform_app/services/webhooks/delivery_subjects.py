"""Delivery subjects: the lead or contact that a webhook delivery is about."""

from collections.abc import Callable
from typing import Any

from platform_app.automation import webhook_payloads
from platform_app.db import Transaction
from platform_app.errors import Invalid, NotFound
from platform_app.models.crm import Contact
from platform_app.models.person import Identity
from platform_app.models.webhook import IncomingWebhook
from platform_app.services.crm import contacts, crm_values, leads, phone_numbers


def find_links(session: Transaction, who: Identity, webhook: IncomingWebhook, payload: Any) -> dict[str, Any]:
    """Return the columns that link an event to the lead or contact that a payload names.

    The lead is found by id, else the contact by e-mail address or phone number. An unknown contact is created if the
    webhook says so. Invalid addresses are ignored. Returns {} if nothing is found.
    """
    with session.no_autoflush:  # of the new rows, only contacts matter here
        return _find_links(session, who, webhook, payload)


def _find_links(session: Transaction, who: Identity, webhook: IncomingWebhook, payload: Any) -> dict[str, Any]:
    if lead_id := _text_at(payload, webhook.lead_path):
        try:
            lead = leads.get(session, who, lead_id)
            return {"lead_id": lead.id, "contact_id": lead.contact_id}
        except NotFound:
            pass  # unknown lead: look for the contact
    emails = _valid_or_empty(crm_values.parse_emails, _text_at(payload, webhook.email_path))
    region = phone_numbers.tenant_region(session, who.tenant_id)
    phones = _valid_or_empty(
        lambda written: crm_values.parse_phones(written, region), _text_at(payload, webhook.phone_path)
    )
    name = " ".join(_text_at(payload, webhook.name_path).split())[:200]

    def contact() -> Contact | None:
        row = contacts.find_by_address(session, who, emails=emails, phones=phones, name=name)
        if row is None and webhook.creates_contact and (emails or phones):
            shown = name or (emails + phones)[0]
            row = contacts.create(session, who, name=shown[:200], emails=emails, phones=phones)
            session.flush()
        return row

    contact_row = session.cached(("contact of", *emails, *phones, name), contact)
    return {"contact_id": contact_row.id} if contact_row else {}


def _text_at(payload: Any, path: str) -> str:
    value = webhook_payloads.value_at(payload, path) if path else None
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _valid_or_empty(check: Callable[[str], list[str]], written: str) -> list[str]:
    try:
        return check(written)
    except Invalid:
        return []

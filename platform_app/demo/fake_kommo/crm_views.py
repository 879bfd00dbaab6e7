"""CRM views: how entities are shown by the API v4."""

from typing import Any

from platform_app.demo.fake_kommo.crm_data import CrmData

Entity = dict[str, Any]
_INNER = ("tags", "contacts", "companies")


def entity(data: CrmData, kind: str, held: Entity, wanted: str) -> Entity:
    """Return a lead, contact or company; contacts and leads are embedded where `wanted` names them."""
    with data.lock:
        shown = {name: value for name, value in held.items() if name not in _INNER}
        inner: Entity = {"tags": list(held["tags"])}
        inner["companies"] = [{"id": company_id} for company_id in held["companies"]]
        parts = wanted.split(",")
        if kind == "leads" and "contacts" in parts:
            inner["contacts"] = [{"id": held_id, "is_main": not n} for n, held_id in enumerate(held["contacts"])]
        if kind == "contacts" and "leads" in parts:
            leads = data.entities["leads"].values()
            inner["leads"] = [{"id": lead["id"]} for lead in leads if held["id"] in lead["contacts"]]
    link = f"https://{data.subdomain}.kommo.com/api/v4/{kind}/{held['id']}"
    shown |= {"account_id": data.account_id, "_links": {"self": {"href": link}}, "_embedded": inner}
    if kind != "leads":
        shown.pop("contacts", None)
    return shown


def note(held: Entity) -> Entity:
    """Return a note."""
    return {name: value for name, value in held.items() if name != "entity_kind"}

"""CRM writes: creates and changes records by the API, from plain values."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from platform_app.automation.values import parse_exact_number
from platform_app.clock import now
from platform_app.integrations.base import FIELD_PREFIX, CrmWrite, CrmWritten, contacts_of
from platform_app.integrations.kommo import custom_field_values
from platform_app.integrations.kommo.client import KommoClient, embedded
from platform_app.integrations.kommo.crm_records import LISTS, MULTITEXT_CODES
from platform_app.integrations.kommo.custom_field_values import read_values
from platform_app.integrations.kommo.entities import CustomField
from platform_app.models.integration import RecordKind

Definitions = Callable[[], Mapping[int, CustomField]]
Items = dict[str, Any]
DUE_AFTER = timedelta(days=1)  # of a task without a time: Kommo does not take one


def send(
    client: KommoClient, kind: RecordKind, writes: Sequence[CrmWrite], definitions: Definitions
) -> list[CrmWritten]:
    """Create or change records of a kind, and return their ids."""
    if not writes:
        return []
    if kind == RecordKind.NOTE:
        return [written for path in ("leads", "contacts") for written in _add_notes(client, path, writes)]
    codes = _known_codes(client, kind, writes)
    items = [_item(kind, write, definitions, codes) for write in writes]
    if not writes[0].external_id:
        made = client.create(LISTS[kind][0].path, items)
        return [CrmWritten(write.key, str(row.id)) for write, row in zip(writes, made, strict=True)]
    changed = [item for item in items if len(item) > 1]
    if changed:
        client.update(LISTS[kind][0].path, changed)
    for write in writes:
        if kind == RecordKind.LEAD and not {"contact", "contacts"}.isdisjoint(write.values):
            _change_contacts(client, write)
    return [CrmWritten(write.key, write.external_id) for write in writes]


def _change_contacts(client: KommoClient, write: CrmWrite) -> None:
    """Link the contacts that a lead lacks, the main one as such, and take away those that it no longer has."""
    held = contacts_of(write.before)
    values = {name: write.before.get(name) for name in ("contact", "contacts")} | write.values
    main, wanted = values["contact"], contacts_of(values)
    linked = [_contact_link(held_id, held_id == main) for held_id in wanted if held_id not in held or held_id == main]
    if main == write.before.get("contact"):
        linked = [link for link in linked if not link["metadata"]["is_main"]]
    gone = [_contact_link(held_id) for held_id in held if held_id not in wanted]
    for action, links in (("link", linked), ("unlink", gone)):
        if links:
            client.post(f"leads/{int(write.external_id)}/{action}", links)


def _contact_link(contact: str, is_main: bool | None = None) -> Items:
    link: Items = {"to_entity_id": int(contact), "to_entity_type": "contacts"}
    return link if is_main is None else link | {"metadata": {"is_main": is_main}}


def _item(kind: RecordKind, write: CrmWrite, definitions: Definitions, codes: dict[str, str]) -> Items:
    values = write.values
    item: Items = {"id": int(write.external_id)} if write.external_id else {}
    if kind == RecordKind.TASK:
        return item | task_item(values, is_new=not write.external_id)
    if "title" in values or "name" in values:
        item["name"] = values.get("title", values.get("name"))
    if "budget" in values:
        item["price"] = int(values["budget"] or 0)
    if values.get("stage"):
        item["pipeline_id"], item["status_id"] = (int(part) for part in values["stage"].split(":"))
    if values.get("responsible"):
        item["responsible_user_id"] = int(values["responsible"])
    inner: Items = {"tags": [{"name": tag} for tag in values["tags"]]} if "tags" in values else {}
    if kind == RecordKind.LEAD and not write.external_id and (contacts := contacts_of(values)):
        main = values.get("contact")
        inner["contacts"] = [{"id": int(contact), "is_main": contact == main} for contact in contacts]
    if fields := [*_coded_fields(write, codes), *_custom_fields(values, definitions)]:
        item["custom_fields_values"] = fields
    return item | ({"_embedded": inner} if inner else {})


def _coded_fields(write: CrmWrite, codes: dict[str, str]) -> list[Items]:
    """Return numbers and addresses of a contact; each keeps the kind (work, mobile) that it has in Kommo."""
    fields: list[Items] = []
    for name, code in zip(("phones", "emails"), MULTITEXT_CODES, strict=True):
        given = [{"value": text, "enum_code": codes.get(text, "WORK")} for text in write.values.get(name, [])]
        if given or (name in write.values and write.external_id):
            fields.append({"field_code": code, "values": given or None})
    return fields


def _known_codes(client: KommoClient, kind: RecordKind, writes: Sequence[CrmWrite]) -> dict[str, str]:
    """Return the kinds of the numbers and addresses that contacts have, which a write would replace."""
    ids = [write.external_id for write in writes if write.external_id and {"phones", "emails"} & write.values.keys()]
    if kind != RecordKind.CONTACT or not ids:
        return {}
    codes: dict[str, str] = {}
    for item in embedded(client.get("contacts", {"filter[id][]": ids, "limit": len(ids)}), "contacts"):
        for value in read_values(item.get("custom_fields_values") or []).values():
            if value.field_code in MULTITEXT_CODES:
                coded = [entry for entry in value.values if entry.get("enum_code")]
                codes |= {str(entry.get("value")): str(entry["enum_code"]) for entry in coded}
    return codes


def _custom_fields(values: Mapping[str, Any], definitions: Definitions) -> list[Items]:
    """Return the custom fields of an item; a value that does not fit its field, such as a lost choice, is left out."""
    fields: list[Items] = []
    for name, value in values.items():
        if not name.removeprefix(FIELD_PREFIX).isdecimal() or not name.startswith(FIELD_PREFIX):
            continue
        definition = definitions().get(int(name.removeprefix(FIELD_PREFIX)))
        if definition is not None:
            try:
                fields.append(custom_field_values.to_kommo(definition, _plain(definition, value)))
            except ValueError:
                continue
    return fields


def _plain(definition: CustomField, text: str) -> Any:
    """Return a stored text as the value of a field."""
    if not text:
        return None
    if definition.type == "checkbox":
        return text == "yes"
    if definition.type in custom_field_values.NUMBER_KINDS:
        return str(parse_exact_number(text))
    if definition.type == "multiselect":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def task_item(values: Mapping[str, Any], *, is_new: bool = True) -> Items:
    """Return a task as the API takes it."""
    item: Items = {"text": values["text"]} if "text" in values else {}
    if values.get("due_at"):
        item["complete_till"] = int(datetime.fromisoformat(values["due_at"]).timestamp())
    elif is_new:
        item["complete_till"] = int((now() + DUE_AFTER).timestamp())
    if values.get("responsible"):
        item["responsible_user_id"] = int(values["responsible"])
    if "is_done" in values and (values["is_done"] or not is_new):
        item["is_completed"] = bool(values["is_done"])
    if is_new:
        path, entity_id = subject_of(values)
        item |= {"entity_type": path, "entity_id": entity_id}
    return item


def subject_of(values: Mapping[str, Any]) -> tuple[str, int]:
    """Return the list and the id of the lead or contact that a task or note is about."""
    return ("leads", int(values["lead"])) if values.get("lead") else ("contacts", int(values["contact"]))


def _add_notes(client: KommoClient, path: str, writes: Sequence[CrmWrite]) -> list[CrmWritten]:
    """Add the notes about leads, or about contacts; a note that exists is changed."""
    mine = [write for write in writes if not write.external_id and subject_of(write.values)[0] == path]
    items = [
        {"entity_id": subject_of(write.values)[1], "note_type": "common", "params": {"text": write.values["text"]}}
        for write in mine
    ]
    made = client.create(f"{path}/notes", items) if items else []
    return [CrmWritten(write.key, str(row.id)) for write, row in zip(mine, made, strict=True)]

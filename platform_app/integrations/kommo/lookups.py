"""Lookups: finds what a request that was not answered has created, before it is sent again."""

from typing import Any

from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.client import KommoClient, Written
from platform_app.integrations.kommo.custom_field_values import read_values

_PAGES = 4  # of the newest entries of an entity that are looked through


def find_by_key(client: KommoClient, kind: str, field_id: int, key: str) -> int | None:
    """Return the id of the lead, contact or company whose custom field holds our own key, None if there is none."""
    for page in client.pages(kind, {"query": key}):
        for item in page:
            values = read_values(item.get("custom_fields_values") or []).get(field_id)
            if values is not None and any(str(value.get("value")) == key for value in values.values):
                return int(item["id"])
    return None


def create_once(client: KommoClient, kind: str, item: dict[str, Any], *, field_id: int, key: str) -> int:
    """Create a lead, contact or company that carries our own key in a custom field, unless there is one; return its id.

    Raises Uncertain if there was no answer and it is not there, which may still come: call this again later.
    """
    if (known := find_by_key(client, kind, field_id, key)) is not None:
        return known
    values = [value for value in item.get("custom_fields_values", []) if value.get("field_id") != field_id]
    keyed = item | {"custom_fields_values": [*values, {"field_id": field_id, "values": [{"value": key}]}]}
    try:
        written: list[Written] = client.create(kind, [keyed])
    except errors.Uncertain:
        if (made := find_by_key(client, kind, field_id, key)) is not None:
            return made
        raise
    return written[0].id


def find_note(client: KommoClient, kind: str, entity_id: int, *, text: str, since: int) -> int | None:
    """Return the id of a note of a lead, contact or company with a text, written since a moment in Unix seconds."""
    query = {"order[updated_at]": "desc", "filter[updated_at][from]": since}
    for number, page in enumerate(client.pages(f"{kind}/{entity_id}/notes", query)):
        for item in page:
            params = item.get("params")
            if isinstance(params, dict) and params.get("text") == text and int(item.get("created_at") or 0) >= since:
                return int(item["id"])
        if number + 1 >= _PAGES:
            break
    return None


def find_task(client: KommoClient, item: dict[str, Any], *, since: int) -> int | None:
    """Return the id of a task like `item`, created since a moment in Unix seconds, None if there is none."""
    query = {"filter[entity_type]": item["entity_type"], "filter[entity_id]": item["entity_id"]}
    for number, page in enumerate(client.pages("tasks", query | {"filter[updated_at][from]": since})):
        for task in page:
            is_same = all(task.get(name) == item.get(name) for name in ("text", "complete_till", "entity_id"))
            if is_same and int(task.get("created_at") or 0) >= since:
                return int(task["id"])
        if number + 1 >= _PAGES:
            break
    return None

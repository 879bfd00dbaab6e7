"""Validation: what the API v4 says of items that it does not take."""

from typing import Any

from platform_app.demo.fake_kommo.crm_data import SINGULAR, CrmData
from platform_app.demo.fake_kommo.replies import invalid

Entity = dict[str, Any]
Problem = tuple[str, str, str, str]  # request_id, path, code, detail
_INTEGERS = ("price", "responsible_user_id", "status_id", "pipeline_id", "complete_till", "task_type_id", "entity_id")
_TEXTS = ("name", "first_name", "last_name", "text")
_NUMBERS = ("numeric", "price", "monetary", "date", "birthday", "date_time")


def check_items(data: CrmData, kind: str, items: Any) -> list[Entity]:
    """Return the items of a request. Raises Refusal with what is wrong in each."""
    if not isinstance(items, list) or not items or len(items) > 250:
        raise invalid([("", "", "InvalidCount", "The body is a list of 1 to 250 items.")])
    problems: list[Problem] = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            problems.append((str(place), "", "InvalidType", "This value should be of type object."))
        else:
            problems += [(str(item.get("request_id", place)), *wrong) for wrong in _wrong(data, kind, item)]
    if problems:
        raise invalid(problems)
    return items


def _wrong(data: CrmData, kind: str, item: Entity) -> list[tuple[str, str, str]]:
    """Return path, code and detail of everything that is wrong in an item."""
    wrong = []
    for name in _INTEGERS:
        if item.get(name) is not None and (not isinstance(item[name], int) or isinstance(item[name], bool)):
            wrong.append((name, "InvalidType", "This value should be of type int."))
    for name in _TEXTS:
        if item.get(name) is not None and not isinstance(item[name], str):
            wrong.append((name, "InvalidType", "This value should be of type string."))
    statuses = {status["id"] for pipeline in data.pipelines for status in pipeline["_embedded"]["statuses"]}
    if kind == "leads" and item.get("status_id") is not None and item["status_id"] not in statuses:
        wrong.append(("status_id", "NotSupportedChoice", "The value you selected is not a valid choice."))
    if item.get("responsible_user_id") and item["responsible_user_id"] not in {user["id"] for user in data.users}:
        wrong.append(("responsible_user_id", "NotSupportedChoice", "The value you selected is not a valid choice."))
    if kind == "tasks" and not (item.get("text") and item.get("complete_till")) and "id" not in item:
        wrong.append(("text", "FieldMissing", "This field is missing."))
    if kind in SINGULAR:
        wrong += _wrong_fields(data, kind, item.get("custom_fields_values") or [])
    return wrong


def _wrong_fields(data: CrmData, kind: str, fields: Any) -> list[tuple[str, str, str]]:
    wrong = []
    for place, given in enumerate(fields):
        path = f"custom_fields_values.{place}"
        known = next((field for field in data.custom_fields[kind] if is_field(field, given)), None)
        if known is None:
            wrong.append((f"{path}.field_id", "NotSupportedChoice", "The value you selected is not a valid choice."))
            continue
        for number, value in enumerate(given.get("values") or []):
            if detail := _wrong_value(known, value):
                wrong.append((f"{path}.values.{number}.value", "InvalidType", detail))
    return wrong


def is_field(field: Entity, given: Any) -> bool:
    """Return whether an item of custom_fields_values names a field, by its id or code."""
    if not isinstance(given, dict):
        return False
    return bool(given.get("field_id") == field["id"] or (given.get("field_code") or 0) == field["code"])


def _wrong_value(field: Entity, value: Any) -> str:
    if not isinstance(value, dict):
        return "This value should be of type object."
    if field.get("enums"):
        ids, texts = {item["id"] for item in field["enums"]}, {item["value"] for item in field["enums"]}
        is_known = value.get("enum_id") in ids or value.get("value") in texts
        return "" if is_known else "The value you selected is not a valid choice."
    given = value.get("value")
    if field["type"] in _NUMBERS and not str(given).lstrip("-").replace(".", "", 1).isdecimal():
        return "This value should be of type numeric."
    if field["type"] == "checkbox" and not isinstance(given, bool):
        return "This value should be of type bool."
    return ""

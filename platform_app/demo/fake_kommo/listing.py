"""Listing: pages, filters and orders of the lists of the API v4."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from platform_app.demo.fake_kommo.replies import Call, Reply

MOST, USUAL = 250, 50
Entity = dict[str, Any]
Show = Callable[[Entity], Entity]
Matches = Callable[[Entity], bool]
_RANGES = ("updated_at", "created_at", "closed_at", "price")
_CHOICES = ("id", "pipeline_id", "responsible_user_id", "entity_id", "entity_type", "is_completed", "note_type")


def page(
    call: Call, kind: str, items: Iterable[Entity], show: Callable[[Entity], Entity], *, most: int = MOST
) -> Reply:
    """Return a page of items: 204 if it is empty, with the address of the next page if there is one."""
    filters = _filters(call)
    held = _ordered(
        call, [item for item in items if all(matches(item) for matches in filters)] if filters else list(items)
    )
    limit = min(max(_number(call.value("limit"), USUAL), 1), most)
    number = max(_number(call.value("page"), 1), 1)
    shown = held[(number - 1) * limit : number * limit]
    if not shown:
        return Reply(204)
    links = {"self": {"href": f"https://{call.host}{call.target}"}}
    if len(held) > number * limit:
        links["next"] = {"href": f"https://{call.host}{_with_page(call.target, number + 1)}"}
    return Reply(200, {"_page": number, "_links": links, "_embedded": {kind: [show(item) for item in shown]}})


def _with_page(target: str, number: int) -> str:
    parts = urlsplit(target)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "page"]
    return f"{parts.path}?{urlencode([*query, ('page', str(number))])}"


def _number(written: str, usual: int) -> int:
    return int(written) if written.isdecimal() else usual


def _ordered(call: Call, items: list[Entity]) -> list[Entity]:
    for name in ("updated_at", "created_at", "id", "complete_till"):
        if direction := call.value(f"order[{name}]"):
            return sorted(items, key=lambda item: (item[name], item["id"]), reverse=direction == "desc")
    return sorted(items, key=lambda item: item["id"]) if "order" in call.target else items


def _filters(call: Call) -> list[Matches]:
    """Return what items have to match."""
    filters = [_holds(value) for value in call.values("query")]
    for name in _RANGES:
        start, end = call.value(f"filter[{name}][from]"), call.value(f"filter[{name}][to]")
        if start or end:
            filters.append(_between(name, int(start or 0), int(end or 10**12)))
    for name in (*_CHOICES, "type"):
        written = [value for key in (name, f"{name}s") for value in call.values(f"filter[{key}]")]
        if written:
            filters.append(_chosen(name, {part.lower() for value in written for part in value.split(",")}))
    if entities := set(call.values("filter[entity]")):
        filters.append(_chosen("entity_type", entities))
    places = [key.split("[")[2].rstrip("]") for key, _ in call.query if key.startswith("filter[statuses]")]
    stages = [
        tuple(int(call.value(f"filter[statuses][{place}][{part}]", "0")) for part in ("pipeline_id", "status_id"))
        for place in dict.fromkeys(places)
    ]
    if stages:
        filters.append(lambda item: (item["pipeline_id"], item["status_id"]) in stages)
    return filters


def _between(name: str, start: int, end: int) -> Matches:
    return lambda item: start <= (item.get(name) or 0) <= end


def _chosen(name: str, values: set[str]) -> Matches:
    return lambda item: str(item.get(name)).lower() in values


def _holds(words: str) -> Matches:
    """Match entities that hold words in their name or a custom field, as the full text search does."""
    wanted = words.casefold()

    def matches(item: Entity) -> bool:
        values = [value for field in item.get("custom_fields_values") or [] for value in field.get("values") or []]
        texts = [item.get("name", ""), *(value.get("value", "") for value in values)]
        return any(wanted in str(text).casefold() for text in texts)

    return matches

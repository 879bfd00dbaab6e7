"""Sample account: pipelines, members and custom fields with which a fake account begins."""

from typing import Any

SALES, SERVICE = 3001, 3002  # pipelines
INCOMING, NEW, IN_WORK, OFFER, WON, LOST = 30010, 30011, 30012, 30013, 142, 143  # stages of sales
ADMIN, SELLER = 501, 502  # members
EXTERNAL_KEY, SIZE, DELIVERY_DATE, BICYCLES = 7001, 7002, 7003, 7004  # fields of leads
PHONE, EMAIL, CITY = 8001, 8002, 8003  # fields of contacts
_COLORS = ("#c1c1c1", "#99ccff", "#ffff99", "#ffcc66")


def pipelines() -> list[dict[str, Any]]:
    """Return two pipelines; the first one has a stage for unsorted leads."""
    sales = [(INCOMING, "Incoming leads", 1), (NEW, "New request", 0), (IN_WORK, "In work", 0), (OFFER, "Offer", 0)]
    service = [(30020, "Incoming leads", 1), (30021, "Bicycle received", 0), (30022, "In repair", 0)]
    return [_pipeline(SALES, "Sales", sales), _pipeline(SERVICE, "Service", service)]


def _pipeline(pipeline_id: int, name: str, stages: list[tuple[int, str, int]]) -> dict[str, Any]:
    ended = [(WON, "Closed - won", 0), (LOST, "Closed - lost", 0)]
    statuses = [
        {
            "id": status_id,
            "name": title,
            "sort": 10_000 + place if status_id in (WON, LOST) else (place + 1) * 10,
            "is_editable": kind == 0 and status_id not in (WON, LOST),
            "pipeline_id": pipeline_id,
            "color": _COLORS[place % len(_COLORS)],
            "type": kind,
        }
        for place, (status_id, title, kind) in enumerate([*stages, *ended])
    ]
    about = {"id": pipeline_id, "name": name, "sort": pipeline_id - SALES + 1, "is_main": pipeline_id == SALES}
    return about | {"is_unsorted_on": True, "is_archive": False, "_embedded": {"statuses": statuses}}


def users() -> list[dict[str, Any]]:
    """Return an administrator and a seller."""
    people = [(ADMIN, "Anna Morozova", "anna@shop.example", True), (SELLER, "Pavel Orlov", "pavel@shop.example", False)]
    return [
        {
            "id": user_id,
            "name": name,
            "email": email,
            "lang": "en",
            "amojo_id": f"aaaaaaaa-0000-4000-8000-{user_id:012d}",
            "uuid": f"bbbbbbbb-0000-4000-8000-{user_id:012d}",
            "rights": {"is_admin": is_admin, "is_free": False, "is_active": True, "role_id": None, "group_id": None},
        }
        for user_id, name, email, is_admin in people
    ]


def custom_fields() -> dict[str, list[dict[str, Any]]]:
    """Return the custom fields of leads, contacts and companies."""
    models = [{"id": 1, "value": "City"}, {"id": 2, "value": "Mountain"}, {"id": 3, "value": "Children"}]
    return {
        "leads": [
            _field(EXTERNAL_KEY, "External key", "text", is_api_only=True),
            _field(SIZE, "Frame size", "numeric"),
            _field(DELIVERY_DATE, "Delivery date", "date"),
            _field(BICYCLES, "Bicycles", "multiselect", enums=[item | {"sort": 1} for item in models]),
        ],
        "contacts": [
            _field(PHONE, "Phone", "multitext", code="PHONE"),
            _field(EMAIL, "Email", "multitext", code="EMAIL"),
            _field(CITY, "City", "text"),
        ],
        "companies": [_field(9001, "Address", "textarea", code="ADDRESS")],
    }


def _field(field_id: int, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": field_id, "name": name, "type": kind, "sort": field_id, "code": None, "is_api_only": False} | more

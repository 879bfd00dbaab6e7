"""WhatsApp templates: messages that Meta has approved, as the Cloud API lists and takes them.

See developers.facebook.com/documentation/business-messaging/whatsapp: message templates, components.
"""

import re
from typing import Any

from platform_app.channels.outbound_content import TemplateInfo, TemplateUse
from platform_app.channels.whatsapp_api import Access, request

PAGE_SIZE = 100
MAX_PAGES = 30
HAS_MEDIA = "Its header is an image, video or file, which can’t be sent from here."
HAS_HEADER_VALUES = "Its header has values to fill in, which can’t be sent from here."
HAS_BUTTON_VALUES = "Its buttons have values to fill in, which can’t be sent from here."
NO_BODY = "It has no text."
_FIELDS = "name,language,category,status,components"
_PARAMETER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BUTTONS = ("COPY_CODE", "OTP", "FLOW", "CATALOG", "MPM", "SPM")


def fetch(access: Access) -> list[TemplateInfo]:
    """Return all templates of a WhatsApp account, also those that are not approved. Raises ChannelError."""
    path, after, templates = f"{access.business_account_id}/message_templates", "", list[TemplateInfo]()
    for _ in range(MAX_PAGES):
        page = request(access, "GET", path, query={"fields": _FIELDS, "limit": str(PAGE_SIZE), "after": after})
        listed = page.get("data")
        templates += [info for row in (listed if isinstance(listed, list) else []) if (info := _read(row))]
        paging = page.get("paging")
        cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
        after = str(cursors.get("after") or "") if isinstance(cursors, dict) else ""
        if not after:
            break
    return templates


def _read(row: Any) -> TemplateInfo | None:
    if not isinstance(row, dict) or not row.get("name") or not row.get("language"):
        return None
    listed = row.get("components")
    components = [part for part in (listed if isinstance(listed, list) else []) if isinstance(part, dict)]
    text = {str(part.get("type")).upper(): str(part.get("text") or "") for part in components}
    body = text.get("BODY", "")
    parameters = list(dict.fromkeys(_PARAMETER.findall(body)))
    if all(name.isdecimal() for name in parameters):
        parameters.sort(key=int)
    return TemplateInfo(
        name=str(row["name"])[:512],
        language=str(row["language"])[:20],
        category=str(row.get("category") or "")[:40],
        status=str(row.get("status") or "")[:40].upper(),
        header=text.get("HEADER", "")[:1_000],
        body=body[:4_096],
        footer=text.get("FOOTER", "")[:1_000],
        parameters=tuple(parameters),
        problem=_problem(components, body),
    )


def _problem(components: list[dict[str, Any]], body: str) -> str:
    for part in components:
        kind = str(part.get("type")).upper()
        if kind == "HEADER" and str(part.get("format") or "TEXT").upper() != "TEXT":
            return HAS_MEDIA
        if kind == "HEADER" and _PARAMETER.search(str(part.get("text") or "")):
            return HAS_HEADER_VALUES
        if kind in ("CAROUSEL", "LIMITED_TIME_OFFER") or (kind == "BUTTONS" and _has_values(part.get("buttons"))):
            return HAS_BUTTON_VALUES
    return "" if body.strip() else NO_BODY


def _has_values(buttons: Any) -> bool:
    listed = [button for button in (buttons if isinstance(buttons, list) else []) if isinstance(button, dict)]
    return any(
        str(button.get("type")).upper() in _BUTTONS or _PARAMETER.search(str(button.get("url") or ""))
        for button in listed
    )


def content_of(use: TemplateUse) -> dict[str, Any]:
    """Return a template as the API takes it; a value is one line, as WhatsApp allows no other."""
    values = [" ".join(value.split()) for value in use.values]
    parameters: list[dict[str, str]] = [{"type": "text", "text": value} for value in values]
    if use.names:
        parameters = [{**row, "parameter_name": name} for row, name in zip(parameters, use.names, strict=False)]
    components = [{"type": "body", "parameters": parameters}] if parameters else []
    named = {"name": use.name, "language": {"code": use.language}, "components": components}
    return {"type": "template", "template": named}

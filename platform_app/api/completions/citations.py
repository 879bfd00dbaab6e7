"""Citations: the passages that a reply cites, as annotations of the protocol."""

import re
from collections.abc import Iterator
from typing import Any

from platform_app.config import settings
from platform_app.models.person import Identity
from platform_app.services.channels.completions import Completion

_CITED = re.compile(r"\[(\d{1,3})\]")


def _cited(reply: Completion) -> Iterator[tuple[re.Match[str], dict[str, Any]]]:
    """Yield each citation in a text with the passage that it names."""
    by_number = {int(one.get("number", 0)): one for one in reply.sources}
    for match in _CITED.finditer(reply.text):
        if passage := by_number.get(int(match[1])):
            yield match, passage


def chat_annotations(who: Identity, reply: Completion) -> list[dict[str, Any]]:
    """Return the annotations of a chat message; the address is that of a web page, or of the source in the console."""
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": match.start(),
                "end_index": match.end(),
                "title": str(passage.get("source_title", "")),
                "url": _source_address(who, passage),
            },
        }
        for match, passage in _cited(reply)
    ]


def response_annotations(reply: Completion) -> list[dict[str, Any]]:
    """Return the annotations of a response's text: the sources as files."""
    return [
        {
            "type": "file_citation",
            "file_id": str(passage.get("source_id", "")),
            "filename": str(passage.get("source_title", "")),
            "index": match.start(),
        }
        for match, passage in _cited(reply)
    ]


def _source_address(who: Identity, passage: dict[str, Any]) -> str:
    if address := str(passage.get("source_address", "")):
        return address
    own = settings()
    base = (own.public_url or f"http://{own.host}:{own.port}").rstrip("/")
    return f"{base}/manage/{who.slug}/knowledge/{passage.get('source_id', '')}"

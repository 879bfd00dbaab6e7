"""HTML links: what a crawler needs of a web page beside its text: title, links, and whether robots may keep it."""

import re
from pathlib import Path
from typing import Any

from lxml import html as lxml_html

from platform_app.rag.readers.html import decode
from platform_app.rag.readers.reader_report import Report

MAX_LINKS = 2_000
MAX_ADDRESS = 2_000  # characters
MAX_TITLE = 300


def read(path: Path) -> dict[str, Any]:
    """Return the title of a page, its links as written, the base of relative ones, and the words of its robots tag."""
    source = re.sub(r"^\s*<\?xml[^>]*>", "", decode(path.read_bytes(), Report()))
    if not source.strip():
        return {"title": "", "base": "", "links": [], "robots": ""}
    tree = lxml_html.document_fromstring(source)
    base = next(iter(tree.xpath("//base/@href")), "")
    return {"title": _title(tree), "base": str(base)[:MAX_ADDRESS], "links": _links(tree), "robots": _robots(tree)}


def _title(tree: Any) -> str:
    for path in (".//head/title", ".//h1"):
        element = tree.find(path)
        if element is not None and (words := " ".join(element.text_content()[:10_000].split())):
            return words[:MAX_TITLE]
    return ""


def _links(tree: Any) -> list[str]:
    """Return the addresses of links, each once, without those that the page asks robots not to follow."""
    addresses: dict[str, None] = {}
    for element in tree.iter("a", "area"):
        address = (element.get("href") or "").strip()
        if not address or address.startswith("#") or len(address) > MAX_ADDRESS:
            continue
        if "nofollow" not in (element.get("rel") or "").lower().split():
            addresses[address] = None
        if len(addresses) == MAX_LINKS:
            break
    return list(addresses)


def _robots(tree: Any) -> str:
    """Return the words of the robots tags, separated by spaces."""
    words = [
        (element.get("content") or "")[:500].lower()
        for element in tree.iter("meta")
        if (element.get("name") or "").lower() in ("robots", "gpt-agents")
    ]
    return re.sub(r"[\s,]+", " ", " ".join(words)).strip()

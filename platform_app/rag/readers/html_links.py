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
_PLACES = frozenset({"root", "app", "__next", "__nuxt", "___gatsby", "svelte", "q-app", "application", "react-root"})
_COMPONENTS = ("app-root", "ng-view", "ui-view")


def read(path: Path) -> dict[str, Any]:
    """Return the fields of `parsing.WebContent`, other than those of its text."""
    source = re.sub(r"^\s*<\?xml[^>]*>", "", decode(path.read_bytes(), Report()))
    if not source.strip():
        return {"title": "", "base": "", "links": [], "robots": ""}
    tree = lxml_html.document_fromstring(source)
    return {
        "title": _title(tree),
        "base": _first(tree, "//base/@href"),
        "links": _links(tree),
        "robots": _robots(tree),
        "own_address": _first(tree, "//link[translate(@rel, 'CANOIL', 'canoil') = 'canonical']/@href"),
        "needs_scripts": _needs_scripts(tree),
        "asks_password": any((field.get("type") or "").lower() == "password" for field in tree.iter("input")),
    }


def _first(tree: Any, path: str) -> str:
    return str(next(iter(tree.xpath(path)), "")).strip()[:MAX_ADDRESS]


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
    own = [element for element in tree.iter("meta") if (element.get("name") or "").lower() in ("robots", "gpt-agents")]
    parts = (part for element in own for part in re.split("[,;]", (element.get("content") or "")[:500].lower()))
    return " ".join(word for part in parts if ":" not in part for word in part.split())  # those without a value


def _needs_scripts(tree: Any) -> bool:
    """Return whether scripts write the page: it has some, and an empty place for them or words that say so."""
    kinds = (element.get("type") or "" for element in tree.iter("script"))
    if not any("json" not in kind.lower() for kind in kinds):
        return False
    if any("javascript" in element.text_content()[:2_000].lower() for element in tree.iter("noscript")):
        return True
    if any(True for name in _COMPONENTS for _ in tree.iter(name)):
        return True
    body = tree.find("body")
    places = [] if body is None else [*body.iter("div", "main")]
    if any((place.get("id") or "").lower() in _PLACES and not place.text_content().strip() for place in places):
        return True
    return body is None or not any(text.strip() for text in body.xpath(".//text()[not(ancestor::script)]"))

"""Sitemaps: the addresses that a sitemap names, read without an XML parser, which a hostile file could keep busy."""

import re
from dataclasses import dataclass
from html import unescape

MAX_LOCATIONS = 5_000
_LOCATION = re.compile(r"<(?:\w+:)?loc\b[^>]{0,100}>\s*(?:<!\[CDATA\[)?([^<\]]{1,2000})")
_INDEX = re.compile(r"<(?:\w+:)?sitemapindex\b")


@dataclass(frozen=True)
class Sitemap:
    """The addresses of a sitemap: of pages, or of further sitemaps."""

    is_index: bool
    addresses: list[str]


def parse(text: str) -> Sitemap:
    """Return what a sitemap names, at most MAX_LOCATIONS; a plain text has an address in each line."""
    if "<" not in text[:1_000]:
        return Sitemap(False, [line.strip() for line in text.splitlines()[:MAX_LOCATIONS] if line.strip()])
    found: list[str] = []
    for match in _LOCATION.finditer(text):
        found.append(unescape(match[1]).strip())
        if len(found) == MAX_LOCATIONS:
            break
    return Sitemap(_INDEX.search(text[:10_000]) is not None, found)

"""Inline scripts: hashes of the inline scripts of built pages, for the content security policy."""

import hashlib
from base64 import b64encode
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path


class _Scripts(HTMLParser):
    """Collects the text of inline scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script" and "src" not in dict(attrs):
            self._inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


@lru_cache
def hashes(folder: Path) -> tuple[str, ...]:
    """Return the CSP sources, such as sha256-…, of all pages below a folder; cached."""
    texts: set[str] = set()
    for page in sorted(folder.rglob("*.html")):
        scripts = _Scripts()
        scripts.feed(page.read_text(encoding="utf-8"))
        texts.update(text.replace("\r\n", "\n") for text in scripts.found if text)
    return tuple(sorted(f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in texts))

"""Robots tags: what the header X-Robots-Tag of a page asks of us."""

import re
from collections.abc import Iterable

from platform_app.integrations.robots import AGENT

_WITH_VALUE = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
_NAME = re.compile(r"\s*([a-z0-9_.*-]+)\s*:(.*)", re.DOTALL)


def words_of_headers(values: Iterable[str]) -> set[str]:
    """Return the directives of X-Robots-Tag headers that are meant for all or for AGENT, in small letters.

    The name of a crawler at the beginning of a part is that of the following parts of its header, too.
    """
    words: set[str] = set()
    for value in values:
        agent = "*"
        for part in value.lower().split(","):
            named = _NAME.fullmatch(part)
            if named is not None and named[1] in _WITH_VALUE:
                continue
            if named is not None:
                agent, part = named[1], named[2]
            if agent in ("*", AGENT):
                words.update(part.split())
    return words

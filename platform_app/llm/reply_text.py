"""Reply text: how a model's text is cleaned, formatted and truncated before people see it."""

import re

from platform_app.llm.citations import normalize_citations, normalize_partial
from platform_app.llm.plain_text import stable_length, strip_markdown

__all__ = [
    "normalize_citations",
    "format_reply",
    "join_surrogates",
    "to_storable",
    "strip_markdown",
    "format_partial_reply",
    "truncate",
]
_SURROGATE = re.compile("[\ud800-\udfff]")
_TRAILING_SPACES = re.compile(r"[ \t]+$", re.MULTILINE)


def join_surrogates(pending: str, text: str) -> tuple[str, str]:
    """Return the next piece as storable text, and a high surrogate that waits for its low one, or an empty text."""
    text = (pending + text).replace("\x00", "")
    pending = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
    complete = text[: len(text) - len(pending)]
    return to_storable(complete), pending


def to_storable(text: str) -> str:
    """Return a text without zero bytes and unpaired surrogates, which databases refuse."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "")


def format_reply(text: str, known: set[int], *, markdown: bool, limit: int) -> tuple[str, set[int]]:
    """Return a complete reply as people see it, and the numbers of the sources that it cites.

    `known` are the numbers of existing sources; `limit` is the maximum of characters.
    """
    text, used = normalize_citations(text.strip(), known)
    return truncate((text if markdown else _to_plain(text)).strip(), limit), used


def format_partial_reply(text: str, known: set[int], *, markdown: bool, limit: int) -> str:
    """Return the part of an incomplete reply that can be shown: a prefix of what `format_reply` will return.

    Text that may turn out to be Markdown, a citation or too long is withheld until that is certain.
    """
    shown = normalize_partial(text.lstrip(), known)
    if not markdown:
        shown = _TRAILING_SPACES.sub("", shown)
        shown = strip_markdown(shown[: stable_length(shown)])
    shown = shown.strip()
    half = limit // 2
    if len(shown) <= half:
        return shown
    end = _last_sentence_end(shown[: limit - 1])
    return shown[: end + 1 if end > limit * 0.5 else half].rstrip()


def _to_plain(text: str) -> str:
    """Return a text without Markdown, and without spaces at the ends of lines, which Markdown drops in paragraphs."""
    return strip_markdown(_TRAILING_SPACES.sub("", text))


def truncate(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, cut after a sentence if one ends in the second half."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    end = _last_sentence_end(head)
    return head[: end + 1].rstrip() if end > limit * 0.5 else head.rstrip() + "…"


def _last_sentence_end(text: str) -> int:
    """Return the index of the end of the last sentence, or -1."""
    return max(text.rfind(mark) for mark in (". ", "! ", "? ", "\n"))

"""Reply text: how a model's text is cleaned, formatted and truncated before people see it."""

import re

from platform_app.llm.citations import normalize_citations
from platform_app.llm.plain_text import BLOCK_PREFIX, strip_markdown

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
_FENCE = re.compile(rf"^{BLOCK_PREFIX}(?:```+[^`\n]*$|~~~)", re.MULTILINE)
_TRAILING_SPACES = re.compile(r"[ \t]+$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_OPENS_CITATION = re.compile(r"[`\[【［〔〖(\\!]")
_OPENS_MARKDOWN = re.compile(rf"[`\[【［〔〖(\\!*_~<&]|^{BLOCK_PREFIX}(?:[#>]|[-=]+[ \t]*$)", re.MULTILINE)
_CLOSED = re.compile(  # a complete construct, followed by what makes its meaning unambiguous
    r"(?P<ticks>`+)(?!`)[^`\n]+(?P=ticks)(?=[^`])"
    r"|!(?=[^\[])|\\[^\n]"
    r"|(?:\[[^\[\]\n]*\]|[【［〔〖][^】］〕〗\n]*[】］〕〗])(?:\([^()\n]*\))?"
    r"(?=[ \t]*\n|[ \t]*[,;]?[ \t]*[^\s,;\[【［〔〖(])"
    r"|\([^()\n]*\)(?=[ \t]*\n|[ \t]*[^\s])"
)


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
    shown, _ = normalize_citations(
        text[: _stable_length(text, _OPENS_CITATION if markdown else _OPENS_MARKDOWN)].strip(), known
    )
    shown = (shown if markdown else _to_plain(shown)).strip()
    half = limit // 2
    if len(shown) <= half:
        return shown
    end = _last_sentence_end(shown[: limit - 1])
    return shown[: end + 1 if end > limit * 0.5 else half].rstrip()


def _to_plain(text: str) -> str:
    """Return a text without Markdown, and without spaces at the ends of lines, which Markdown drops in paragraphs."""
    return strip_markdown(_TRAILING_SPACES.sub("", text))


def _stable_length(text: str, opens: re.Pattern[str]) -> int:
    """Return the length of the prefix whose meaning further text cannot change."""
    begin = 0
    for blank in _BLANK_LINE.finditer(text):
        if len(_FENCE.findall(text, begin, blank.start() + 1)) % 2 == 0:
            begin = blank.end()
    fences = list(_FENCE.finditer(text, begin))
    if len(fences) % 2:
        if "\n" in text[fences[-1].end() :]:
            return text.rfind("\n") + 1
        text = text[: fences[-1].start()]  # its line is not complete: another backtick would make it inline code
    first = begin  # of adjacent constructs: the meaning of the last one depends on what follows
    while match := opens.search(text, begin):
        first = match.start() if text[begin : match.start()].strip() else first
        closed = _CLOSED.match(text, match.start())
        if closed is None:
            return first
        begin = closed.end()
    return len(text)


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

"""Reply text: cleans a model's text before people see it."""

import re

from platform_app.llm.citations import cited
from platform_app.llm.plain_text import BEFORE_BLOCK, plain

__all__ = ["cited", "finished", "joined", "mended", "plain", "settled", "shorten"]
_SURROGATE = re.compile("[\ud800-\udfff]")
_FENCE = re.compile(rf"^{BEFORE_BLOCK}(?:```|~~~)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_OPENS_CITATION = re.compile(r"[`\[【［〔〖(\\!]")
_OPENS_MARKDOWN = re.compile(rf"[`\[【［〔〖(\\!*_~<&]|^{BEFORE_BLOCK}(?:[#>]|[-=]+[ \t]*$)", re.MULTILINE)
_CLOSED = re.compile(  # a piece that is complete, followed by what shows how it is meant
    r"(?P<ticks>`+)(?!`)[^`\n]+(?P=ticks)(?=[^`])"
    r"|!(?=[^\[])|\\[^\n]"
    r"|(?:\[[^\[\]\n]*\]|[【［〔〖][^】］〕〗\n]*[】］〕〗])(?:\([^()\n]*\))?"
    r"(?=[ \t]*\n|[ \t]*[,;]?[ \t]*[^\s,;\[【［〔〖(])"
    r"|\([^()\n]*\)(?=[ \t]*\n|[ \t]*[^\s])"
)


def joined(held: str, text: str) -> tuple[str, str]:
    """Return the next piece as text that can be stored, and the rest that must wait: half of a surrogate pair."""
    text = (held + text).replace("\x00", "")
    held = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text[: len(text) - len(held)]
    return mended(whole), held


def mended(text: str) -> str:
    """Return a text that can be stored: without zero bytes and lone surrogates."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "")


def finished(text: str, known: set[int], *, markdown: bool, limit: int) -> tuple[str, set[int]]:
    """Return a complete reply as it is shown, and the numbers of the sources that it cites.

    `known` are the existing sources; `limit` is in characters.
    """
    text, used = cited(text.strip(), known)
    return shorten((text if markdown else plain(text)).strip(), limit), used


def settled(text: str, known: set[int], *, markdown: bool, limit: int) -> str:
    """Return the part of a growing reply that can be shown: a prefix of the finished reply.

    Text that may become Markdown, a citation or too long is held back.
    """
    shown, _ = cited(text[: _clear(text, _OPENS_CITATION if markdown else _OPENS_MARKDOWN)].strip(), known)
    shown = (shown if markdown else plain(shown)).strip()
    half = limit // 2
    if len(shown) <= half:
        return shown
    end = _last_sentence(shown[: limit - 1])
    return shown[: end + 1 if end > limit * 0.5 else half].rstrip()


def _clear(text: str, opens: re.Pattern[str]) -> int:
    """Return up to where no further text changes how a text is read."""
    begin = 0
    for blank in _BLANK_LINE.finditer(text):
        if len(_FENCE.findall(text, begin, blank.start() + 1)) % 2 == 0:
            begin = blank.end()
    if len(_FENCE.findall(text, begin)) % 2:
        return text.rfind("\n") + 1
    first = begin  # of pieces that stand side by side: how the last one is meant depends on what follows
    while match := opens.search(text, begin):
        first = match.start() if text[begin : match.start()].strip() else first
        closed = _CLOSED.match(text, match.start())
        if closed is None:
            return first
        begin = closed.end()
    return len(text)


def shorten(text: str, limit: int) -> str:
    """Return a text cut to at most `limit` characters, at the end of a sentence if one is near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    end = _last_sentence(head)
    return head[: end + 1].rstrip() if end > limit * 0.5 else head.rstrip() + "…"


def _last_sentence(text: str) -> int:
    """Return where the last sentence ends; -1 when none does."""
    return max(text.rfind(mark) for mark in (". ", "! ", "? ", "\n"))

"""Output: what becomes of a model's text before people see it."""

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_CITATION = re.compile(r" ?\[(\d{1,3})\](?!\()")
_FENCE = re.compile(r"```[\w-]*\n?(.*?)```", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]\n]{0,500})\]\(([^)\n]{0,2000})\)")
_LINE_MARKS = re.compile(r"^(?:#{1,6}\s+|>\s?|([ \t]*)[*+-][ \t]+)", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*\*|\*\*|\*|__|~~|`)(?=\S)([^\n]{1,400}?)(?<=\S)\1")


def joined(held: str, text: str) -> tuple[str, str]:
    """Return the next piece as text that can be stored, and what must wait: half of a letter may come alone."""
    text = (held + text).replace("\x00", "")
    held = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
    whole = text[: len(text) - len(held)]
    return mended(whole), held


def mended(text: str) -> str:
    """Return a text that can be stored anywhere: no zero bytes, no halves of letters."""
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\x00", "")


def cited(text: str, known: set[int]) -> tuple[str, set[int]]:
    """Return a reply without citation numbers that do not exist, and the numbers that do."""
    used: set[int] = set()

    def check(match: re.Match[str]) -> str:
        number = int(match[1])
        if number not in known:
            return ""
        used.add(number)
        return match[0]

    return _CITATION.sub(check, text), used


def plain(text: str) -> str:
    """Return a text without Markdown."""
    text = _FENCE.sub(r"\1", text)
    text = _LINK.sub(r"\1 (\2)", text)
    text = _LINE_MARKS.sub(r"\1", text)
    return _EMPHASIS.sub(r"\2", text)


def shorten(text: str, limit: int) -> str:
    """Return a text cut to at most `limit` characters, at the end of a sentence where one is near."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    end = max(head.rfind(mark) for mark in (". ", "! ", "? ", "\n"))
    return head[: end + 1].rstrip() if end > limit * 0.5 else head.rstrip() + "…"

"""Message parts: splits a long text at the ends of paragraphs, sentences and words."""

import re

_BORDERS = (
    re.compile(r"\n[ \t]*\n"),  # paragraphs
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])[\"'»”)\]]*\s+"),  # sentences
    re.compile(r"\s+"),
)
_FENCE = re.compile(r"^[ ]{0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)


def length(text: str) -> int:
    """Return the length of a text in UTF-16 code units, in which messengers count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split_text(text: str, limit: int) -> list[str]:
    """Return a text in parts of at most `limit` UTF-16 code units; a code block that is cut goes on in the next."""
    parts, rest = [], text.strip()
    while length(rest) > limit:
        head = _longest_start(rest, limit - 40)  # room for the ends of a code block
        part, rest = head.rstrip(), rest[len(head) :].lstrip("\n")
        if fence := _open_fence(part):
            part, rest = f"{part}\n{fence[0]}", f"{fence[0]}{fence[1]}\n{rest}"
        parts.append(part)
        rest = rest.rstrip()
    return [*parts, rest] if rest.strip() else parts


def _longest_start(text: str, limit: int) -> str:
    """Return the longest start of a text that ends at a border, not before the middle of what fits."""
    start = text[:limit]
    while length(start) > limit:
        start = start[: len(start) - max(1, (length(start) - limit) // 2)]
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(start)]
        if ends and ends[-1] > len(start) // 2:
            return start[: ends[-1]]
    return start


def _open_fence(text: str) -> tuple[str, str] | None:
    """Return the marker and the language of a code block that begins in a text and does not end there."""
    opened: tuple[str, str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = (match[1], match[2].strip()[:20])
        elif match[1].startswith(opened[0]) and not match[2].strip():
            opened = None
    return opened

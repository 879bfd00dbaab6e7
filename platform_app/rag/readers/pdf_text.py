"""PDF text: the lines of all pages as paragraphs, with whole words and sentences."""

import re
from dataclasses import replace
from statistics import median

from platform_app.rag.readers.pdf_layout import Line

_ITEM = re.compile(r"([•▪●○■□◦‣➢✓☐☒–—*-]|\d{1,3}([.)]|(\.\d{1,3})+\.?)|[a-zа-яё][.)])\s")
_ENDS = re.compile(r"[.!?:;…»”\")\]]$")
_HARD_ENDINGS = frozenset(("то", "либо", "нибудь", "таки", "ка"))
_HARD_BEGINNINGS = frozenset(
    ("кое", "кой", "интернет", "онлайн", "веб", "бизнес", "мини", "пресс", "вице", "экс", "self")
)


def paragraphs(pages: list[list[Line]]) -> str:
    """Return the lines of all pages as text, in which hyphenated words and broken sentences are joined."""
    known = {word.lower() for page in pages for line in page for word in re.findall(r"[\w-]+", line.text)}
    parts: list[str] = []
    before: Line | None = None
    edges: dict[tuple[int, int], tuple[float, float]] = {}
    for number, page in enumerate(pages):
        for line in page:
            low, high = edges.get((number, line.flow), (line.left, line.right))
            edges[number, line.flow] = (min(low, line.left), max(high, line.right))
    for number, page in enumerate(pages):
        pitch = _pitch(page)
        for line in page:
            if before is None:
                between = ""
            elif before.hyphen or _is_cut(before.text, line.text):
                between, parts[-1] = "", _joined(parts[-1], line.text, known)
            else:
                between = _between(before, line, pitch, edges.get((number, before.flow), (0, 0)))
            parts.append(between + line.text)
            before = line
        if before is not None:
            before = replace(before, base=float("inf"))
    return "".join(parts)


def _pitch(page: list[Line]) -> float:
    """Return the usual step from line to line."""
    steps = [a.base - b.base for a, b in zip(page, page[1:], strict=False) if a.flow == b.flow and a.base > b.base]
    usual = [step for step, line in zip(steps, page, strict=False) if step < 2.5 * line.height]
    return median(usual) if usual else 1e9


def _is_cut(text: str, following: str) -> bool:
    is_word = re.search(r"[^\W\d_]-$", text) and following[:1].islower()
    return bool(is_word or re.search(r"\d-$", text) and following[:1].isdigit())


def _joined(text: str, following: str, known: set[str]) -> str:
    """Return the beginning of a word that goes on in the next line, with its hyphen where it keeps it."""
    text = text.removesuffix("-")
    first, second = re.search(r"[\w-]*$", text), re.match(r"[\w-]*", following)
    one, two = first[0].lower() if first else "", second[0].lower() if second else ""
    keeps = f"{one}-{two}" in known or not following[:1].islower() or two in _HARD_ENDINGS or one in _HARD_BEGINNINGS
    return text + "-" if keeps and one + two not in known else text


def _between(before: Line, line: Line, pitch: float, edge: tuple[float, float]) -> str:
    """Return what stands between two lines: a space, a line break or an empty line."""
    if before.is_table or line.is_table:
        return "\n\n"
    goes_on = line.text[:1].islower() and not _ITEM.match(line.text)
    if before.flow != line.flow or before.base < line.base - 0.7 * line.height or before.base == float("inf"):
        return " " if goes_on and not _ENDS.search(before.text) else "\n\n"
    if abs(before.base - line.base) < 0.7 * line.height and line.left >= before.right:
        return " "  # the cells of one row
    same_size = 0.85 < before.height / line.height < 1.18
    if not same_size or before.base - line.base > 1.35 * pitch:
        return "\n\n" if not (goes_on and same_size and not _ENDS.search(before.text)) else " "
    if _ITEM.match(line.text):
        return "\n"
    is_full = before.right > edge[1] - 0.2 * (edge[1] - edge[0])
    wraps = (
        is_full and before.parts == line.parts == 1 and not _ENDS.search(before.text) and not before.text[-1:].isdigit()
    )
    return " " if goes_on or wraps else "\n"


def without_repeated(pages: list[list[Line]]) -> list[list[Line]]:
    """Return the pages with repeated headers and footers kept only once."""
    if len(pages) < 3:
        return pages
    counts: dict[str, int] = {}
    for page in pages:
        for key in {_key(line) for line in _edge(page)}:
            counts[key] = counts.get(key, 0) + 1
    repeated = {key for key, count in counts.items() if count >= max(3, 0.6 * len(pages))}
    seen: set[str] = set()
    result = []
    for page in pages:
        edge = {id(line) for line in _edge(page)}
        kept = []
        for line in page:
            key = _key(line)
            if id(line) in edge and key in repeated:
                if key in seen or not re.search(r"[^\W\d_]{3}", line.text):
                    continue
                seen.add(key)
            kept.append(line)
        result.append(kept)
    return result


def _edge(page: list[Line]) -> list[Line]:
    """Return the two highest and the two lowest lines of a page."""
    by_height = sorted(page, key=lambda line: line.base)
    return (
        [*by_height[:2], *by_height[-2:]] if len(page) > 4 else page if len(page) < 3 else [by_height[0], by_height[-1]]
    )


def _key(line: Line) -> str:
    return re.sub(r"\d+", "#", line.text.lower())

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
    document_words = {word.lower() for page in pages for line in page for word in re.findall(r"[\w-]+", line.text)}
    parts: list[str] = []
    previous: Line | None = None
    edges: dict[tuple[int, int], tuple[float, float]] = {}
    for number, page in enumerate(pages):
        for line in page:
            low, high = edges.get((number, line.flow), (line.left, line.right))
            edges[number, line.flow] = (min(low, line.left), max(high, line.right))
    for number, page in enumerate(pages):
        pitch = _pitch(page)
        for line in page:
            if previous is None:
                separator = ""
            elif previous.hyphen or _is_cut(previous.text, line.text):
                separator, parts[-1] = "", _join_word(parts[-1], line.text, document_words)
            else:
                separator = _separator(previous, line, pitch, edges.get((number, previous.flow), (0, 0)))
            parts.append(separator + line.text)
            previous = line
        if previous is not None:
            previous = replace(previous, base=float("inf"))
    return "".join(parts)


def _pitch(page: list[Line]) -> float:
    """Return the median distance of consecutive lines."""
    steps = [a.base - b.base for a, b in zip(page, page[1:], strict=False) if a.flow == b.flow and a.base > b.base]
    usual = [step for step, line in zip(steps, page, strict=False) if step < 2.5 * line.height]
    return median(usual) if usual else 1e9


def _is_cut(text: str, following: str) -> bool:
    is_word = re.search(r"[^\W\d_]-$", text) and following[:1].islower()
    return bool(is_word or re.search(r"\d-$", text) and following[:1].isdigit())


def _join_word(text: str, following: str, known: set[str]) -> str:
    """Return a text that ends with a hyphenated word, without the hyphen unless the whole word has one."""
    text = text.removesuffix("-")
    first, second = re.search(r"[\w-]*$", text), re.match(r"[\w-]*", following)
    one, two = first[0].lower() if first else "", second[0].lower() if second else ""
    keeps = f"{one}-{two}" in known or not following[:1].islower() or two in _HARD_ENDINGS or one in _HARD_BEGINNINGS
    return text + "-" if keeps and one + two not in known else text


def _separator(previous: Line, line: Line, pitch: float, column: tuple[float, float]) -> str:
    """Return the separator of two lines: a space, a line break or an empty line."""
    if previous.is_table or line.is_table:
        return "\n\n"
    continues = line.text[:1].islower() and not _ITEM.match(line.text)
    if previous.flow != line.flow or previous.base < line.base - 0.7 * line.height or previous.base == float("inf"):
        return " " if continues and not _ENDS.search(previous.text) else "\n\n"
    if abs(previous.base - line.base) < 0.7 * line.height and line.left >= previous.right:
        return " "  # the cells of one row
    same_size = 0.85 < previous.height / line.height < 1.18
    if not same_size or previous.base - line.base > 1.35 * pitch:
        return "\n\n" if not (continues and same_size and not _ENDS.search(previous.text)) else " "
    if _ITEM.match(line.text):
        return "\n"
    is_full = previous.right > column[1] - 0.2 * (column[1] - column[0])
    is_sentence_open = not _ENDS.search(previous.text) and not previous.text[-1:].isdigit()
    wraps = is_full and previous.parts == line.parts == 1 and is_sentence_open
    return " " if continues or wraps else "\n"


def without_repeated(pages: list[list[Line]]) -> list[list[Line]]:
    """Return the pages with repeated headers and footers kept only once."""
    if len(pages) < 3:
        return pages
    counts: dict[str, int] = {}
    for page in pages:
        for key in {_key(line) for line in _edge(page)}:
            counts[key] = counts.get(key, 0) + 1
    repeated = {key for key, count in counts.items() if count >= max(3, 0.6 * len(pages))}
    kept_keys: set[str] = set()
    result = []
    for page in pages:
        edge = {id(line) for line in _edge(page)}
        lines = []
        for line in page:
            key = _key(line)
            if id(line) in edge and key in repeated:
                if key in kept_keys or not re.search(r"[^\W\d_]{3}", line.text):
                    continue
                kept_keys.add(key)
            lines.append(line)
        result.append(lines)
    return result


def _edge(page: list[Line]) -> list[Line]:
    """Return the two highest and the two lowest lines of a page."""
    by_height = sorted(page, key=lambda line: line.base)
    return (
        [*by_height[:2], *by_height[-2:]] if len(page) > 4 else page if len(page) < 3 else [by_height[0], by_height[-1]]
    )


def _key(line: Line) -> str:
    return re.sub(r"\d+", "#", line.text.lower())

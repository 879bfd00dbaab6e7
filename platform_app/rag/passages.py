"""Passages: the chunks found for a question, without doubles, and with neighbours joined for the prompt."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

MAX_JOINED = 4  # chunks of a passage
MAX_OVERLAP, LEAST_OVERLAP = 400, 20  # characters that two neighbours may repeat; a shorter repetition is chance
HEADING_PARTS = " › "
_TABLE_HEAD = re.compile(r"\A[^\n]*\|[^\n]*\n[ \t|:-]*-[ \t|:-]*\n")


@dataclass
class Passage:
    """A chunk found for a question, or several neighbours of one source, joined."""

    chunk_id: str  # of neighbours: that of the best one, to which scores and rank belong
    source_id: str
    source_title: str
    heading: str
    text: str
    score: float  # combined, 0 to 1
    lexical_score: float  # share of the question's worth that the words hold
    vector_score: float  # cosine similarity
    rank: int
    used: bool  # in the prompt
    number: int = 0  # by which a reply cites it; 0 if not in the prompt
    cited: bool = False  # cited by the reply
    source_address: str = ""  # of a web page
    place: int = 0  # of the chunk in its source, from 0
    is_double: bool = False  # another passage in the prompt has its text
    joined: list[str] = field(default_factory=list)  # the ids of all its chunks in their order; empty if it is one

    def as_json(self) -> dict[str, Any]:
        """Return the passage as JSON values."""
        return asdict(self)


def mark_doubles(passages: Sequence[Passage]) -> list[Passage]:
    """Return the passages whose text no better one has, best first; the others are marked."""
    kept: dict[str, Passage] = {}
    for passage in passages:
        text = " ".join(passage.text.casefold().split())
        passage.is_double = text in kept or any(text in better for better in kept)
        if not passage.is_double:
            kept[text] = passage
    return list(kept.values())


def join_neighbours(passages: Sequence[Passage]) -> list[Passage]:
    """Return passages, best first, with those of adjoining chunks of one source joined, and number them from 1.

    The passages that are joined are marked as used with the number of the whole.
    """
    groups = sorted(_adjoining(passages), key=lambda group: min(passage.rank for passage in group))
    whole = []
    for number, group in enumerate(groups, 1):
        for passage in group:
            passage.used, passage.number = True, number
        whole.append(_join(group) if len(group) > 1 else group[0])
    return whole


def _adjoining(passages: Sequence[Passage]) -> list[list[Passage]]:
    """Return the passages in groups of up to MAX_JOINED neighbours."""
    groups: list[list[Passage]] = []
    for passage in sorted(passages, key=lambda one: (one.source_id, one.place)):
        last = groups[-1] if groups else []
        follows = last and (last[-1].source_id, last[-1].place + 1) == (passage.source_id, passage.place)
        if follows and len(last) < MAX_JOINED:
            last.append(passage)
        else:
            groups.append([passage])
    return groups


def _join(group: Sequence[Passage]) -> Passage:
    """Return neighbours as one passage: under the heading that all have, what they repeat given once."""
    common = _common_parts([passage.heading.split(HEADING_PARTS) for passage in group])
    text, heading = "", HEADING_PARTS.join(common)
    for passage in group:
        own = passage.heading.split(HEADING_PARTS)[len(common) :]
        is_new = passage.heading != heading and own and own[-1].casefold() not in passage.text[:MAX_OVERLAP].casefold()
        heading = passage.heading
        text = _append(text, f"{own[-1]}\n{passage.text}" if is_new else passage.text)
    best = min(group, key=lambda passage: passage.rank)
    ids = [passage.chunk_id for passage in group]
    return replace(best, heading=HEADING_PARTS.join(common), text=text, joined=ids)


def _common_parts(headings: list[list[str]]) -> list[str]:
    common = []
    for parts in zip(*headings, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return common


def _append(text: str, following: str) -> str:
    """Return a text with what follows it in the source, without the repeated head of a table and the overlap."""
    head = _TABLE_HEAD.match(following)
    if head is not None and head[0] in text:
        following = following[head.end() :]
    most = min(MAX_OVERLAP, len(text), len(following))
    overlap = next((n for n in range(most, LEAST_OVERLAP - 1, -1) if text.endswith(following[:n])), 0)
    if overlap:
        return text + following[overlap:]
    return f"{text}\n{following}" if text else following

"""Search text: one indexed column by which contacts and leads are searched.

The column holds folded lines: the name first, since lists are sorted by it, then addresses, the digits of phone
numbers, and each tag after a #. Deleted rows keep it and are excluded by `deleted_at`.
"""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, or_

from platform_app.automation.values import fold

_MAX_CHARS = 1_500
_PHONE = re.compile(r"[+(\d][\d\s().\-]{2,}")


def build_search_text(
    name: str, *, lines: Iterable[str] = (), phones: Iterable[str] = (), tags: Iterable[str] = ()
) -> str:
    """Return the search text of a row, at most _MAX_CHARS characters."""
    parts = [fold(name), *(fold(line) for line in lines if line)]
    parts += [phone + "\n" + _digits(phone) for phone in phones]
    parts += [_tag(tag) for tag in tags]
    return "\n".join(parts)[: _MAX_CHARS - 1] + "\n"


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _phone_variants(digits: str) -> list[str]:
    """Return the digits that a number may be stored with: as given, and without 00 or a trunk prefix (8 or 0)."""
    short = digits.removeprefix("00")
    return [digits, short, short[1:]] if len(short) > 4 and short[0] in "08" else [digits, short]


def _tag(tag: str) -> str:
    return f"#{fold(tag)}"


def filter_rows(query: Any, column: Any, search: str, tag: str = "") -> Any:
    """Return the query narrowed to rows with every word of `search` and with `tag`.

    A search that looks like a phone number is matched by its digits.
    """
    query = query.where(*search_conditions(column, search))
    return query.where(column.contains(f"\n{_tag(tag)}\n", autoescape=True)) if tag.strip() else query


def search_conditions(column: Any, search: str) -> list[ColumnElement[bool]]:
    """Return the conditions that a row has every word of `search`, or the digits if it looks like a phone number."""
    wanted = " ".join(search.split())[:200]
    if _PHONE.fullmatch(number := wanted.strip("'`’")):
        ways = dict.fromkeys((fold(wanted), *_phone_variants(_digits(number))))
        return [or_(*(column.contains(way, autoescape=True) for way in ways))]
    return [column.contains(fold(word), autoescape=True) for word in wanted.split()[:8]]

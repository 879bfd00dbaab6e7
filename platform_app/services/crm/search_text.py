"""Searching: what contacts and leads are found by, kept in one column that one index covers.

The column holds lines, folded as texts are compared: the name first (lists are sorted by it), then addresses, the
digits of phone numbers, and each tag after a #. What is deleted keeps its line and is left out by `deleted_at`.
"""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_

from platform_app.automation.values import fold

_MAX_CHARS = 1_500
_PHONE = re.compile(r"[+(\d][\d\s().\-]{2,}")


def build_search_text(
    name: str, *, lines: Iterable[str] = (), phones: Iterable[str] = (), tags: Iterable[str] = ()
) -> str:
    """Return what a row is found by."""
    found = [fold(name), *(fold(line) for line in lines if line)]
    found += [phone + "\n" + _digits(phone) for phone in phones]
    found += [_tag(tag) for tag in tags]
    return "\n".join(found)[: _MAX_CHARS - 1] + "\n"


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _phone_variants(digits: str) -> list[str]:
    """Return the digits that a number may be kept with: as they are, and without 00 or a trunk prefix (8 or 0)."""
    short = digits.removeprefix("00")
    return [digits, short, short[1:]] if len(short) > 4 and short[0] in "08" else [digits, short]


def _tag(tag: str) -> str:
    return f"#{fold(tag)}"


def filter_rows(query: Any, column: Any, search: str, tag: str = "") -> Any:
    """Narrow a query to rows that hold every word of a search, or its digits when it may be a phone number."""
    wanted = " ".join(search.split())[:200]
    if _PHONE.fullmatch(number := wanted.strip("'`’")):
        ways = dict.fromkeys((fold(wanted), *_phone_variants(_digits(number))))
        query = query.where(or_(*(column.contains(way, autoescape=True) for way in ways)))
    else:
        for word in wanted.split()[:8]:
            query = query.where(column.contains(fold(word), autoescape=True))
    return query.where(column.contains(f"\n{_tag(tag)}\n", autoescape=True)) if tag.strip() else query

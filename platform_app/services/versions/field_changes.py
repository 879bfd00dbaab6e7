"""Field changes: the differences between two states of an agent, script, rule or sequence."""

import difflib
from dataclasses import dataclass
from typing import Any

_MAX_DIFF_LINES = 2000  # longer texts are not compared by line, which would take seconds


@dataclass
class FieldChange:
    """The difference in one field; `lines` is a unified diff of a text of several lines, else empty."""

    field: str
    before: Any
    after: Any
    lines: list[str]


def diff_fields(old: dict[str, Any], new: dict[str, Any]) -> list[FieldChange]:
    """Return the fields that differ between two states, in the order of the new one."""
    return [
        FieldChange(field, old.get(field), new.get(field), changed_lines(old.get(field), new.get(field)))
        for field in new | old
        if old.get(field) != new.get(field)
    ]


def changed_lines(before: Any, after: Any) -> list[str]:
    """Return a unified diff, with one line of context, of a text of several lines; else []."""
    if not isinstance(before, str) or "\n" not in f"{before}{after}":
        return []
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MAX_DIFF_LINES:
        return []
    marked = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]  # without the two file names
    return [line for line in marked if not line.startswith("@@")]

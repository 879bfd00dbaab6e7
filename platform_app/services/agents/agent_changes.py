"""Agent changes: differences between two states of an agent's settings."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from platform_app.models.agent import AgentSettings

_MAX_DIFF_LINES = 2000  # longer texts are not compared by line, which would take seconds


@dataclass
class FieldChange:
    """The difference in one field; `lines` is a unified diff of a text of several lines, else empty."""

    field: str
    before: Any
    after: Any
    lines: list[str]


def diff_settings(before: dict[str, Any], after: dict[str, Any]) -> list[FieldChange]:
    """Return the fields that differ between two states of settings, in the order of AgentSettings."""
    old, new = (AgentSettings.model_validate(side).model_dump(mode="json") for side in (before, after))
    return diff_fields(old, new, AgentSettings.model_fields)


def diff_fields(old: dict[str, Any], new: dict[str, Any], fields: Iterable[str]) -> list[FieldChange]:
    """Return the given fields that differ between two states, in the given order."""
    return [
        FieldChange(field, old.get(field), new.get(field), _changed_lines(old.get(field), new.get(field)))
        for field in fields
        if old.get(field) != new.get(field)
    ]


def _changed_lines(before: Any, after: Any) -> list[str]:
    """Return a unified diff, with one line of context, of a text of several lines; else []."""
    if not isinstance(before, str) or "\n" not in f"{before}{after}":
        return []
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _MAX_DIFF_LINES:
        return []
    marked = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]  # without the two file names
    return [line for line in marked if not line.startswith("@@")]

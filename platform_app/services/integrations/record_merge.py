"""Record merge: decides field by field which values of a record and of a row are taken over by the other side."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from platform_app.integrations.base import FIELD_PREFIX
from platform_app.models.integration import ConflictRule

CONTACTS = "contacts"  # a value of leads: a list whose items are compared one by one
EMPTY: tuple[Any, ...] = (None, "", [], "0", "0.00", False)  # budgets have no or two decimals


@dataclass(frozen=True)
class Sides:
    """Values of both sides by field, in the CRM's terms: as they are now, and as they were when both were the same."""

    own: Mapping[str, Any]
    external: Mapping[str, Any]
    own_before: Mapping[str, Any]
    external_before: Mapping[str, Any]
    own_at: datetime  # when either side was changed last
    external_at: datetime


@dataclass(frozen=True)
class Merged:
    """What is to be done: the values to take over here, and those to send to the CRM."""

    take: dict[str, Any] = field(default_factory=dict)
    send: dict[str, Any] = field(default_factory=dict)


def merge(sides: Sides, rules: Mapping[str, str], read_only: Container[str] = ()) -> Merged:
    """Return which values go where. Pure.

    A field that one side changed is taken over by the other; `rules` decide about a field that both changed. A field
    without values of before (it was mapped later) takes those of the CRM, unless these are empty. A field that is
    `read_only` there is never sent. Of the further contacts of a lead, each that either side added or removed counts.
    """
    merged = Merged()
    for name, own in sides.own.items():
        if name not in sides.external:
            continue
        external = sides.external[name]
        if name not in sides.own_before or name not in sides.external_before:
            is_changed_here = own not in EMPTY and (external in EMPTY or name == CONTACTS)
            is_changed_there = external not in EMPTY
        else:
            is_changed_here = own != sides.own_before[name]
            is_changed_there = external != sides.external_before[name]
        if own == external or not (is_changed_here or is_changed_there):
            continue
        if name == CONTACTS and is_changed_here and is_changed_there:
            joined = _joined(own, external, sides.own_before.get(name, ()))
            merged.take.update({name: joined} if joined != own else {})
            merged.send.update({name: joined} if joined != external else {})
        elif name in read_only:
            merged.take.update({name: external} if is_changed_there else {})
        elif is_changed_here and (not is_changed_there or _own_wins(name, sides, rules)):
            merged.send[name] = own
        else:
            merged.take[name] = external
    return merged


def _joined(own: list[str], external: list[str], own_before: Collection[str]) -> list[str]:
    """Return the items of the CRM's list with those that were added here and without those that were removed here."""
    return sorted((set(external) - (set(own_before) - set(own))) | (set(own) - set(own_before)))


def rule_of(name: str, rules: Mapping[str, str]) -> ConflictRule:
    """Return the rule for a field; fields without their own follow that of "fields"."""
    written = rules.get(name) or (rules.get("fields") if name.startswith(FIELD_PREFIX) else None)
    return ConflictRule(written) if written in set(ConflictRule) else ConflictRule.NEWEST


def _own_wins(name: str, sides: Sides, rules: Mapping[str, str]) -> bool:
    rule = rule_of(name, rules)
    if rule == ConflictRule.NEWEST:
        return sides.own_at > sides.external_at
    return rule == ConflictRule.PLATFORM

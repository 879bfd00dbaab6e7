"""Record merge: a change of one side goes to the other, and rules decide when both changed a field."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_app.services.integrations.record_merge import Sides, merge, rule_of

AT = datetime(2026, 11, 30, tzinfo=UTC)


def sides(own: Any, external: Any, before: Any = "a", *, own_later: bool = False) -> Sides:
    """Return one field of both sides."""
    held = {} if before is None else {"title": before}
    at = AT + timedelta(seconds=1 if own_later else -1)
    return Sides({"title": own}, {"title": external}, held, held, at, AT)


@pytest.mark.parametrize(
    ("own", "external", "take", "send"),
    [
        ("a", "a", {}, {}),
        ("a", "b", {"title": "b"}, {}),
        ("b", "a", {}, {"title": "b"}),
        ("b", "b", {}, {}),
        ("", "a", {}, {"title": ""}),
        ("a", "", {"title": ""}, {}),
    ],
)
def test_a_change_of_one_side_goes_to_the_other(own: str, external: str, take: Any, send: Any) -> None:
    merged = merge(sides(own, external), {})
    assert (merged.take, merged.send) == (take, send)


@pytest.mark.parametrize(
    ("rule", "own_later", "wins"),
    [("crm", True, "external"), ("platform", False, "own"), ("newest", True, "own"), ("newest", False, "external")],
)
def test_a_rule_decides_when_both_changed(rule: str, own_later: bool, wins: str) -> None:
    merged = merge(sides("own", "external", own_later=own_later), {"title": rule})
    assert (merged.take or merged.send) == {"title": wins}
    assert bool(merged.take) == (wins == "external")


def test_a_field_that_is_mapped_later_takes_what_the_crm_has() -> None:
    assert merge(sides("own", "external", None), {}).take == {"title": "external"}
    assert merge(sides("own", "", None), {}).send == {"title": "own"}
    assert merge(sides("", "", None), {}).take == {}


def test_custom_fields_without_their_own_rule_follow_that_of_all() -> None:
    assert rule_of("field:7", {"fields": "platform"}) == "platform"
    assert rule_of("field:7", {"fields": "platform", "field:7": "crm"}) == "crm"
    assert rule_of("title", {"fields": "platform", "title": "no such rule"}) == "newest"


VALUES = st.sampled_from(["", "a", "b", "c"])


@given(VALUES, VALUES, VALUES, st.sampled_from(["newest", "crm", "platform"]), st.booleans())
def test_both_sides_are_the_same_afterwards(own: str, external: str, before: str, rule: str, own_later: bool) -> None:
    merged = merge(sides(own, external, before, own_later=own_later), {"title": rule})
    assert merged.take.get("title", own) == merged.send.get("title", external)


@pytest.mark.parametrize(
    ("own", "external", "before", "take", "send"),
    [
        (["1", "2", "5"], ["2", "3", "7"], ["1", "2", "3"], ["2", "5", "7"], ["2", "5", "7"]),
        (["1", "5"], ["1", "5"], ["1"], None, None),
        (["2"], ["1", "2"], ["1", "3"], None, ["2"]),
        (["1"], ["2"], None, ["1", "2"], ["1", "2"]),
        ([], ["2"], None, ["2"], None),
    ],
)
def test_of_the_contacts_of_a_lead_each_that_was_added_or_removed_counts(
    own: list[str], external: list[str], before: list[str] | None, take: Any, send: Any
) -> None:
    held = {} if before is None else {"contacts": before}
    merged = merge(Sides({"contacts": own}, {"contacts": external}, held, held, AT, AT), {"contacts": "crm"})
    assert (merged.take.get("contacts"), merged.send.get("contacts")) == (take, send)

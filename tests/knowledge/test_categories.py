"""Categories: nested, ordered, named once, and of one tenant."""

import pytest

from platform_app.db import session_scope
from platform_app.errors import Invalid, LimitReached, NotFound
from platform_app.models.person import Identity
from platform_app.services.knowledge import categories
from tests.talking import call


def add(who: Identity, name: str, parent_id: str | None = None) -> str:
    return str(call(who, categories.add, name, parent_id=parent_id).id)


def shown(who: Identity) -> list[str]:
    return ["  " * depth + row.name for row, depth in call(who, categories.list_categories)]


def test_a_tree_in_order(who: Identity) -> None:
    shop = add(who, "Shop")
    add(who, "Repair")
    add(who, "  Prices \n of today ", shop)
    add(who, "Return", shop)
    assert shown(who) == ["Shop", "  Prices of today", "  Return", "Repair"]


def test_moving_stays_among_siblings(who: Identity) -> None:
    ids = [add(who, name) for name in ("A", "B", "C")]
    call(who, categories.move, ids[2], up=True)
    assert shown(who) == ["A", "C", "B"]
    call(who, categories.move, ids[0], up=True)
    call(who, categories.move, ids[1], up=False)
    assert shown(who) == ["A", "C", "B"]


def test_what_lies_in_a_deleted_one_moves_up(who: Identity) -> None:
    outer = add(who, "Outer")
    middle = add(who, "Middle", outer)
    add(who, "Inner", middle)
    call(who, categories.delete, middle)
    assert shown(who) == ["Outer", "  Inner"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 121, "SHOP", " shop ", "a\x00b", "a\u202eb"])
def test_names_that_are_not_taken(who: Identity, name: str) -> None:
    add(who, "Shop")
    other = add(who, "Other")
    with pytest.raises(Invalid):
        add(who, name)
    with pytest.raises(Invalid):
        call(who, categories.rename, other, name)
    assert shown(who) == ["Shop", "Other"]


def test_a_name_may_stay_and_may_repeat_elsewhere(who: Identity) -> None:
    shop = add(who, "Shop")
    call(who, categories.rename, shop, "SHOP")
    add(who, "Shop", shop)
    assert shown(who) == ["SHOP", "  Shop"]


def test_depth_and_number_are_limited(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    last: str | None = None
    for depth in range(categories.MAX_DEPTH):
        last = add(who, f"level {depth}", last)
    with pytest.raises(LimitReached):
        add(who, "too deep", last)
    monkeypatch.setattr(categories, "MAX_CATEGORIES", categories.MAX_DEPTH)
    with pytest.raises(LimitReached):
        add(who, "too many")


def test_of_another_tenant_there_is_none(who: Identity, other: Identity) -> None:
    theirs = add(other, "Theirs")
    for act, named in (
        (categories.get, {}),
        (categories.delete, {}),
        (categories.rename, {"name": "Mine"}),
        (categories.move, {"up": True}),
    ):
        with pytest.raises(NotFound):
            call(who, act, theirs, **named)
    with pytest.raises(NotFound):
        add(who, "Mine", theirs)
    with session_scope(who.tenant_id) as session:
        assert categories.with_descendants(session, who.tenant_id, [theirs]) == []
    assert shown(other) == ["Theirs"] and shown(who) == []

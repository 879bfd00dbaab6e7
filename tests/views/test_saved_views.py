"""Saved views: filters of a list under a name, of a member or the company, opened, removed and restored."""

from datetime import timedelta

import pytest
import time_machine

from platform_app.clock import now
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from platform_app.models.person import Identity, Role
from platform_app.models.saved_view import ViewedList
from platform_app.services.views import saved_views
from platform_app.state.views.saved_views import SavedViewsState
from tests.conftest import make_member
from tests.headless.harness import Tab, sign_in
from tests.talking import call

LEADS = ViewedList.LEADS


def save(who: Identity, name: str, query: str = "tag=big", *, shared: bool = False) -> str:
    return str(call(who, saved_views.create, LEADS, name=name, query=query, shared=shared).id)


def names(who: Identity, viewed: ViewedList = LEADS) -> list[str]:
    return [row.name for row in call(who, saved_views.list_views, viewed)]


@pytest.mark.parametrize(
    ("viewed", "query", "kept"),
    [
        (LEADS, "?q=bike&view=list&page=3&utm=x&stage=all", "view=list&q=bike"),
        (LEADS, "tag=%D0%B0%26b%3Dc", "tag=%D0%B0%26b%3Dc"),
        (LEADS, "tag=a%00b&q=" + "x" * 900, "q=" + "x" * 200),
        (ViewedList.INBOX, "c=0123&view=mine&after=1", "view=mine"),
        (ViewedList.RUNS, "state=failed&tag=x", "state=failed"),
        (ViewedList.CONTACTS, "page=2", ""),
    ],
)
def test_only_filters_of_the_list_make_a_view(viewed: ViewedList, query: str, kept: str) -> None:
    assert saved_views.filters_of(viewed, query) == kept


def test_own_views_are_one_members_and_those_of_the_company_everyones(who: Identity, other: Identity) -> None:
    colleague, admin = make_member(who, Role.OPERATOR), make_member(who, Role.ADMIN)
    save(who, "Mine")
    shared = save(who, "Ours", shared=True)
    assert (names(who), names(colleague), names(other)) == (["Ours", "Mine"], ["Ours"], [])
    assert names(who, ViewedList.CONTACTS) == []
    for stranger, error in ((colleague, Forbidden), (other, NotFound)):
        with pytest.raises(error):
            call(stranger, saved_views.remove, shared)
    call(admin, saved_views.remove, shared)
    with pytest.raises(NotFound):
        call(admin, saved_views.remove, shared)
    call(admin, saved_views.restore, shared)
    assert names(colleague) == ["Ours"]


def test_a_removed_view_is_forgotten_after_a_day(who: Identity) -> None:
    old, young = save(who, "Old"), save(who, "Young")
    call(who, saved_views.remove, old)
    with time_machine.travel(now() + timedelta(days=2)):
        call(who, saved_views.remove, young)
        with pytest.raises(NotFound):
            call(who, saved_views.restore, old)
        call(who, saved_views.restore, young)
    assert names(who) == ["Young"]


def test_names_and_numbers_are_bounded(who: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    save(who, " Big   leads ")
    assert names(who) == ["Big leads"]
    for name, query, error in (
        (" ", "tag=a", Invalid),
        ("x" * 61, "tag=a", Invalid),
        ("Other", "page=2", Invalid),
        ("BIG leads", "tag=a", Conflict),
    ):
        with pytest.raises(error):
            save(who, name, query)
    save(who, "Big leads", shared=True)
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 2)
    with pytest.raises(LimitReached):
        save(who, "More")


async def test_a_view_is_saved_from_the_address_opened_and_removed_with_undo(who: Identity) -> None:
    async with Tab(sign_in(who)) as tab:
        await tab.goto("/manage/acme/leads?view=list&tag=big")
        await tab.send(SavedViewsState.toggle(True))
        await tab.send(SavedViewsState.note_query("?view=list&tag=big&page=2"))
        assert tab.get(SavedViewsState, "can_save")
        await tab.send(SavedViewsState.save({"name": " "}))
        assert tab.get(SavedViewsState, "problem") == "Enter a name of up to 60 characters."
        await tab.send(SavedViewsState.save({"name": "Big", "shared": "on"}))
        (row,) = tab.get(SavedViewsState, "rows")
        assert (row.name, row.link, row.is_shared, row.is_current) == (
            "Big",
            "/manage/acme/leads?view=list&tag=big",
            True,
            True,
        )
        await tab.send(SavedViewsState.delete(row.id), settle=False)
        await tab.until(lambda: tab.get(SavedViewsState, "rows") == [])
        await tab.send(SavedViewsState.undo, settle=False)
        await tab.until(lambda: len(tab.get(SavedViewsState, "rows")) == 1)
        await tab.goto("/manage/acme/contacts")
        assert tab.get(SavedViewsState, "rows") == []
        await tab.goto("/manage/acme/settings")
        await tab.send(SavedViewsState.note_query("?tag=a"))
        assert "isn’t allowed" not in tab.scripts()


async def test_viewers_save_own_views_and_remove_only_those(who: Identity) -> None:
    save(who, "Big", shared=True)
    viewer = make_member(who, Role.VIEWER)
    async with Tab(sign_in(viewer)) as tab:
        await tab.goto("/manage/acme/leads")
        (row,) = tab.get(SavedViewsState, "rows")
        assert not row.may_remove
        await tab.send(SavedViewsState.delete(row.id))
        await tab.send(SavedViewsState.note_query("?tag=small"))
        await tab.send(SavedViewsState.save({"name": "Theirs", "shared": "on"}))
        assert "can’t save views for everyone" in tab.get(SavedViewsState, "problem")
        await tab.send(SavedViewsState.save({"name": "Theirs"}))
        assert names(viewer) == ["Big", "Theirs"]
        own = next(row for row in tab.get(SavedViewsState, "rows") if not row.is_shared)
        await tab.send(SavedViewsState.delete(own.id), settle=False)
        await tab.until(lambda: names(viewer) == ["Big"])
        await tab.send(SavedViewsState.undo, settle=False)
        await tab.until(lambda: names(viewer) == ["Big", "Theirs"])
    assert names(who) == ["Big"]

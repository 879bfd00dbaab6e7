"""Web addresses in the console: added, read, paused, filtered, changed, deleted and brought back."""

import asyncio
from collections.abc import Iterator

import pytest

from platform_app.models.person import Identity, Role
from platform_app.models.web_site import SiteState
from platform_app.rag import vector_index
from platform_app.services.knowledge import sites
from platform_app.state.knowledge.knowledge import KnowledgeState
from platform_app.state.knowledge.site import SitePageState
from platform_app.state.knowledge.sites import SitesState
from tests.conftest import forget_process_state, make_member
from tests.fakes.site import Site
from tests.headless.harness import Tab, sign_in
from tests.headless.test_articles import opened
from tests.knowledge.test_sites import FORM, work
from tests.talking import call, run_jobs


@pytest.fixture
def site(database: str, env: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site of two pages, one of which is missing, that may be reached."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    env.setenv("PLATFORM_SITE_PAUSE_SECONDS", "0")
    forget_process_state()
    monkeypatch.setattr(vector_index, "put", lambda *given, **named: None)
    with Site() as made:
        made.page("/", "Shop", "Bicycles.", "/missing")
        yield made


async def opened_site(tab: Tab, site_id: str) -> None:
    await opened(tab, f"/sites/{site_id}", SitePageState, "loaded")


async def test_a_web_address_is_added_read_and_reported(who: Identity, site: Site) -> None:
    async with Tab(sign_in(who)) as tab:
        await opened_site(tab, "new")
        await tab.send(SitePageState.save(FORM | {"address": "shop", "category": "none"}), settle=False)
        await tab.until(lambda: tab.get(SitePageState, "problem"))
        assert tab.get(SitePageState, "problem_field") == "address"
        await tab.send(SitePageState.save(FORM | {"address": site.address, "category": "none"}), settle=False)
        await tab.until(lambda: call(who, sites.list_sites))
        (made,) = call(who, sites.list_sites)
        await opened_site(tab, made.id)
        await tab.until(lambda: tab.get(SitePageState, "rows"))
        (row,) = tab.get(SitePageState, "rows")
        assert (row.state, row.is_reading, row.due) == ("Queued", True, "Now")
        await asyncio.to_thread(work, who)
        await asyncio.to_thread(run_jobs, who)
        await tab.send(SitePageState.filter_outcome("all"))
        (row,) = tab.get(SitePageState, "rows")
        assert (row.state, row.pages, row.is_reading) == ("Ready", "1 page", False)
        assert {one.label: one.count for one in tab.get(SitePageState, "outcomes")} == {"New": "1", "Skipped": "1"}
        await tab.send(SitePageState.filter_outcome("skipped"))
        assert [one.path for one in tab.get(SitePageState, "pages_shown")] == ["/missing"]
        await tab.send(SitePageState.read_now)
        assert call(who, sites.get, made.id).state == SiteState.QUEUED
        await tab.send(SitePageState.save(FORM | {"interval": "month", "category": "none"}))
        assert call(who, sites.get, made.id).interval == "month"


async def test_the_list_pauses_deletes_and_brings_back(who: Identity, site: Site) -> None:
    made = call(who, sites.create, FORM | {"address": site.address})
    async with Tab(sign_in(who)) as tab:
        await opened(tab, "", KnowledgeState, "loaded")
        await tab.until(lambda: tab.get(SitesState, "rows"))
        await tab.send(SitesState.set_paused(made.id, True))
        assert tab.get(SitesState, "rows")[0].state == "Paused" and call(who, sites.get, made.id).is_paused
        await tab.send(SitesState.set_paused(made.id, False))
        assert tab.get(SitesState, "rows")[0].state == "Queued"
        await tab.send(SitesState.delete(made.id), settle=False)
        await tab.until(lambda: tab.get(SitesState, "undo_sentence"))
        assert tab.get(SitesState, "rows") == []
        await tab.send(SitesState.undo)
        assert [row.id for row in tab.get(SitesState, "rows")] == [made.id]


async def test_a_viewer_changes_nothing(who: Identity, site: Site) -> None:
    made = call(who, sites.create, FORM | {"address": site.address})
    async with Tab(sign_in(make_member(who, Role.VIEWER))) as tab:
        await opened_site(tab, made.id)
        for event in (
            SitePageState.save(FORM | {"interval": "month"}),
            SitePageState.set_paused(True),
            SitePageState.delete,
            SitesState.set_paused(made.id, True),
        ):
            await tab.send(event)
        row = call(who, sites.get, made.id)
        assert (row.interval, row.is_paused, row.deleted_at) == ("day", False, None)

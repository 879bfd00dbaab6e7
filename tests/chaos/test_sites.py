"""Web addresses under faults: the worker is killed three times while it reads a site; each page is there once."""

from collections import Counter

import pytest

from platform_app.db import owned, session_scope
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.models.web_site import PageOutcome, SiteState
from platform_app.rag import vector_index
from platform_app.rag.embedders import HASHED
from platform_app.services.knowledge import site_readings, sites, sources
from tests.chaos.conftest import NewWorker, OwnRedis, size
from tests.conftest import forget_process_state, wait_for
from tests.fakes.site import Site
from tests.knowledge.test_sites import FORM
from tests.talking import call

PAGES = int(size("PAGES", 40, 40))
KILLS = 3


def outcomes(who: Identity, site_id: str) -> Counter[PageOutcome]:
    """Return how many pages of the site there are by what became of them."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return Counter(site_readings.count_by_outcome(session, sites.get(session, who, site_id)))


def states(who: Identity) -> Counter[SourceState]:
    """Return how many sources of pages there are by their states."""
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = session.exec(owned(Source, who.tenant_id)).all()
        return Counter(row.state for row in rows if row.deleted_at is None)


def test_r19d_the_worker_is_killed_three_times_while_a_site_is_read(
    live_chroma: str, own_redis: OwnRedis, who: Identity, new_worker: NewWorker, env: pytest.MonkeyPatch
) -> None:
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    env.setenv("PLATFORM_SITE_PAUSE_SECONDS", "0")
    forget_process_state()
    with Site() as site:
        links = [f"/page{number}" for number in range(1, PAGES)]
        site.page("/", "Start", "All of the lockers.", *links)
        for number, link in enumerate(links, 1):
            site.page(link, f"Locker {number}", f"The locker {number} has the word tango{number * 7919}.")
        form = FORM | {"address": f"{site.address}/", "page_limit": str(PAGES)}
        site_id = str(call(who, sites.create, form).id)
        for kill in range(1, KILLS + 1):
            worker = new_worker("worker")
            wait_for(lambda least=kill: len(set(site.asked)) >= 2 + least * PAGES // (KILLS + 1), 60)
            worker.kill()
        new_worker("worker")
        wait_for(lambda: call(who, sites.get, site_id).state == SiteState.READY, 120)
        wait_for(lambda: states(who) == {SourceState.READY: PAGES}, 120)
    assert outcomes(who, site_id) == {PageOutcome.ADDED: PAGES}
    asked = Counter(path for path in site.asked if path.startswith("/page"))
    assert set(asked) == set(links) and sum(asked.values()) <= len(links) + KILLS, (
        "only what was read at a kill is again"
    )
    check_each_is_there_once(who)


def check_each_is_there_once(who: Identity) -> None:
    """Check that each page has one source with one chunk, and that one vector."""
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = session.exec(owned(Source, who.tenant_id)).all()
        chunks = [chunk.id for row in rows for chunk in sources.list_chunks(session, who, row.id)]
    assert len(rows) == len({row.address for row in rows}) == len(chunks) == PAGES
    ids = [one for part in vector_index.stored_ids(who.tenant_id, HASHED) for one in part]
    assert sorted(ids) == sorted(chunks)

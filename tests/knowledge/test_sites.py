"""Sites: web addresses are read into knowledge, read again for what changed, and a hostile site costs little."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from time import process_time

import pytest

from platform_app import clock
from platform_app.api.completions.citations import chat_annotations
from platform_app.api.rest.conversation_views import source_view
from platform_app.clock import now
from platform_app.db import owned, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.integrations import call_pace, web_pages
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceKind
from platform_app.models.person import Identity
from platform_app.models.web_site import PageOutcome, SiteState, WebPage, WebSite
from platform_app.rag import vector_index
from platform_app.rag.retrieval import retrieve
from platform_app.services.channels.completions import Completion
from platform_app.services.jobs import ledger
from platform_app.services.jobs.effects import Postponed
from platform_app.services.knowledge import site_jobs, site_reading, site_readings, site_results, sites, sources
from tests.conftest import forget_process_state
from tests.fakes.site import Answer, Site
from tests.stored_files import stored_keys
from tests.talking import ELSEWHERE, activities, add_source, call, run_jobs
from worker.tasks import HANDLERS

FORM = {"scope": "site", "depth": "3", "page_limit": "20", "path_prefix": "", "interval": "day"}


@pytest.fixture
def site(env: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site of three pages that may be reached, and is asked without a pause."""
    env.setenv("PLATFORM_EGRESS_ALLOW", "127.0.0.1/32")
    env.setenv("PLATFORM_SITE_PAUSE_SECONDS", "0")
    forget_process_state()
    with Site() as made:
        made.page("/", "Shop", "Bicycles and more.", "/prices", "/hours?utm_source=x#top", "https://elsewhere.test/")
        made.page("/prices", "Prices", "A tune-up costs 4711 rubles.", "/", "/hours")
        made.page("/hours", "Hours", "We are open from ten to eight.")
        yield made


@pytest.fixture(autouse=True)
def _without_vectors(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexing itself is tested elsewhere."""
    monkeypatch.setattr(vector_index, "put", lambda *given, **named: None)
    monkeypatch.setattr(vector_index, "drop", lambda *given, **named: None)


def work(who: Identity, *, most: int = 200) -> int:
    """Do what a worker does with the jobs that read sites until none is due; return how many attempts it took."""
    for count in range(most):
        with session_scope(who.tenant_id, read_only=True) as session:
            query = owned(Job, who.tenant_id).where(
                Job.state == JobState.QUEUED, Job.run_at <= now(), Job.kind == "read_site"
            )
            waiting = session.exec(query.order_by(Job.id)).first()
        if waiting is None or (job := ledger.claim(waiting.id)) is None:
            return count
        try:
            HANDLERS[job.kind](job)
        except Postponed as error:
            ledger.postpone(job, error.sentence, seconds=error.seconds)
            continue
        if not job.is_finished:
            ledger.end_attempt(job, JobState.DONE, "")
    return most


def add(who: Identity, site: Site, path: str = "/", **form: str) -> str:
    """Add an address of the site and read it; return its id."""
    made = call(who, sites.create, FORM | {"address": f"{site.address}{path}"} | form)
    work(who)
    return str(made.id)


def stored(who: Identity, site_id: str) -> WebSite:
    return call(who, sites.get, site_id)  # type: ignore[no-any-return]


def pages(who: Identity, site_id: str) -> dict[str, WebPage]:
    """Return the pages of a site by their paths."""
    with session_scope(who.tenant_id, read_only=True) as session:
        rows = site_readings.list_pages(session, sites.get(session, who, site_id))
    return {"/" + row.address.split("/", 3)[3]: row for row in rows}


def outcomes(who: Identity, site_id: str) -> dict[str, str]:
    return {path: page.outcome.value for path, page in pages(who, site_id).items()}


def titles(who: Identity) -> list[str]:
    """Return the titles of the sources of web pages."""
    with session_scope(who.tenant_id, read_only=True) as session:
        query = owned(Source, who.tenant_id).where(Source.kind == SourceKind.WEB, Source.deleted_at.is_(None))  # type: ignore[union-attr]
        return sorted(source.title for source in session.exec(query).all())


def count_jobs(who: Identity, kind: str) -> int:
    with session_scope(who.tenant_id, read_only=True) as session:
        return len(session.exec(owned(Job, who.tenant_id).where(Job.kind == kind)).all())


def again(who: Identity, site_id: str, site: Site) -> list[str]:
    """Read a site again; return the paths that were asked for."""
    site.asked.clear()
    call(who, sites.read_now, site_id)
    work(who)
    return site.asked


def test_a_site_is_read_page_by_page(who: Identity, site: Site) -> None:
    site_id = add(who, site)
    assert outcomes(who, site_id) == {"/": "added", "/prices": "added", "/hours": "added"}
    assert site.asked == ["/robots.txt", "/sitemap.xml", "/", "/prices", "/hours"]
    assert site.most_at_once == 1 and site.headers[0]["user-agent"].startswith("gpt-agents/")
    assert titles(who) == ["Hours", "Prices", "Shop"]
    row = stored(who, site_id)
    assert (row.state, row.error, row.requests) == (SiteState.READY, "", 5)
    assert row.next_read_at == (row.read_at or now()) + timedelta(days=1)
    run_jobs(who)
    ((price, *_), total) = call(who, sources.list_sources, search="Prices")
    chunks = call(who, sources.list_chunks, price.id)
    assert total == 1 and price.address == f"{site.address}/prices" and "4711" in chunks[0].text
    assert call(who, sources.list_sources)[1] == 0, "pages are listed with their site"
    told = activities(who)
    assert told == ["Web address “{title}” added", "Web address “{title}” read. Pages added, changed or gone: {count}"]


def test_a_citation_leads_to_the_page(who: Identity, site: Site) -> None:
    add_source(who, "Elsewhere", *ELSEWHERE)
    add(who, site, "/prices", scope="page")
    run_jobs(who)
    best = retrieve(who.tenant_id, "How much is a tune-up?").passages[0]
    assert (best.source_title, best.source_address) == ("Prices", f"{site.address}/prices")
    assert source_view(best.as_json()).address == best.source_address
    reply = Completion(text="4711 [1]", sources=[best.as_json() | {"number": 1}])
    (cited,) = chat_annotations(who, reply)
    assert cited["url_citation"]["url"] == best.source_address


def test_one_page_is_only_one(who: Identity, site: Site) -> None:
    site_id = add(who, site, "/prices", scope="page", interval="never")
    assert site.asked == ["/robots.txt", "/prices"] and titles(who) == ["Prices"]
    assert stored(who, site_id).next_read_at is None


def test_only_what_changed_is_indexed_again(who: Identity, site: Site) -> None:
    site.put("/hours", "<title>Hours</title><p>Ten to eight.</p>", etag='"1"')
    site_id = add(who, site)
    site.page("/prices", "Prices", "A tune-up costs 5000 rubles.", "/new")
    site.put("/", site.pages["/"].body + b"<!-- made in 0.2 s -->")  # other bytes, the same text
    site.page("/new", "New", "Helmets are here.")
    before = count_jobs(who, "index_source")
    assert again(who, site_id, site)[2:] == ["/", "/prices", "/hours", "/new"]
    assert site.headers[-2]["if-none-match"] == '"1"'
    assert outcomes(who, site_id) == {"/": "unchanged", "/prices": "changed", "/hours": "unchanged", "/new": "added"}
    assert count_jobs(who, "index_source") == before + 2


def test_gone_goes_and_a_failure_keeps_the_text(who: Identity, site: Site) -> None:
    site_id = add(who, site)
    site.put("/prices", "broken", 500)
    site.put("/hours", "gone", 410)
    again(who, site_id, site)
    run_jobs(who)
    found = pages(who, site_id)
    assert outcomes(who, site_id) == {"/": "unchanged", "/prices": "failed", "/hours": "gone"}
    assert found["/prices"].reason == "The site reported an error of its own."
    assert titles(who) == ["Prices", "Shop"] and found["/hours"].source_id is None
    with session_scope(who.tenant_id, read_only=True) as session:
        assert len(session.exec(owned(Source, who.tenant_id)).all()) == 2, "the row and file of the gone page are gone"
    assert len(stored_keys()) == 2
    assert "/hours" not in again(who, site_id, site), "it is forgotten until a page that changed links to it"


def test_robots_are_obeyed(who: Identity, site: Site) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /pri*s$\nCrawl-delay: 0\nSitemap: /map.xml\n")
    site.put("/map.xml", "<urlset><url><loc>/kept</loc></url><url><loc>http://elsewhere.test/x</loc></url></urlset>")
    site.put("/kept", '<meta name="robots" content="noindex"><p>Secret.</p><a href="/beyond">x</a>')
    site.page("/beyond", "Beyond", "Read.")
    site_id = add(who, site)
    assert "/prices" not in site.asked and "/map.xml" in site.asked and "/sitemap.xml" not in site.asked
    found = outcomes(who, site_id)
    assert (found["/prices"], found["/kept"], found["/beyond"]) == ("refused", "refused", "added")
    assert "Secret" not in "".join(titles(who)) and len(titles(who)) == 3
    site.put("/robots.txt", "User-agent: gpt-agents\nDisallow: /")
    again(who, site_id, site)
    assert site.asked == ["/robots.txt", "/sitemap.xml"] or site.asked == ["/robots.txt"]
    assert titles(who) == [] and stored(who, site_id).state == SiteState.FAILED


def test_without_robots_to_ask_nothing_is_read(who: Identity, site: Site) -> None:
    site.put("/robots.txt", "broken", 503)
    site_id = add(who, site)
    row = stored(who, site_id)
    assert (row.state, row.error, site.asked) == (SiteState.FAILED, site_reading.NO_ROBOTS, ["/robots.txt"])
    assert row.next_read_at == (row.read_at or now()) + site_readings.RETRY_AFTER
    site.put("/robots.txt", "not for you", 403)
    again(who, site_id, site)
    assert len(titles(who)) == 3


def test_depth_prefix_and_limit_bound_a_site(who: Identity, site: Site) -> None:
    for number in range(1, 9):
        site.page(f"/help/{number}", f"Help {number}", f"Answer {number}.", f"/help/{number + 1}", "/prices")
    site_id = add(who, site, "/help/1", depth="1", path_prefix="/help/")
    assert titles(who) == ["Help 1", "Help 2"]
    assert "/prices" not in site.asked
    call(who, sites.change, site_id, FORM | {"depth": "5", "path_prefix": "/help/", "page_limit": "3"})
    work(who)
    assert titles(who) == ["Help 1", "Help 2", "Help 3"] and stored(who, site_id).is_cut
    call(who, sites.change, site_id, FORM | {"depth": "5", "path_prefix": "/help/", "page_limit": "2"})
    work(who)
    assert titles(who) == ["Help 1", "Help 2"]


def test_a_killed_worker_goes_on_where_it_stopped(who: Identity, site: Site) -> None:
    made = call(who, sites.create, FORM | {"address": site.address})
    work(who, most=4)  # robots.txt, the sitemap and two pages
    with session_scope(who.tenant_id, read_only=True) as session:
        job_id = session.exec(owned(Job, who.tenant_id).where(Job.kind == "read_site")).one().id
    killed = ledger.claim(job_id)
    assert killed is not None
    with session_scope(who.tenant_id) as session:  # its lease expires, and another worker claims the job
        row = session.exec(owned(Job, who.tenant_id).where(Job.id == job_id)).one()
        row.state, row.lease_token = JobState.QUEUED, None
    work(who)
    assert sorted(site.asked) == ["/", "/hours", "/prices", "/robots.txt", "/sitemap.xml"]
    assert len(titles(who)) == 3 and stored(who, made.id).state == SiteState.READY


def test_doubles_are_indexed_once(who: Identity, site: Site) -> None:
    site.page("/", "Shop", "Bicycles.", "/a", "/b", "/a/#x", "/a/../a")
    site.page("/a", "Same", "The same text.")
    site.page("/b", "Same", "The same text.")
    site_id = add(who, site)
    assert outcomes(who, site_id) | {"/a/": ""} == {"/": "added", "/a": "added", "/b": "double", "/a/": ""}
    assert titles(who) == ["Same", "Shop"]


def test_a_pause_stops_and_a_resumption_goes_on(who: Identity, site: Site) -> None:
    made = call(who, sites.create, FORM | {"address": site.address})
    work(who, most=3)
    call(who, sites.pause, made.id)
    work(who)
    assert site.asked == ["/robots.txt", "/sitemap.xml", "/"]
    with pytest.raises(Conflict):
        call(who, sites.read_now, made.id)
    call(who, sites.resume, made.id)
    work(who)
    assert site.asked[3:] == ["/prices", "/hours"] and stored(who, made.id).state == SiteState.READY


def test_what_is_due_is_read_again(who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site_id = add(who, site)
    site_jobs.start_due()
    assert stored(who, site_id).state == SiteState.READY
    later = now() + timedelta(days=1, seconds=1)
    monkeypatch.setattr(site_jobs, "now", lambda: later)
    site_jobs.start_due()
    site_jobs.start_due()
    assert (stored(who, site_id).state, stored(who, site_id).reading) == (SiteState.QUEUED, 2)


def test_a_deleted_site_is_restored_with_its_pages(who: Identity, other: Identity, site: Site) -> None:
    site_id = add(who, site)
    for foreign in (sites.get, sites.delete, sites.pause, sites.read_now):
        with pytest.raises(NotFound):
            call(other, foreign, site_id)
    call(who, sites.delete, site_id)
    assert titles(who) == [] and call(who, sites.list_sites) == []
    call(who, sites.restore, site_id)
    assert len(titles(who)) == 3 and stored(who, site_id).state == SiteState.READY
    (hours,) = call(who, sources.list_sources, search="Hours")[0]
    call(who, sources.delete, hours.id)
    assert "/hours" not in again(who, site_id, site) and outcomes(who, site_id)["/hours"] == "excluded"
    call(who, sources.restore, hours.id)
    assert "/hours" in again(who, site_id, site)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("address", one) for one in ("ftp://x", "http://10.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/")),
        ("depth", "6"),
        ("page_limit", "501"),
        ("path_prefix", "help"),
        ("scope", "all"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field(who: Identity, name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        call(who, sites.create, FORM | {"address": "https://shop.test/"} | {name: value})
    assert refused.value.field == name


def test_an_inner_address_is_not_read(who: Identity, site: Site, env: pytest.MonkeyPatch) -> None:
    site_id = add(who, site)
    with pytest.raises(Conflict):
        call(who, sites.create, FORM | {"address": f"{site.address}/#other"})
    env.setenv("PLATFORM_EGRESS_ALLOW", "")
    forget_process_state()
    assert again(who, site_id, site) == [] and stored(who, site_id).error == "This URL is blocked."
    with pytest.raises(Invalid, match="blocked"):
        call(who, sites.create, FORM | {"address": f"{site.address}/other"})


def test_the_limit_of_a_day_is_kept(who: Identity, site: Site, env: pytest.MonkeyPatch) -> None:
    env.setenv("PLATFORM_SITE_PAGES_PER_DAY", "3")
    forget_process_state()
    site_id = add(who, site)
    row = stored(who, site_id)
    assert len(site.asked) == 3 and (row.state, row.remark) == (SiteState.READING, site_reading.DAY_LIMIT)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(status=302, headers={"location": "/prices"}), "The page redirects in a circle."),
        (Answer(status=302, headers={"location": "http://10.0.0.1/"}), "The page leads to another site."),
        (
            Answer(gzip.compress(bytes(30_000_000)), headers={"content-type": "text/html", "content-encoding": "gzip"}),
            "The page is larger than 3 MB.",
        ),
        (Answer(bytes(4_000_000), headers={"content-type": "text/html"}), "The page is larger than 3 MB."),
        (Answer(b"%PNG", headers={"content-type": "image/png"}), site_results.UNREADABLE),
        (Answer(b"<div>" * 100_000, headers={"content-type": "text/html"}), "The file has no text."),
        (Answer(b"x", headers={"content-type": "text/html", "content-encoding": "br"}), "The page is packed in a way "),
    ],
)
def test_a_hostile_page_costs_little(who: Identity, site: Site, answer: Answer, reason: str) -> None:
    site.pages["/prices"] = answer
    site_id = add(who, site)
    assert pages(who, site_id)["/prices"].reason.startswith(reason) and titles(who) == ["Hours", "Shop"]


def test_a_site_that_drips_is_left(who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_pages, "SECONDS", 0.3)
    monkeypatch.setattr(site_reading, "MAX_SILENT", 2)
    for number in range(12):
        site.pages[f"/{number}"] = Answer(b"<p>", headers={"content-type": "text/html"}, drips=True)
    site.page("/", "Shop", "Bicycles.", *(f"/{number}" for number in range(12)))
    site_id = add(who, site)
    row = stored(who, site_id)
    assert (row.state, row.remark) == (SiteState.READY, site_reading.SILENT)
    assert len(site.asked) <= 5
    assert outcomes(who, site_id)["/11"] == "failed" and titles(who) == ["Shop"]


def test_a_site_without_end_is_cut(who: Identity, site: Site) -> None:
    for number in range(12):
        links = [f"/{number}/{link}" for link in range(500)] + [f"/{number + 1}"]
        site.page(f"/{number}", f"Page {number}", f"Text {number}.", *links)
    site_id = add(who, site, "/0", page_limit="5", depth="5")
    assert len(site.asked) <= 7 and stored(who, site_id).is_cut and len(pages(who, site_id)) == 5


def test_a_busy_site_is_asked_later(who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_pace, "_local", {})
    site.put("/prices", "later", 429, retry_after="120")
    made = call(who, sites.create, FORM | {"address": site.address})
    for _ in range(4):
        work(who)
        at = clock.now() + timedelta(seconds=121)
        with session_scope(who.tenant_id) as session:
            for job in session.exec(owned(Job, who.tenant_id).where(Job.state == JobState.QUEUED)).all():
                assert job.run_at <= at
                job.run_at = now()
        call_pace._local.clear()
    found = pages(who, made.id)["/prices"]
    assert site.asked.count("/prices") == 3
    assert (found.outcome, found.reason) == (PageOutcome.FAILED, "The site asks to read it later.")


def test_a_charset_that_is_none_of_pages_is_not_believed(who: Identity, site: Site) -> None:
    site.put("/", b"\xff" + b"a-" * 1_000_000, content_type="text/html; charset=punycode", etag='"\u00e9"')
    began = process_time()
    site_id = add(who, site, scope="page")
    assert process_time() - began < 5 and outcomes(who, site_id)["/"] == "added"
    assert pages(who, site_id)["/"].etag == ""


def test_a_charset_of_the_header_is_believed(who: Identity, site: Site) -> None:
    text = "<title>Цены</title><p>Ремонт велосипеда</p>".encode("koi8-r")
    site.put("/", text, content_type="text/html; charset=koi8-r")
    site.put("/robots.txt", "Disallow: nothing\x00")
    add(who, site, scope="page")
    assert titles(who) == ["Цены"]

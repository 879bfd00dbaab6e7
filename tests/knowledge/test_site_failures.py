"""Site failures: a site that is broken for a while loses no knowledge, and what a page asks of robots is heard."""

from datetime import timedelta

import pytest

from platform_app.clock import now
from platform_app.db import session_scope
from platform_app.integrations import call_pace, robots, robots_tags, web_pages
from platform_app.integrations.robots import Robots
from platform_app.jobs import ReadSite
from platform_app.models.job import JobState
from platform_app.models.person import Identity
from platform_app.models.web_site import PageOutcome, SiteState, WebSite
from platform_app.services.knowledge import (
    site_addresses,
    site_jobs,
    site_pages,
    site_reading,
    site_readings,
    site_results,
    sites,
)
from tests.fakes.site import Site
from tests.knowledge.test_sites import FORM, _without_vectors, add, again, outcomes, pages, site, stored, titles, work
from tests.talking import activities, call

__all__ = ["_without_vectors", "site"]


def move_time(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    later = now() + by
    monkeypatch.setattr(site_pages, "now", lambda: later)


def test_a_site_without_its_pages_keeps_their_texts_for_a_day(
    who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site_id = add(who, site, interval="week")
    site.pages["/prices"].status = 404
    again(who, site_id, site)
    missing = pages(who, site_id)["/prices"]
    assert (missing.outcome, missing.reason) == (PageOutcome.FAILED, site_pages.KEPT)
    assert titles(who) == ["Hours", "Prices", "Shop"]
    row = stored(who, site_id)
    assert row.next_read_at is not None and row.next_read_at <= now() + site_readings.MISSING_KEPT
    move_time(monkeypatch, timedelta(hours=25))
    again(who, site_id, site)
    assert outcomes(who, site_id)["/prices"] == "gone" and titles(who) == ["Hours", "Shop"]


def test_a_reading_by_a_clock_that_was_ahead_is_followed_by_the_next_one(who: Identity, site: Site) -> None:
    site_id = add(who, site, scope="page")
    with session_scope(who.tenant_id) as session:
        row = sites.get(session, who, site_id)
        row.read_at, row.next_read_at = now() + timedelta(days=365), now() + timedelta(days=366)
        site_readings.list_pages(session, row)[0].missing_since = now() + timedelta(days=365)
    site.pages["/"].status = 404
    site_jobs.start_due()
    assert stored(who, site_id).state == SiteState.QUEUED
    work(who)
    missing_since = pages(who, site_id)["/"].missing_since
    assert missing_since is not None and missing_since <= now()


def test_a_page_that_comes_back_is_missed_anew(who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site_id = add(who, site)
    site.pages["/prices"].status = 404
    again(who, site_id, site)
    site.pages["/prices"].status = 200
    again(who, site_id, site)
    move_time(monkeypatch, timedelta(hours=25))
    site.pages["/prices"].status = 404
    again(who, site_id, site)
    assert outcomes(who, site_id)["/prices"] == "failed" and "Prices" in titles(who)


@pytest.mark.parametrize("content_type", ["text/html", "text/plain"])
def test_repairs_that_answer_every_page_alike_empty_nothing(who: Identity, site: Site, content_type: str) -> None:
    site_id = add(who, site)
    for path in ("/", "/prices", "/hours"):
        site.put(path, "<title>Repairs</title><p>Back soon.</p>", content_type=content_type)
    again(who, site_id, site)
    assert len(titles(who)) == 3
    site.page("/", "Shop", "Bicycles and more.", "/prices", "/hours")
    site.page("/prices", "Prices", "A tune-up costs 4711 rubles.")
    site.page("/hours", "Hours", "We are open from ten to eight.")
    again(who, site_id, site)
    assert titles(who) == ["Hours", "Prices", "Shop"]


def test_a_form_to_sign_in_replaces_no_page(who: Identity, site: Site) -> None:
    site.put("/login", '<title>Sign in</title><form>E-mail <input> Password <input type="PASSWORD"></form>')
    site.put("/private", "", 302, location="/login?next=/private")
    site.put("/login?next=/private", site.pages["/login"].body)
    site.page("/", "Shop", "Bicycles.", "/prices", "/private", "/login")
    site_id = add(who, site)
    assert pages(who, site_id)["/private"].reason == site_results.SIGN_IN
    assert titles(who) == ["Hours", "Prices", "Shop"]
    site.put("/prices", "", 302, location="/login?next=/private")
    again(who, site_id, site)
    assert outcomes(who, site_id)["/prices"] == "failed" and "Prices" in titles(who)


def test_broken_links_are_no_pages_that_are_gone(who: Identity, site: Site) -> None:
    site.page("/", "Shop", "Bicycles.", "/nowhere")
    site_id = add(who, site)
    page = pages(who, site_id)["/nowhere"]
    assert (page.outcome, page.reason) == (PageOutcome.SKIPPED, site_results.NOT_FOUND)
    before = len(activities(who))
    again(who, site_id, site)
    assert len(activities(who)) == before, "nothing was added, changed or gone"


def test_of_many_broken_links_only_some_are_asked_again(
    who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(site_readings._WITHOUT_ROOM, PageOutcome.SKIPPED, 2)
    site.page("/", "Shop", "Bicycles.", *(f"/broken/{number}" for number in range(6)), "/prices")
    site_id = add(who, site)
    assert list(outcomes(who, site_id).values()).count("skipped") == 6
    asked = again(who, site_id, site)
    assert len([path for path in asked if path.startswith("/broken")]) == 2
    assert titles(who) == ["Hours", "Prices", "Shop"]


def test_a_dead_site_is_asked_less_and_less(who: Identity, site: Site) -> None:
    site_id = add(who, site, interval="day")
    site.put("/robots.txt", "", 500)
    waits = []
    for _ in range(6):
        again(who, site_id, site)
        row = stored(who, site_id)
        assert row.next_read_at is not None and row.read_at is not None
        waits.append((row.next_read_at - row.read_at) / timedelta(hours=1))
    assert waits == [1, 2, 4, 8, 16, 24]
    assert activities(who).count("Web address “{title}” couldn’t be read") == 1
    assert "waiting" not in outcomes(who, site_id).values() and len(titles(who)) == 3
    del site.pages["/robots.txt"]
    again(who, site_id, site)
    assert (stored(who, site_id).state, stored(who, site_id).failed_readings) == (SiteState.READY, 0)


def test_a_failed_job_that_is_retried_goes_on_with_the_unread_pages(who: Identity, site: Site) -> None:
    made = call(who, sites.create, FORM | {"address": site.address})
    work(who, most=3)
    payload = ReadSite(site_id=made.id, reading=made.reading)

    with session_scope(who.tenant_id) as session:
        site_jobs.on_failure(session, who.tenant_id, payload, state=JobState.DEAD, sentence="Broken.", values={})
    assert set(outcomes(who, made.id).values()) == {"added", "failed"}
    with session_scope(who.tenant_id) as session:
        site_jobs.on_retry(session, who.tenant_id, payload)
    work(who)
    assert len(titles(who)) == 3 and stored(who, made.id).state == SiteState.READY


def test_a_page_that_begins_to_ask_robots_away_is_dropped(who: Identity, site: Site) -> None:
    site.put("/hours", "<title>Hours</title><p>Ten to eight.</p>", etag='"1"', x_robots_tag="otherbot: noindex")
    site.pages["/prices"].headers["x-robots-tag"] = "max-image-preview: none"
    site_id = add(who, site)
    assert titles(who) == ["Hours", "Prices", "Shop"]
    site.pages["/hours"].headers["x-robots-tag"] = "otherbot: nofollow\nnoindex"  # the page itself is unchanged
    site.pages["/prices"].headers["x-robots-tag"] = "none"
    again(who, site_id, site)
    assert titles(who) == ["Shop"] and outcomes(who, site_id)["/hours"] == "refused"


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (["noindex, nofollow"], {"noindex", "nofollow"}),
        (["googlebot: noindex, nofollow"], set()),
        (["googlebot: noindex", "noarchive"], {"noarchive"}),
        (["googlebot: noindex, GPT-Agents: none"], {"none"}),
        (["max-snippet: 20, max-image-preview: none"], set()),
        (["unavailable_after: 25-Jun-2025 15:00:00 PST, noindex"], {"noindex"}),
    ],
)
def test_a_robots_header_is_heard_by_those_it_names(headers: list[str], words: set[str]) -> None:
    assert robots_tags.words_of_headers(headers) == words


def test_a_robots_element_with_values_is_no_refusal(who: Identity, site: Site) -> None:
    head = '<meta name="robots" content="index, max-image-preview: none, nofollow">'
    site.put("/", f'{head}<title>Shop</title><p>Bicycles.</p><a href="/prices">x</a>')
    add(who, site)
    assert titles(who) == ["Shop"]


def test_a_variant_of_a_page_by_its_query_is_read_once(who: Identity, site: Site) -> None:
    own = '<link rel="canonical" href="/prices">'
    for query in ("", "?sort=up", "?sort=down"):
        site.put(f"/prices{query}", f"{own}<title>Prices {query}</title><p>A tune-up costs 4711 rubles.</p>")
    site.put("/hours", '<link rel="canonical" href="/"><title>Hours</title><p>Ten to eight.</p>')
    site.page("/", "Shop", "Bicycles.", "/prices?sort=up", "/prices?sort=down", "/hours")
    site_id = add(who, site)
    assert titles(who) == ["Hours", "Prices", "Shop"]
    assert pages(who, site_id)["/prices?sort=up"].reason == site_results.OTHER_ADDRESS
    call(who, sites.change, site_id, FORM | {"depth": "1", "page_limit": "3"})
    work(who)
    assert titles(who) == ["Hours", "Prices", "Shop"], "neither the depth nor the limit leaves out the page itself"
    add(who, site, "/prices?sort=down", scope="page")
    assert "Prices ?sort=down" in titles(who), "the address that a member has entered is read"


def test_a_host_is_asked_in_turns_by_all_companies(
    who: Identity, other: Identity, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_pace, "_local", {})
    monkeypatch.setattr(site_reading, "_pause", lambda site: 60.0)
    for asking in (who, other):
        call(asking, sites.create, FORM | {"address": site.address})
        work(asking)
    assert site.asked == ["/robots.txt"]


def test_waiting_that_is_no_number_is_the_usual_one() -> None:
    def wait(header: str) -> float:
        download = web_pages.Download(503, b"", web_pages.httpx.Headers({"retry-after": header}))
        return web_pages._wait_of(download)

    assert wait("nan") == wait("") == wait("soon") == web_pages.USUAL_WAIT
    assert wait("inf") == wait("Wed, 21 Oct 2099 07:28:00 GMT") == web_pages.MAX_WAIT
    assert wait("-5") == wait("Wed, 21 Oct 2015 07:28:00 GMT") == 1.0
    assert robots.parse("User-agent: *\nCrawl-delay: nan").delay == 0.0


def test_rules_of_a_hostile_robots_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_addresses, "MAX_CHECK_SECONDS", 0.05)
    rules = robots.parse("User-agent: *\n" + f"Disallow: {'*a' * 249}b\n" * 2_000)
    assert all(pattern.count("*") <= robots.MAX_WILDCARDS for pattern, _ in rules.rules)
    found = WebSite(tenant_id="t", title="x", address="https://x.test/", scope="site", page_limit=100)
    addresses = [f"https://x.test/{number}{'a' * 1_900}" for number in range(2_000)]
    assert len(site_addresses.candidates(found, addresses, depth=1, robots=rules)) < 100
    assert len(site_addresses.candidates(found, addresses[:50], depth=1, robots=Robots())) == 50

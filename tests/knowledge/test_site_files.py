"""Site files: PDF, DOCX and other files of a site are read as its pages are, and pages of scripts are named as such."""

import pytest

from platform_app.integrations import web_pages
from platform_app.integrations.web_pages import WebResponse
from platform_app.models.knowledge import SourceState
from platform_app.models.person import Identity
from platform_app.rag.retrieval import retrieve
from platform_app.services.knowledge import site_readings, site_results, sources
from platform_app.services.knowledge.site_results import NEEDS_SCRIPTS, UNREADABLE
from tests.documents import docx, pdf
from tests.fakes.site import Site
from tests.knowledge.test_sites import _without_vectors, add, again, outcomes, pages, site, stored, titles
from tests.talking import ELSEWHERE, add_source, call, run_jobs

__all__ = ["_without_vectors", "site"]
PDF, WORD = "application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def files(site: Site) -> None:
    """Let the site have files, of which some are served as servers do that know no better."""
    links = ("/Price list.pdf", "/notes.txt", "/logo.png", "/get?file=1")
    site.page("/", "Shop", "Bicycles and more.", *links)
    site.put("/Price%20list.pdf", pdf("A tune-up costs 4711 rubles."), content_type=PDF)
    site.put("/notes.txt", "The gate is closed at nine.", content_type="text/plain; charset=utf-8")
    site.put("/get?file=1", docx("Wheels are trued while you wait."), content_type=WORD)


def test_files_are_read_found_and_cited(who: Identity, site: Site) -> None:
    files(site)
    site_id = add(who, site)
    found = outcomes(who, site_id)
    assert set(found.values()) == {"added"} and len(found) == 4 and "/logo.png" not in site.asked
    assert titles(who) == ["Price list.pdf", "Shop", "get", "notes.txt"]
    add_source(who, "Elsewhere", *ELSEWHERE)
    run_jobs(who)
    for question, title in (("How much is a tune-up?", "Price list.pdf"), ("Are wheels trued?", "get")):
        best = retrieve(who.tenant_id, question).passages[0]
        assert best.source_title == title
    assert retrieve(who.tenant_id, "How much is a tune-up?").passages[0].source_address.endswith("/Price%20list.pdf")
    assert set(outcomes(who, site_id).values()) == {"added"}
    again(who, site_id, site)
    assert set(outcomes(who, site_id).values()) == {"unchanged"}


@pytest.mark.parametrize(
    ("address", "kind", "name"),
    [
        ("/terms.docx?version=2", "application/octet-stream", "file.docx"),
        ("/table.csv", "text/plain", "file.csv"),
        ("/get?file=1", WORD, "file.docx"),
        ("/prices", "text/html", "page.html"),
        ("/list.pdf", "text/html", "page.html"),
        ("/prices", "", "page.html"),
        ("/get", "application/octet-stream", ""),
        ("/logo.pdf", "image/png", ""),
    ],
)
def test_the_type_says_how_it_is_read_then_the_ending(address: str, kind: str, name: str) -> None:
    assert site_results._file_name(WebResponse(f"https://shop.test{address}", b"x", kind)) == name


def test_a_file_that_changes_becomes_a_page_or_is_gone(who: Identity, site: Site) -> None:
    files(site)
    site_id = add(who, site)
    site.put("/Price%20list.pdf", pdf("A tune-up costs 5000 rubles."), content_type=PDF)
    site.put("/get?file=1", "<title>Moved</title><p>Wheels are trued on Mondays.</p>")
    site.put("/notes.txt", "gone", 410)
    again(who, site_id, site)
    found = outcomes(who, site_id)
    assert (found["/Price%20list.pdf"], found["/get?file=1"], found["/notes.txt"]) == ("changed", "changed", "gone")
    run_jobs(who)
    add_source(who, "Elsewhere", *ELSEWHERE)
    assert "5000" in retrieve(who.tenant_id, "How much is a tune-up?").passages[0].text
    page = pages(who, site_id)["/get?file=1"]
    source = call(who, sources.get, page.source_id)
    assert (source.state, source.title, source.file_name) == (SourceState.READY, "Moved", "page.html")


def test_files_have_limits_of_their_own(who: Identity, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_readings, "MAX_FILES", 2)
    monkeypatch.setattr(web_pages, "MAX_FILE_BYTES", 1_000)
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/\n")
    site.page("/", "Shop", "Bicycles.", "/big.txt", "/broken.pdf", "/third.txt", "/private/list.pdf", "/hours")
    site.page("/hours", "Hours", "Ten to eight.")
    site.put("/big.txt", "many words " * 200, content_type="text/plain")
    site.put("/broken.pdf", b"%PDF-1.7 nothing", content_type=PDF)
    site_id = add(who, site)
    found = {path: (page.outcome.value, page.reason) for path, page in pages(who, site_id).items()}
    assert found["/big.txt"] == ("failed", web_pages.FILE_TOO_LARGE)
    assert found["/broken.pdf"][0] == "failed" and "damaged" in found["/broken.pdf"][1]
    assert found["/private/list.pdf"][0] == "refused" and found["/hours"][0] == "added"
    assert "/third.txt" not in found and stored(who, site_id).is_cut
    assert "/private/list.pdf" not in site.asked and "/third.txt" not in site.asked


def test_a_page_behind_a_file_name_has_the_limit_of_pages(who: Identity, site: Site) -> None:
    site.page("/", "Shop", "Bicycles.", "/list.pdf", "/virus.txt", "/image.pdf")
    site.put("/list.pdf", "<p>" + "x" * 3_000_001)
    site.put("/virus.txt", b"MZ\x00binary", content_type="text/plain")
    site.put("/image.pdf", b"\x89PNG", content_type="image/png")
    site_id = add(who, site)
    found = {path: page.reason for path, page in pages(who, site_id).items()}
    assert found["/list.pdf"] == web_pages.TOO_LARGE and found["/image.pdf"] == UNREADABLE
    assert "isn’t a text file" in found["/virus.txt"] and titles(who) == ["Shop"]


EMPTY_APP = '<title>App</title><body><div id="root"></div><script src="/app.js"></script>'


@pytest.mark.parametrize(
    ("body", "is_named"),
    [
        (EMPTY_APP, True),
        ("<title>App</title><body><script>boot()</script>", True),
        ("<title>App</title><body><app-root>Loading…</app-root><script src=x.js></script>", True),
        ("<body><p>Wait.</p><noscript>Turn on JavaScript.</noscript><script src=x.js></script>", True),
        (EMPTY_APP + "<p>" + "Bicycles of all kinds are repaired here by hand. " * 10, False),
        ("<title>Hours</title><body><p>Ten to eight.</p><script src=x.js></script>", False),
        ('<title>Hours</title><div id="root"><p>Ten to eight.</p></div><script src=x.js></script>', False),
    ],
)
def test_a_page_that_scripts_write_is_named_as_such(who: Identity, site: Site, body: str, is_named: bool) -> None:
    site.put("/prices", body)
    site_id = add(who, site)
    page = pages(who, site_id)["/prices"]
    assert (page.reason == NEEDS_SCRIPTS) == is_named and (page.outcome.value == "failed") == is_named
    assert ("App" in titles(who)) == (not is_named and "App" in body)


def test_a_site_of_one_page_of_scripts_says_why_it_failed(who: Identity, site: Site) -> None:
    site.put("/prices", EMPTY_APP)
    assert stored(who, add(who, site, "/prices", scope="page")).error == NEEDS_SCRIPTS

"""Site pages: reads one page of a web address and stores it as a source if its text is new."""

from collections.abc import Callable

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import LimitReached
from platform_app.files import tenant_files
from platform_app.integrations import robots, web_addresses
from platform_app.integrations.web_pages import Spent, WebReader
from platform_app.jobs import RunningJob
from platform_app.models.knowledge import Source, SourceKind, SourceState
from platform_app.models.web_site import PageOutcome, WebPage, WebSite
from platform_app.services.knowledge import (
    site_addresses,
    site_readings,
    site_results,
    source_changes,
    source_replacement,
    sources,
)
from platform_app.services.knowledge.site_results import PageResult

MAX_ATTEMPTS = 3  # at a page that asks to come later
KEPT = "The page was not found. Its text is kept for a day in case it comes back."
SAME = "Another page of the site has the same text."
_LOSES_SOURCE = (PageOutcome.GONE, PageOutcome.REFUSED, PageOutcome.SKIPPED, PageOutcome.DOUBLE)
_MAY_PASS = (PageOutcome.GONE, PageOutcome.SKIPPED, PageOutcome.DOUBLE)  # while a site is being repaired
Store = Callable[[RunningJob, Transaction, Spent], WebSite | None]


def read_page(job: RunningJob, site: WebSite, page: WebPage, *, store: Store) -> float:
    """Read a page and store what came of it; return the seconds that the site asks us to wait, 0 if it does not.

    `store` counts the cost in the transaction and returns the locked site, or None if the reading is not to go on.
    """
    rules = robots.from_json(site.robots)
    reader = WebReader(site.address, lambda address: rules.allows(web_addresses.path_with_query(address)))
    with session_scope(job.tenant_id, read_only=True) as session:
        has_text = _has_text(session, page)
    result = site_results.read(reader, page, has_text=has_text)
    own = site_addresses.candidates(site, filter(None, [result.own_address]), depth=page.depth, robots=rules)
    linked = site_addresses.candidates(site, result.links, depth=page.depth + 1, robots=rules)
    is_kept = False
    try:
        with job.transaction() as session:
            row = store(job, session, reader.spent)
            if row is not None:
                row.failures_in_row = row.failures_in_row + 1 if result.is_silent or result.wait else 0
                is_kept = _record(session, row, page.id, result=result)
                site_readings.add_pages(session, row, own, depth=page.depth)
                site_readings.add_pages(session, row, linked, depth=page.depth + 1)
    except BaseException:
        is_kept = False
        raise
    finally:
        if result.file is not None and not is_kept:
            tenant_files.discard(job.tenant_id, result.file.stored_as)
    return result.wait


def _has_text(session: Transaction, page: WebPage) -> bool:
    """Return whether the text of a page is indexed, or about to be."""
    query = owned(Source, page.tenant_id).where(Source.id == page.source_id, col(Source.deleted_at).is_(None))
    source: Source | None = session.exec(query).first()
    return source is not None and source.state != SourceState.FAILED


def _record(session: Transaction, site: WebSite, page_id: str, *, result: PageResult) -> bool:
    """Store what came of a page; return whether its file is that of a source by now."""
    page = session.exec(owned(WebPage, site.tenant_id).where(WebPage.id == page_id).with_for_update()).one()
    if page.is_excluded:  # deleted by a member while it was read
        return False
    if result.wait and page.attempts + 1 < MAX_ATTEMPTS:
        page.attempts += 1
        return False
    is_kept = _store_text(session, site, page, result=result) if result.file is not None else False
    _keep_for_a_day(page, result)
    page.outcome, page.reason, page.read_at = result.outcome, result.reason, now()
    if result.outcome in _LOSES_SOURCE:
        if page.source_id:
            source_replacement.withdraw(session, site.tenant_id, page.source_id)
        page.source_id, page.etag, page.last_modified, page.body_hash, page.text_hash = None, "", "", "", ""
    elif result.response is not None and result.outcome != PageOutcome.FAILED:
        page.etag, page.last_modified = result.response.etag, result.response.last_modified
        page.body_hash, page.text_hash = result.body_hash, result.text_hash
    page.title = result.title or page.title
    return is_kept


def _keep_for_a_day(page: WebPage, result: PageResult) -> None:
    """Let a page keep its text if what it answers may be due to a site that is being repaired."""
    if result.outcome == PageOutcome.GONE and not page.source_id:
        result.outcome = PageOutcome.SKIPPED  # a broken link: nothing was lost
    if result.outcome not in _MAY_PASS or not page.source_id or result.is_final:
        page.missing_since = page.missing_since if result.outcome == PageOutcome.FAILED else None
        return
    page.missing_since = min(page.missing_since or now(), now())  # the clock may have been ahead
    if now() - page.missing_since < site_readings.MISSING_KEPT:
        result.reason = KEPT if result.outcome == PageOutcome.GONE else result.reason
        result.outcome = PageOutcome.FAILED


def _store_text(session: Transaction, site: WebSite, page: WebPage, *, result: PageResult) -> bool:
    """Make the file of a result that of the page's source, unless another page has its text; return whether it is."""
    assert result.file is not None and result.response is not None
    others = owned(WebPage, site.tenant_id).where(
        WebPage.site_id == site.id,
        WebPage.text_hash == result.text_hash,
        WebPage.id != page.id,
        col(WebPage.source_id).is_not(None),
    )
    if session.exec(others.limit(1)).first() is not None:
        result.outcome, result.reason = PageOutcome.DOUBLE, SAME
        return False
    try:
        source = _source(session, site, page, result=result)
    except LimitReached as error:
        result.outcome, result.reason = PageOutcome.FAILED, error.sentence
        return False
    source.title, source.address = result.title, result.response.address
    session.flush()
    source_replacement.index_again(session, source)
    page.source_id = source.id
    return True


def _source(session: Transaction, site: WebSite, page: WebPage, *, result: PageResult) -> Source:
    """Return the source of a page with its new file, a new one if there is none. Raises LimitReached if it is full."""
    assert result.file is not None
    query = owned(Source, site.tenant_id).where(Source.id == page.source_id, col(Source.deleted_at).is_(None))
    source: Source | None = session.exec(query.with_for_update()).first()
    if source is not None:
        source_changes.set_file(session, source, result.file_name, result.file)
        return source
    sources.check_quota(session, site.tenant_id, result.file.size)
    source = Source(
        tenant_id=site.tenant_id,
        kind=SourceKind.WEB,
        site_id=site.id,
        category_id=site.category_id,
        title=result.title,
        file_name=result.file_name,
        stored_as=result.file.stored_as,
        size=result.file.size,
        sha256=result.file.sha256,
        created_by=site.created_by,
    )
    session.add(source)
    return source

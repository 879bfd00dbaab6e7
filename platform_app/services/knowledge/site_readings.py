"""Site readings: begins and ends the reading of a web address, and which of its addresses are read."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from hashlib import sha256

from sqlalchemy import func
from sqlmodel import col

from platform_app import notifier
from platform_app.clock import new_id, now
from platform_app.db import Transaction, owned, owned_update
from platform_app.integrations import web_addresses
from platform_app.jobs import ReadSite, enqueue
from platform_app.models.event import ActivityKind
from platform_app.models.web_site import PageOutcome, ReadInterval, SiteScope, SiteState, WebPage, WebSite
from platform_app.services.feed import activity
from platform_app.services.knowledge import site_addresses, source_replacement

INTERVALS = {
    ReadInterval.DAY: timedelta(days=1),
    ReadInterval.WEEK: timedelta(days=7),
    ReadInterval.MONTH: timedelta(days=30),
}
JOB_KEY = "site:"  # begins the key of a job; the web address follows, for the lock names only the host
RETRY_AFTER = timedelta(hours=1)  # a reading that got nothing; twice as long after each further one
MISSING_KEPT = timedelta(days=1)  # for how long the text of a page is kept that is not found any more
MAX_FILES = 100  # of a site, which the page limit counts too
MAX_REFUSED = 200  # addresses that robots.txt refuses, which are kept for the report
BY_ROBOTS = "robots.txt does not allow it."
NOT_READ = "The reading ended before this page."
# Outcomes of addresses that the page limit does not count, and how many of them the next reading asks again.
_WITHOUT_ROOM = {PageOutcome.REFUSED: MAX_REFUSED, PageOutcome.SKIPPED: 50}
_BATCH = 300  # hashes in a query


def lock_key(site: WebSite) -> str:
    """Return the lock under which the addresses of one host are read one after another."""
    return f"web:{sha256(web_addresses.host_of(site.address).encode()).hexdigest()[:40]}"


def start(session: Transaction, site: WebSite) -> None:
    """Begin a new reading of all known pages; a job reads them one by one. One that runs ends."""
    site.reading += 1
    site.state, site.error, site.remark, site.next_read_at = SiteState.QUEUED, "", "", None
    site.sitemaps, site.sitemaps_read, site.requests, site.bytes_read, site.fetch_ms = [], 0, 0, 0, 0
    site.failures_in_row, site.is_cut = 0, False
    _reset_pages(session, site)
    session.flush()
    _enqueue(session, site)
    publish_change(session, site)


def _enqueue(session: Transaction, site: WebSite) -> None:
    payload = ReadSite(site_id=site.id, reading=site.reading)
    enqueue(session, site.tenant_id, payload, dedupe_key=f"{JOB_KEY}{site.id}/{new_id()}", lock_key=lock_key(site))


def resume(session: Transaction, site: WebSite) -> None:
    """Go on with the reading that a pause interrupted, or begin one that came due meanwhile."""
    if site.is_in_progress:
        _enqueue(session, site)
    publish_change(session, site)


def _reset_pages(session: Transaction, site: WebSite) -> None:
    """Let all pages wait; those that do not belong to the site any more go with their sources."""
    kept = {"pages": 0, PageOutcome.REFUSED: 0, PageOutcome.SKIPPED: 0}
    for page in list_pages(session, site):
        if page.is_excluded:
            continue
        group = page.outcome if page.outcome in _WITHOUT_ROOM else "pages"
        is_kept = kept[group] < _WITHOUT_ROOM.get(page.outcome, most_pages(site)) and page.outcome != PageOutcome.GONE
        if not is_kept or not site_addresses.belongs(site, page.address, page.depth):
            if page.source_id:
                source_replacement.withdraw(session, site.tenant_id, page.source_id)
            session.delete(page)
            continue
        kept[group] += 1
        page.outcome, page.attempts, page.reason = PageOutcome.WAITING, 0, ""
    session.flush()
    first = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id, WebPage.depth == 0)
    if session.exec(first.limit(1)).first() is None:
        session.add(_page(site, site.address, 0))


def list_pages(session: Transaction, site: WebSite) -> list[WebPage]:
    """Return all addresses of a site, those near its own first."""
    query = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id)
    return list(session.exec(query.order_by(WebPage.depth, col(WebPage.id))).all())


def most_pages(site: WebSite) -> int:
    """Return how many pages of a site are read."""
    return 1 if site.scope == SiteScope.PAGE else site.page_limit


def _page(site: WebSite, address: str, depth: int) -> WebPage:
    key = web_addresses.hash_of(address)
    return WebPage(tenant_id=site.tenant_id, site_id=site.id, address=address, address_hash=key, depth=depth)


def add_pages(session: Transaction, site: WebSite, found: Mapping[str, bool], *, depth: int) -> None:
    """Let the candidates wait that are not known yet, as far as the limit of the site allows."""
    wanted = {web_addresses.hash_of(address): address for address in found}
    known = _known(session, site, list(wanted))
    counts = count_by_outcome(session, site)
    refused, files = (
        counts.get(PageOutcome.REFUSED, 0),
        _count_files(session, site) if any(map(site_addresses.is_file, found)) else 0,
    )
    room = most_pages(site) - sum(count for outcome, count in counts.items() if outcome not in _WITHOUT_ROOM)
    for key, address in wanted.items():
        if key in known:
            continue
        page = _page(site, address, depth)
        if not found[address]:
            page.outcome, page.reason, refused = PageOutcome.REFUSED, BY_ROBOTS, refused + 1
            if refused > MAX_REFUSED:
                continue
        elif room <= 0 or (site_addresses.is_file(address) and files >= MAX_FILES):
            site.is_cut = True
            continue
        else:
            room, files = room - 1, files + site_addresses.is_file(address)
        session.add(page)


def _count_files(session: Transaction, site: WebSite) -> int:
    own = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id).with_only_columns(WebPage.address)
    return sum(map(site_addresses.is_file, session.exec(own).all()))


def _known(session: Transaction, site: WebSite, keys: list[str]) -> set[str]:
    known: set[str] = set()
    own = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id).with_only_columns(WebPage.address_hash)
    for start_at in range(0, len(keys), _BATCH):
        known |= set(session.exec(own.where(col(WebPage.address_hash).in_(keys[start_at : start_at + _BATCH]))).all())
    return known


def count_by_outcome(session: Transaction, site: WebSite) -> dict[PageOutcome, int]:
    """Return the numbers of a site's addresses by what became of them."""
    query = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id)
    counted = query.with_only_columns(WebPage.outcome, func.count()).group_by(WebPage.outcome)
    return {outcome: int(count) for outcome, count in session.execute(counted).all()}


def finish(session: Transaction, site: WebSite, *, remark: str = "") -> None:
    """End a reading; pages that still wait keep the text that was read before."""
    _end_waiting(session, site)
    pages = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id)
    first = session.exec(pages.where(WebPage.depth == 0)).first()
    has_text = session.exec(pages.where(col(WebPage.source_id).is_not(None)).limit(1)).first() is not None
    got = {*count_by_outcome(session, site)} & {PageOutcome.ADDED, PageOutcome.CHANGED, PageOutcome.UNCHANGED}
    site.remark = remark
    if has_text and got:
        site.state, site.error, site.failed_readings, site.read_at = SiteState.READY, "", 0, now()
        _record(session, site)
        schedule_next(site)
        _ask_for_missing(session, site)
        publish_change(session, site)
    else:
        fail(session, site, (first.reason if first else "") or "No page could be read.")


def _end_waiting(session: Transaction, site: WebSite) -> None:
    waiting = owned_update(WebPage, site.tenant_id).where(
        col(WebPage.site_id) == site.id, col(WebPage.outcome) == PageOutcome.WAITING
    )
    ended = {"outcome": PageOutcome.FAILED, "reason": NOT_READ}
    session.execute(waiting.values(**ended).execution_options(synchronize_session=False))


def let_unread_wait(session: Transaction, site: WebSite) -> None:
    """Let the pages wait again that a reading which ended early did not come to."""
    unread = owned_update(WebPage, site.tenant_id).where(
        col(WebPage.site_id) == site.id, col(WebPage.outcome) == PageOutcome.FAILED, col(WebPage.reason) == NOT_READ
    )
    waiting = {"outcome": PageOutcome.WAITING, "reason": ""}
    session.execute(unread.values(**waiting).execution_options(synchronize_session=False))


def _ask_for_missing(session: Transaction, site: WebSite) -> None:
    """Let the next reading be a day later if pages are missing, so that their texts are not kept for longer."""
    missing = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id, col(WebPage.missing_since).is_not(None))
    if site.next_read_at is not None and session.exec(missing.limit(1)).first() is not None:
        site.next_read_at = min(site.next_read_at, now() + MISSING_KEPT)


def schedule_next(site: WebSite) -> None:
    """Set when a web address is read again, from when it was read last."""
    pause = INTERVALS.get(site.interval)
    if pause is not None and site.state == SiteState.FAILED:
        pause = min(pause, RETRY_AFTER * 2 ** min(max(site.failed_readings - 1, 0), 10))
    site.next_read_at = (site.read_at or now()) + pause if pause is not None else None


def fail(session: Transaction, site: WebSite, error: str) -> None:
    """Mark a web address whose reading got nothing; what was read before is kept.

    The feed tells of the first of such readings alone.
    """
    _end_waiting(session, site)
    site.failed_readings += 1
    site.state, site.error, site.read_at = SiteState.FAILED, error[:500], now()
    schedule_next(site)
    if site.failed_readings == 1:
        told, link = "Web address “{title}” couldn’t be read", f"/knowledge/sites/{site.id}"
        activity.record(session, site.tenant_id, ActivityKind.FAILURE, told, link=link, title=site.title)
    publish_change(session, site)


def _record(session: Transaction, site: WebSite) -> None:
    counts = count_by_outcome(session, site)
    changes = sum(counts.get(outcome, 0) for outcome in (PageOutcome.ADDED, PageOutcome.CHANGED, PageOutcome.GONE))
    if changes:
        told, link = "Web address “{title}” read. Pages added, changed or gone: {count}", f"/knowledge/sites/{site.id}"
        activity.record(
            session, site.tenant_id, ActivityKind.KNOWLEDGE, told, link=link, title=site.title, count=changes
        )


def publish_change(session: Transaction, site: WebSite) -> None:
    """Notify open pages after the commit."""
    session.after_commit.append(partial(notifier.publish, site.tenant_id, "source", site.id))

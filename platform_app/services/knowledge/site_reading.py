"""Site reading: the job that reads a web address, one request at a time; a pause lies between its attempts.

What was read is stored by each attempt, so that a job whose worker was killed goes on with the next page.
"""

from datetime import UTC, datetime, time, timedelta
from itertools import chain

from sqlmodel import col

from platform_app.clock import now
from platform_app.config import settings
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Invalid
from platform_app.integrations import call_pace, egress, robots, sitemaps, web_addresses
from platform_app.integrations.call_pace import Schedule
from platform_app.integrations.robots import Robots
from platform_app.integrations.web_pages import FetchFailed, GoneError, OutsideError, Spent, WebReader, unpack
from platform_app.jobs import RunningJob
from platform_app.models.web_site import PageOutcome, SiteScope, SiteState, WebPage, WebSite
from platform_app.rag import knowledge_state
from platform_app.services.jobs.effects import Postponed
from platform_app.services.knowledge import site_addresses, site_pages, site_readings

MAX_SECONDS = 1_800  # that all requests of a reading take together
MAX_BYTES = 300_000_000  # that a reading may transfer
MAX_SILENT = 5  # requests without a response, one after another
MAX_SITEMAPS = 10  # of a reading
MAX_SITEMAP_PAGES = 2_000  # addresses that are looked at in one
NEXT = "The next page is read after a pause."
DAY_LIMIT = "Today’s limit of web pages is reached. The reading goes on tomorrow."
SILENT = "The site stopped answering. The other pages were not read."
TOO_LONG = "The site is too slow or too large. The other pages were not read."
NO_ROBOTS = "robots.txt of the site could not be read, so its pages were not read."


def read_site(job: RunningJob) -> None:
    """Make the next request of a reading, and store what came of it.

    Raises Postponed while there is more to read. A reading that was paused or replaced by a newer one ends.
    """
    with session_scope(job.tenant_id, read_only=True) as session:
        site = _find(session, job)
        page = _next_page(session, site) if site is not None else None
        is_over = _requests_left(session, job.tenant_id) <= 0
    if site is None:
        return
    if is_over:
        _wait_for_tomorrow(job)
    pause = _pause(site)
    if site.robots_reading != site.reading:
        _take_turn(site, pause)
        _read_robots(job, site)
    elif site.sitemaps:
        _take_turn(site, pause)
        _read_sitemap(job, site)
    elif page is None or (remark := _exhausted(site)):
        with job.finish() as session:
            if row := _find(session, job, lock=True):
                site_readings.finish(session, row, remark="" if page is None else remark)
        return
    else:
        _take_turn(site, pause)
        if wait := site_pages.read_page(job, site, page, store=_store):
            call_pace.pause(_pace_key(site), wait)
            pause = max(pause, wait)
    raise Postponed(NEXT, seconds=pause)


def _take_turn(site: WebSite, pause: float) -> None:
    """Take the turn to ask a host, which all tenants share. Raises Postponed if it is not ours yet."""
    waiting = call_pace.reserve([Schedule(_pace_key(site), pause)], max_wait=0.0)
    if waiting < 0:
        raise Postponed(NEXT, seconds=pause - waiting)


def _pace_key(site: WebSite) -> str:
    return f"platform:{site_readings.lock_key(site)}"


def _find(session: Transaction, job: RunningJob, *, lock: bool = False) -> WebSite | None:
    """Return the site if the reading of the job is still to be done."""
    query = owned(WebSite, job.tenant_id).where(WebSite.id == job.payload.site_id, col(WebSite.deleted_at).is_(None))
    site: WebSite | None = session.exec(query.with_for_update() if lock else query).first()
    if site is None or site.is_paused or not site.is_in_progress or site.reading != job.payload.reading:
        return None
    return site


def _next_page(session: Transaction, site: WebSite) -> WebPage | None:
    query = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id, WebPage.outcome == PageOutcome.WAITING)
    nearest = query.order_by(WebPage.depth, WebPage.attempts, col(WebPage.id)).limit(1)
    page: WebPage | None = session.exec(nearest).first()
    return page


def _pause(site: WebSite) -> float:
    return max(settings().site_pause_seconds, robots.from_json(site.robots).delay)


def _exhausted(site: WebSite) -> str:
    """Return why a reading ends before its last page, a message id, or ""."""
    if site.failures_in_row >= MAX_SILENT:
        return SILENT
    is_long = site.fetch_ms > MAX_SECONDS * 1000 or site.bytes_read > MAX_BYTES
    return TOO_LONG if is_long or site.requests > 3 * site_readings.most_pages(site) + 50 else ""


def _today() -> str:
    return now().astimezone(UTC).date().isoformat()


def _requests_left(session: Transaction, tenant_id: str) -> int:
    made = knowledge_state.web_requests(session, tenant_id, _today())
    return settings().site_pages_per_day - made


def _wait_for_tomorrow(job: RunningJob) -> None:
    """Raise Postponed until the next day, and say so."""
    with job.transaction() as session:
        if row := _find(session, job, lock=True):
            row.remark = DAY_LIMIT
            site_readings.publish_change(session, row)
    at = now().astimezone(UTC)
    midnight = datetime.combine(at.date() + timedelta(days=1), time(), UTC)
    raise Postponed(DAY_LIMIT, seconds=(midnight - at).total_seconds() + 60)


def _store(job: RunningJob, session: Transaction, spent: Spent) -> WebSite | None:
    """Count what a request has cost; return the locked site, or None if its reading is not to go on."""
    row = _find(session, job, lock=True)
    knowledge_state.add_web_requests(session, job.tenant_id, _today(), spent.requests)
    if row is None:
        return None
    job.record_progress(session)
    row.state, row.remark = SiteState.READING, ""
    row.requests += spent.requests
    row.bytes_read += spent.bytes
    row.fetch_ms += round(spent.seconds * 1000)
    site_readings.publish_change(session, row)
    return row


def _read_robots(job: RunningJob, site: WebSite) -> None:
    """Read robots.txt; if the site cannot say what is allowed, nothing is read."""
    reader, rules, error = WebReader(site.address, stays=False), Robots(), ""
    try:
        found = reader.fetch(web_addresses.at_root(site.address, "/robots.txt"))
        rules = robots.parse((found.body or b"").decode("utf-8-sig", "replace").replace("\x00", ""))
    except GoneError:
        pass
    except FetchFailed as failure:
        if failure.status == 429 or not 400 <= failure.status < 500:  # others of 4xx: there is none
            is_told = failure.is_silent or failure.sentence == egress.NOT_ALLOWED
            error = failure.sentence if is_told else NO_ROBOTS
    with job.transaction() as session:
        row = _store(job, session, reader.spent)
        if row is None:
            return
        if error:
            site_readings.fail(session, row, error)
            return
        row.robots, row.robots_reading = rules.as_json(), row.reading
        if row.scope == SiteScope.SITE:
            named = rules.sitemaps or [web_addresses.at_root(row.address, "/sitemap.xml")]
            row.sitemaps = _of_site(row, named)


def _of_site(site: WebSite, addresses: list[str]) -> list[str]:
    own = [one for one in site_addresses.absolute(addresses, site.address) if _is_own(site, one)]
    return list(dict.fromkeys(own))[:MAX_SITEMAPS]


def _is_own(site: WebSite, address: str) -> bool:
    return web_addresses.is_same_site(address, site.address)


def _read_sitemap(job: RunningJob, site: WebSite) -> None:
    """Read the next sitemap: its pages wait, further sitemaps too. One that cannot be read is passed over."""
    reader, found = WebReader(site.address), sitemaps.Sitemap(False, [])
    try:
        body = reader.fetch(site.sitemaps[0]).body or b""
        if body[:2] == b"\x1f\x8b":  # a packed file
            body = unpack(body, "gzip")
        found = sitemaps.parse(body.decode("utf-8-sig", "replace").replace("\x00", ""))
    except (GoneError, OutsideError, FetchFailed, Invalid):
        pass
    addresses = site_addresses.absolute(found.addresses[:MAX_SITEMAP_PAGES], site.sitemaps[0])
    rules = robots.from_json(site.robots)
    pages = {} if found.is_index else site_addresses.candidates(site, addresses, depth=1, robots=rules)
    with job.transaction() as session:
        row = _store(job, session, reader.spent)
        if row is None:
            return
        row.sitemaps_read += 1
        room = MAX_SITEMAPS - row.sitemaps_read
        more = _of_site(row, addresses) if found.is_index else []
        row.sitemaps = list(dict.fromkeys(chain(row.sitemaps[1:], more)))[: max(room, 0)]
        site_readings.add_pages(session, row, pages, depth=1)

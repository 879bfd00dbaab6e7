"""Site view: the row of a web address for the list and its page, and the rows of its pages."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, plural, relative_time, translate
from platform_app.integrations.web_addresses import readable_path
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.models.web_site import SITE_FORM, PageOutcome, WebPage, WebSite
from platform_app.services.knowledge.sites import SiteReport
from platform_app.state.knowledge.source_view import STATES

PAUSED = ("Paused", "amber")
OUTCOMES: dict[PageOutcome, tuple[str, str]] = {
    PageOutcome.WAITING: ("Waiting", ""),
    PageOutcome.ADDED: ("New|page", "green"),
    PageOutcome.CHANGED: ("Changed|page", "green"),
    PageOutcome.UNCHANGED: ("Unchanged|page", "green"),
    PageOutcome.DOUBLE: ("Same text", ""),
    PageOutcome.REFUSED: ("Not allowed by the site", "amber"),
    PageOutcome.GONE: ("Gone|page", ""),
    PageOutcome.SKIPPED: ("Skipped|page", ""),
    PageOutcome.FAILED: ("Failed|page", "red"),
    PageOutcome.EXCLUDED: ("Deleted by a member", ""),
}


@dataclass
class SiteRow:
    """A web address in the list, and at the top of its page."""

    id: str
    title: str
    address: str
    scope: str
    state: str
    state_code: str
    colour: str
    is_reading: bool
    is_paused: bool
    progress: int  # per cent of the known pages
    progress_words: str
    error: str
    remark: str
    pages: str  # how many have a text
    category: str
    last: str  # when it was read last; "": never
    last_exact: str
    due: str  # when it is read next, or why not
    due_exact: str


@dataclass
class OutcomeRow:
    """A number of pages with the same outcome."""

    code: str
    label: str
    count: str


@dataclass
class PageRow:
    """A page of a web address."""

    id: str
    title: str
    path: str  # as it is shown
    address: str
    outcome: str
    colour: str
    reason: str
    source_id: str  # "" if it has no text
    index_state: str  # of its text, unless it is ready
    last: str
    last_exact: str


def site_row(site: WebSite, report: SiteReport, identity: Identity, language: str) -> SiteRow:
    """Return the row of a web address."""
    words, colour = PAUSED if site.is_paused else STATES[site.state.value]
    total, waiting = sum(report.counts.values()), report.counts.get(PageOutcome.WAITING, 0)
    done = total - waiting
    pages = plural(language, "{count} page", "{count} pages", report.sources)
    is_indexed = report.indexed == report.sources
    indexed = translate(language, "indexed: {count} of {total}", count=report.indexed, total=report.sources)
    return SiteRow(
        id=site.id,
        title=site.title,
        address=site.address,
        scope=translate(language, SITE_FORM["scope"].options[site.scope]),
        state=translate(language, words),
        state_code="paused" if site.is_paused else site.state.value,
        colour=colour,
        is_reading=site.is_in_progress and not site.is_paused,
        is_paused=site.is_paused,
        progress=round(100 * done / total) if total else 0,
        progress_words=translate(language, "{count} of {total} known pages", count=done, total=total),
        error=_error(site, report, language),
        remark=translate(language, site.remark) if site.remark else "",
        pages=pages if is_indexed else f"{pages}, {indexed}",
        category=site.category_id or "none",
        last=relative_time(language, site.read_at, now(), identity.time_zone) if site.read_at else "",
        last_exact=exact_time(language, site.read_at, identity.time_zone) if site.read_at else "",
        due=_due(site, identity, language),
        due_exact=exact_time(language, site.next_read_at, identity.time_zone) if site.next_read_at else "",
    )


def _error(site: WebSite, report: SiteReport, language: str) -> str:
    if not site.error:
        return ""
    error = translate(language, site.error)
    return f"{error} {translate(language, 'Agents go on using what was read before.')}" if report.sources else error


def _due(site: WebSite, identity: Identity, language: str) -> str:
    if site.is_paused:
        return translate(language, "Paused")
    if site.is_in_progress:
        return translate(language, "Now|reading")
    if site.next_read_at is None:
        return translate(language, "Never")
    return relative_time(language, site.next_read_at, now(), identity.time_zone)


def outcome_rows(report: SiteReport, language: str) -> list[OutcomeRow]:
    """Return the numbers of pages by outcome, those that there are."""
    return [
        OutcomeRow(outcome.value, translate(language, words), str(report.counts[outcome]))
        for outcome, (words, _) in OUTCOMES.items()
        if report.counts.get(outcome)
    ]


def page_row(page: WebPage, source: Source | None, identity: Identity, language: str) -> PageRow:
    """Return the row of a page; `source` has its text, if there is one."""
    words, colour = OUTCOMES[page.outcome]
    path = readable_path(page.address)
    is_ready = source is None or source.state == SourceState.READY
    reason = page.reason
    if source is not None and source.state == SourceState.FAILED:
        reason = source.error
    return PageRow(
        id=page.id,
        title=page.title or path,
        path=path,
        address=page.address,
        outcome=translate(language, words),
        colour=colour,
        reason=translate(language, reason) if reason else "",
        source_id=source.id if source is not None else "",
        index_state="" if is_ready or source is None else translate(language, STATES[source.state.value][0]),
        last=relative_time(language, page.read_at, now(), identity.time_zone) if page.read_at else "",
        last_exact=exact_time(language, page.read_at, identity.time_zone) if page.read_at else "",
    )

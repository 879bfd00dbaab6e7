"""Sites: adds web addresses as knowledge, changes, pauses, reads, deletes and restores them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import defer
from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Invalid, LimitReached, NotFound
from platform_app.form_fields import WRONG_VALUE, Control, parse_typed
from platform_app.integrations import egress, web_addresses
from platform_app.jobs import ReadSite
from platform_app.models.event import ActivityKind
from platform_app.models.job import Job, JobState
from platform_app.models.knowledge import Source, SourceState
from platform_app.models.person import Identity
from platform_app.models.web_site import SITE_FORM, PageOutcome, ReadInterval, SiteScope, WebPage, WebSite
from platform_app.rag import knowledge_state
from platform_app.services.bin import bin_entries
from platform_app.services.feed import activity
from platform_app.services.knowledge import categories, site_readings, source_replacement, sources

MAX_SITES = 100  # of a tenant
_READING = ("scope", "depth", "page_limit", "path_prefix")  # what a change of makes a new reading necessary
_MISSING = "Web address not found. It may have been deleted."


@dataclass
class SiteReport:
    """What the page of a web address tells beside its row."""

    counts: dict[PageOutcome, int] = field(default_factory=dict)
    sources: int = 0  # pages with a text
    indexed: int = 0  # of these


def list_sites(session: Transaction, who: Identity) -> list[WebSite]:
    """Return the tenant's web addresses, the newest first, without what their robots.txt say."""
    query = owned(WebSite, who.tenant_id).where(col(WebSite.deleted_at).is_(None))
    ordered = query.order_by(col(WebSite.created_at).desc(), col(WebSite.id).desc())
    return list(session.exec(ordered.options(defer(WebSite.robots))).all())  # type: ignore[arg-type]  # a column


def get(session: Transaction, who: Identity, site_id: str, *, lock: bool = False) -> WebSite:
    """Return a web address. Raises NotFound if it does not exist or is deleted."""
    query = owned(WebSite, who.tenant_id).where(WebSite.id == site_id, col(WebSite.deleted_at).is_(None))
    site: WebSite | None = session.exec(query.with_for_update() if lock else query).first()
    if site is None:
        raise NotFound(_MISSING)
    return site


def report(session: Transaction, site: WebSite) -> SiteReport:
    """Return what became of a site's pages, and how many of their texts are indexed."""
    own = owned(Source, site.tenant_id).where(Source.site_id == site.id, col(Source.deleted_at).is_(None))
    counted = own.with_only_columns(Source.state, func.count()).group_by(Source.state)
    by_state = {state: int(count) for state, count in session.execute(counted).all()}
    counts = site_readings.count_by_outcome(session, site)
    return SiteReport(counts, sum(by_state.values()), by_state.get(SourceState.READY, 0))


def list_pages(
    session: Transaction, site: WebSite, *, outcome: PageOutcome | None = None, page: int = 1, page_size: int = 25
) -> tuple[list[tuple[WebPage, Source | None]], int]:
    """Return one page of a site's addresses with the sources of their texts, and the number of all matching ones."""
    query = owned(WebPage, site.tenant_id).where(WebPage.site_id == site.id)
    if outcome is not None:
        query = query.where(WebPage.outcome == outcome)
    total = int(session.exec(query.with_only_columns(func.count())).one())
    ordered = query.order_by(WebPage.depth, col(WebPage.id)).offset((page - 1) * page_size).limit(page_size)
    rows = list(session.exec(ordered).all())
    named = [row.source_id for row in rows if row.source_id]
    found = session.exec(owned(Source, site.tenant_id).where(col(Source.id).in_(named))).all()
    by_id = {source.id: source for source in found if source.deleted_at is None}
    return [(row, by_id.get(row.source_id)) for row in rows], total


def create(session: Transaction, who: Identity, form: Mapping[str, str], *, category_id: str | None = None) -> WebSite:
    """Add a web address from a form, and begin to read it.

    Raises Invalid with the field's name for a wrong value, Conflict if the address is there already, LimitReached if
    the tenant has MAX_SITES, NotFound if there is no such category.
    """
    values = _parse(form)
    address = web_addresses.canonical(str(values["address"]))
    if egress.is_blocked(address):
        raise Invalid(egress.NOT_ALLOWED, field="address")
    if category_id:
        categories.get(session, who, category_id)
    existing = list_sites(session, who)
    if len(existing) >= MAX_SITES:
        raise LimitReached("You can add up to {count} web addresses.", count=MAX_SITES)
    key = web_addresses.hash_of(address)
    if any(web_addresses.hash_of(site.address) == key for site in existing):
        raise Conflict("This web address is there already.", field="address")
    title = web_addresses.readable(address)
    site = WebSite(**values | {"address": address}, tenant_id=who.tenant_id, title=title, category_id=category_id)
    site.created_by = who.name
    session.add(site)
    session.flush()
    site_readings.start(session, site)
    _record(session, who, site, "Web address “{title}” added")
    return site


def change(session: Transaction, who: Identity, site_id: str, form: Mapping[str, str]) -> WebSite:
    """Change how a web address is read; other limits begin a new reading. The address itself stays.

    Raises NotFound if there is no such web address, Invalid with the field's name for a wrong value.
    """
    site = get(session, who, site_id, lock=True)
    values = _parse({**form, "address": site.address})
    is_other = any(getattr(site, name) != values[name] for name in _READING)
    for name in (*_READING, "interval"):
        setattr(site, name, values[name])
    if is_other:
        _forget_validators(session, site)
        site_readings.start(session, site)
    elif not site.is_in_progress:
        site_readings.schedule_next(site)
        site_readings.publish_change(session, site)
    return site


def _forget_validators(session: Transaction, site: WebSite) -> None:
    """Let all pages be read as a whole, so that their links are looked at again."""
    for page in site_readings.list_pages(session, site):
        page.etag = page.last_modified = page.body_hash = ""


def _parse(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a form. Raises Invalid with the field's name for a wrong one."""
    values: dict[str, Any] = {}
    for name, shown in SITE_FORM.items():
        value = parse_typed(shown, str(form.get(name, "")).strip())
        if shown.control == Control.NUMBER and not (isinstance(value, int) and shown.allows(value)):
            raise Invalid(shown.problem, field=name)
        values[name] = value
    try:
        values["scope"], values["interval"] = SiteScope(values["scope"]), ReadInterval(values["interval"])
    except ValueError as error:
        raise Invalid(WRONG_VALUE, field="scope") from error
    if not values["address"]:
        raise Invalid("Enter an address that begins with https://.", field="address")
    values["path_prefix"] = _prefix(values["path_prefix"])
    return values


def _prefix(written: str) -> str:
    if not written:
        return ""
    if len(written) > (SITE_FORM["path_prefix"].max_length or 0) or not written.startswith("/"):
        raise Invalid("Enter a path that begins with /, for example /help/.", field="path_prefix")
    return web_addresses.path_with_query(web_addresses.canonical(f"https://x.test{written.split('?')[0]}"))


def read_now(session: Transaction, who: Identity, site_id: str) -> WebSite:
    """Begin a reading. Raises NotFound if there is no such web address, Conflict if it is being read or paused."""
    site = get(session, who, site_id, lock=True)
    if site.is_paused:
        raise Conflict("Reading is paused. Resume it first.")
    if site.is_in_progress:
        raise Conflict("It is being read already.")
    site_readings.start(session, site)
    return site


def pause(session: Transaction, who: Identity, site_id: str) -> WebSite:
    """Stop reading a web address until it is resumed; agents go on using what was read.

    Raises NotFound if there is no such web address.
    """
    site = get(session, who, site_id, lock=True)
    if not site.is_paused:
        site.is_paused = True
        _record(session, who, site, "Reading of “{title}” paused")
    return site


def resume(session: Transaction, who: Identity, site_id: str) -> WebSite:
    """Go on reading a web address where it was paused. Raises NotFound if there is no such web address."""
    site = get(session, who, site_id, lock=True)
    if site.is_paused:
        site.is_paused = False
        _record(session, who, site, "Reading of “{title}” resumed")
        if not _has_job(session, site):
            site_readings.resume(session, site)
    return site


def _has_job(session: Transaction, site: WebSite) -> bool:
    """Return whether a job of the current reading is still there, which the pause has not ended yet."""
    query = owned(Job, site.tenant_id).where(Job.lock_key == site_readings.lock_key(site), Job.state == JobState.QUEUED)
    payload = ReadSite(site_id=site.id, reading=site.reading).model_dump(mode="json")
    return any(job.payload == payload for job in session.exec(query).all())


def set_category(session: Transaction, who: Identity, site_id: str, category_id: str | None) -> WebSite:
    """Set the category of a web address and of all its pages, None for no category.

    Raises NotFound if either does not exist.
    """
    site = get(session, who, site_id, lock=True)
    site.category_id = categories.get(session, who, category_id).id if category_id else None
    for source in session.exec(owned(Source, who.tenant_id).where(Source.site_id == site.id)).all():
        source.category_id = site.category_id
    knowledge_state.increment_revision(session, who.tenant_id)
    return site


def delete(session: Transaction, who: Identity, site_id: str) -> WebSite:
    """Move a web address with its pages to the bin; no search finds them any more.

    Raises NotFound if there is no such web address.
    """
    site = get(session, who, site_id, lock=True)
    site.deleted_at = now()
    bin_entries.put(session, site, by=who.name)
    own = owned(Source, who.tenant_id).where(Source.site_id == site.id, col(Source.deleted_at).is_(None))
    for source in session.exec(own).all():
        source_replacement.retire(session, who.tenant_id, source.id, by=who.name, with_id=site.id)
    _record(session, who, site, "Web address “{title}” deleted", link="")
    return site


def restore(session: Transaction, who: Identity, site_id: str) -> WebSite:
    """Restore a web address with its pages; a reading that was interrupted goes on.

    Raises NotFound if there is no such deleted web address, LimitReached if the tenant has MAX_SITES or its files would
    be too large.
    """
    query = owned(WebSite, who.tenant_id).where(WebSite.id == site_id, col(WebSite.deleted_at).is_not(None))
    site: WebSite | None = session.exec(query.with_for_update()).first()
    if site is None:
        raise NotFound(_MISSING)
    if len(list_sites(session, who)) >= MAX_SITES:
        raise LimitReached("You can add up to {count} web addresses.", count=MAX_SITES)
    site.deleted_at = None
    bin_entries.remove_restored(session, who, site)
    for entry in bin_entries.entries_with(session, who.tenant_id, site.id):
        sources.restore(session, who, entry.row_id)
    if not site.is_paused and not _has_job(session, site):
        site_readings.resume(session, site)
    site_readings.publish_change(session, site)
    return site


def _record(session: Transaction, who: Identity, site: WebSite, sentence: str, *, link: str | None = None) -> None:
    link = f"/knowledge/sites/{site.id}" if link is None else link
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, sentence, link=link, title=site.title)
    site_readings.publish_change(session, site)

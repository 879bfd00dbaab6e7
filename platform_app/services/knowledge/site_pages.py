"""Site pages: reads one page of a web address and stores it as a source if its text is new."""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Invalid, LimitReached
from platform_app.files import scratch, tenant_files
from platform_app.files.tenant_files import StoredFile
from platform_app.integrations import robots, web_addresses
from platform_app.integrations.web_pages import FetchFailed, GoneError, OutsideError, Spent, WebReader, WebResponse
from platform_app.jobs import RunningJob
from platform_app.models.knowledge import Source, SourceKind, SourceState
from platform_app.models.web_site import PageOutcome, WebPage, WebSite
from platform_app.rag import parsing
from platform_app.rag.parsing import WebContent
from platform_app.services.knowledge import site_readings, source_changes, source_replacement, sources
from platform_app.text.byte_order_marks import marked_encoding

FILE_NAME = "page.html"
MAX_ATTEMPTS = 3  # at a page that asks to come later
NO_HTML = "It is not an HTML page."
ELSEWHERE = "The page leads to another site."
NOT_KEPT = "The page asks robots not to keep it."
SAME = "Another page of the site has the same text."
_HTML = ("text/html", "application/xhtml+xml", "")
# Those of pages; others of Python, such as punycode, take a time that grows with the square of the length.
_CHARSETS = re.compile(r"cp\d+|iso8859-\d+|koi8-\w|mac-\w+|gb\w+|hz|big5\w*|shift_jis\w*|euc_\w+|utf-16(-[lb]e)?")
_LOSES_SOURCE = (PageOutcome.GONE, PageOutcome.REFUSED, PageOutcome.SKIPPED, PageOutcome.DOUBLE)
Store = Callable[[RunningJob, Transaction, Spent], WebSite | None]


@dataclass
class PageResult:
    """What came of reading a page."""

    outcome: PageOutcome
    reason: str = ""  # a message id
    wait: float = 0.0  # seconds after which the site asks us to come again
    is_silent: bool = False  # there was no response
    response: WebResponse | None = None
    body_hash: str = ""
    text_hash: str = ""
    title: str = ""
    links: list[str] = field(default_factory=list)  # canonical addresses
    file: StoredFile | None = None  # of a text that may be new


def read_page(job: RunningJob, site: WebSite, page: WebPage, *, store: Store) -> float:
    """Read a page and store what came of it; return the seconds that the site asks us to wait, 0 if it does not.

    `store` counts the cost in the transaction and returns the locked site, or None if the reading is not to go on.
    """
    rules = robots.from_json(site.robots)
    reader = WebReader(site.address, lambda address: rules.allows(web_addresses.path_with_query(address)))
    with session_scope(job.tenant_id, read_only=True) as session:
        has_text = _has_text(session, page)
    result = _read(reader, page, has_text=has_text)
    is_kept = False
    try:
        with job.transaction() as session:
            row = store(job, session, reader.spent)
            if row is not None:
                row.failures_in_row = row.failures_in_row + 1 if result.is_silent or result.wait else 0
                is_kept = _record(session, row, page.id, result=result)
                site_readings.add_pages(session, row, result.links, depth=page.depth + 1, robots=rules)
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


def _read(reader: WebReader, page: WebPage, *, has_text: bool) -> PageResult:
    known = {"etag": page.etag, "last_modified": page.last_modified} if has_text else {}
    try:
        response = reader.fetch(page.address, **known)
    except GoneError:
        return PageResult(PageOutcome.GONE)
    except OutsideError:
        return PageResult(PageOutcome.FAILED if page.source_id else PageOutcome.SKIPPED, ELSEWHERE)
    except FetchFailed as failure:
        outcome = PageOutcome.REFUSED if failure.is_refused else PageOutcome.FAILED
        return PageResult(outcome, failure.sentence, failure.wait, failure.is_silent)
    if response.body is None:
        return PageResult(PageOutcome.UNCHANGED)
    if response.kind not in _HTML:
        return PageResult(PageOutcome.SKIPPED, NO_HTML)
    body_hash = sha256(response.body).hexdigest()
    if has_text and body_hash == page.body_hash:
        return PageResult(PageOutcome.UNCHANGED, response=response, body_hash=body_hash, text_hash=page.text_hash)
    return _parse(response, page, body_hash, has_text=has_text)


def _parse(response: WebResponse, page: WebPage, body_hash: str, *, has_text: bool) -> PageResult:
    """Return the result for a page that was fetched; its file is stored only if its text may be new."""
    body = _in_utf8(response)
    result = PageResult(PageOutcome.FAILED, response=response, body_hash=body_hash)
    try:
        with scratch.new_path() as path:
            path.write_bytes(body)
            content = parsing.parse_web_page(path)
        _fill(result, content, response)
        is_same = has_text and result.text_hash == page.text_hash
        if result.outcome == PageOutcome.ADDED and page.source_id:
            result.outcome = PageOutcome.UNCHANGED if is_same else PageOutcome.CHANGED
        if result.outcome in (PageOutcome.ADDED, PageOutcome.CHANGED):
            result.file = tenant_files.save_bytes(page.tenant_id, body)
    except Invalid as error:
        result.reason = error.sentence
    return result


def _in_utf8(response: WebResponse) -> bytes:
    """Return a page in UTF-8 if the response names another charset; one that it does not have changes nothing."""
    body = response.body or b""
    if not response.charset or marked_encoding(body):
        return body
    try:
        body.decode("utf-8")
        return body
    except UnicodeDecodeError:
        pass
    try:
        name = codecs.lookup(response.charset).name
        return body.decode(name).encode() if _CHARSETS.fullmatch(name) else body
    except (LookupError, UnicodeError, ValueError):
        return body


def _fill(result: PageResult, content: WebContent, response: WebResponse) -> None:
    words = f"{content.robots} {response.robots_tag.replace(',', ' ')}".split()
    title = "".join(letter for letter in content.title if letter.isprintable()).strip()
    result.title = (title or web_addresses.readable(response.address))[:300]
    result.text_hash = sha256(f"{result.title}\n{content.text}".encode()).hexdigest()
    if "nofollow" not in words and "none" not in words:
        base = site_readings.absolute([content.base], response.address) if content.base else []
        result.links = site_readings.absolute(content.links, base[0] if base else response.address)
    if "noindex" in words or "none" in words:
        result.outcome, result.reason = PageOutcome.REFUSED, NOT_KEPT
    elif content.problem:
        result.reason = content.problem
    else:
        result.outcome = PageOutcome.ADDED


def _record(session: Transaction, site: WebSite, page_id: str, *, result: PageResult) -> bool:
    """Store what came of a page; return whether its file is that of a source by now."""
    page = session.exec(owned(WebPage, site.tenant_id).where(WebPage.id == page_id).with_for_update()).one()
    if page.is_excluded:  # deleted by a member while it was read
        return False
    if result.wait and page.attempts + 1 < MAX_ATTEMPTS:
        page.attempts += 1
        return False
    is_kept = _store_text(session, site, page, result=result) if result.file is not None else False
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
        source_changes.set_file(session, source, FILE_NAME, result.file)
        return source
    sources.check_quota(session, site.tenant_id, result.file.size)
    source = Source(
        tenant_id=site.tenant_id,
        kind=SourceKind.WEB,
        site_id=site.id,
        category_id=site.category_id,
        title=result.title,
        file_name=FILE_NAME,
        stored_as=result.file.stored_as,
        size=result.file.size,
        sha256=result.file.sha256,
        created_by=site.created_by,
    )
    session.add(source)
    return source

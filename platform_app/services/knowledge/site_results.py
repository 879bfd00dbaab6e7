"""Site results: asks for a page of a web address, and what it holds: its text, its links and what it asks of robots."""

import codecs
import re
from dataclasses import dataclass, field
from hashlib import sha256

from platform_app.errors import Invalid
from platform_app.files import scratch, tenant_files
from platform_app.files.tenant_files import StoredFile
from platform_app.integrations import web_addresses
from platform_app.integrations.web_pages import HTML, FetchFailed, GoneError, OutsideError, WebReader, WebResponse
from platform_app.models.web_site import PageOutcome, WebPage
from platform_app.rag import parsing
from platform_app.rag.parsing import WebContent
from platform_app.services.knowledge import site_addresses
from platform_app.services.knowledge.site_addresses import FILE_ENDINGS
from platform_app.text.byte_order_marks import marked_encoding

UNREADABLE = "It is neither an HTML page nor a file that can be read."
NEEDS_SCRIPTS = "The page shows its text only with JavaScript, which is not run here."
ELSEWHERE = "The page leads to another site."
NOT_FOUND = "The page does not exist."
SIGN_IN = "The page may not be read without a sign-in."
OTHER_ADDRESS = "The page says that it is the same as one with another address."
NOT_KEPT = "The page asks robots not to keep it."
SIGN_IN_TEXT = 400  # characters: a page with a field for a password and less text is there to sign in
PAGE_NAME = "page.html"
_FILES = {  # the ending of files by their media type
    "application/pdf": ".pdf",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/tab-separated-values": ".tsv",
}
_ANY_KIND = ("application/octet-stream", "binary/octet-stream", "application/x-download", "application/zip")
_SCRIPT_TEXT = 300  # characters: a page of scripts with less text shows the rest only when they run
# Those of pages; others of Python, such as punycode, take a time that grows with the square of the length.
_CHARSETS = re.compile(r"cp\d+|iso8859-\d+|koi8-\w|mac-\w+|gb\w+|hz|big5\w*|shift_jis\w*|euc_\w+|utf-16(-[lb]e)?")
_NOT_KEPT_WORDS = {"noindex", "none"}


@dataclass
class PageResult:
    """What came of reading a page."""

    outcome: PageOutcome
    reason: str = ""  # a message id
    wait: float = 0.0  # seconds after which the site asks us to come again
    is_silent: bool = False  # there was no response
    is_final: bool = False  # the page says itself that it will not come back
    response: WebResponse | None = None
    body_hash: str = ""
    text_hash: str = ""
    title: str = ""
    own_address: str = ""  # the address that the page calls its own, if it is another one
    links: list[str] = field(default_factory=list)  # canonical addresses
    file_name: str = PAGE_NAME
    file: StoredFile | None = None  # of a text that may be new


def read(reader: WebReader, page: WebPage, *, has_text: bool) -> PageResult:
    """Ask for a page and return what came of it; `has_text` says that its text is kept from an earlier reading."""
    known = {"etag": page.etag, "last_modified": page.last_modified} if has_text else {}
    try:
        response = reader.fetch(page.address, **known, may_be_file=site_addresses.is_file(page.address))
    except GoneError as error:
        return PageResult(PageOutcome.GONE, NOT_FOUND, is_final=error.is_final)
    except OutsideError:
        return PageResult(PageOutcome.SKIPPED, ELSEWHERE)
    except FetchFailed as failure:
        outcome = PageOutcome.REFUSED if failure.is_refused else PageOutcome.FAILED
        return PageResult(outcome, failure.sentence, failure.wait, failure.is_silent)
    if _NOT_KEPT_WORDS & response.robots_words:
        return PageResult(PageOutcome.REFUSED, NOT_KEPT, response=response)
    if response.body is None:
        return PageResult(PageOutcome.UNCHANGED)
    name = _file_name(response)
    if not name:
        return PageResult(PageOutcome.SKIPPED, UNREADABLE)
    body_hash = sha256(response.body).hexdigest()
    if has_text and body_hash == page.body_hash:
        return PageResult(PageOutcome.UNCHANGED, response=response, body_hash=body_hash, text_hash=page.text_hash)
    result = PageResult(PageOutcome.FAILED, response=response, body_hash=body_hash, file_name=name)
    return _parse(result, response, page, has_text=has_text)


def _file_name(response: WebResponse) -> str:
    """Return the name under which what was fetched is stored, by which it is parsed; "" if it cannot be."""
    if response.kind in HTML:
        return PAGE_NAME
    ending = _FILES.get(response.kind, "")
    by_address = next((end for end in FILE_ENDINGS if response.address.split("?")[0].lower().endswith(end)), "")
    if response.kind in _ANY_KIND or (ending == ".txt" and by_address in (".csv", ".md", ".tsv")):
        ending = by_address  # servers that know no better
    return f"file{ending}" if ending else ""


def _parse(result: PageResult, response: WebResponse, page: WebPage, *, has_text: bool) -> PageResult:
    """Return the result for a page that was fetched; its file is stored only if its text may be new."""
    body = _in_utf8(response) if result.file_name == PAGE_NAME else response.body or b""
    try:
        with scratch.new_path() as path:
            path.write_bytes(body)
            if result.file_name == PAGE_NAME:
                _fill(result, parsing.parse_web_page(path), page)
            else:
                _fill_file(result, parsing.parse(path, result.file_name), response)
        is_same = has_text and result.text_hash == page.text_hash
        if result.outcome == PageOutcome.ADDED and page.source_id:
            result.outcome = PageOutcome.UNCHANGED if is_same else PageOutcome.CHANGED
        if result.outcome in (PageOutcome.ADDED, PageOutcome.CHANGED):
            result.file = tenant_files.save_bytes(page.tenant_id, body)
    except Invalid as error:
        result.reason = error.sentence
    return result


def _fill_file(result: PageResult, text: str, response: WebResponse) -> None:
    """Fill in the text of a file; its title is its name."""
    path = web_addresses.readable_path(response.address).split("?")[0]
    result.title = (path.rsplit("/", 1)[-1] or web_addresses.readable(response.address))[:300]
    result.text_hash = sha256(f"{result.title}\n{text}".encode()).hexdigest()
    result.outcome = PageOutcome.ADDED


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


def _fill(result: PageResult, content: WebContent, page: WebPage) -> None:
    response = result.response
    assert response is not None
    words = {*content.robots.split(), *response.robots_words}
    title = "".join(letter for letter in content.title if letter.isprintable()).strip()
    result.title = (title or web_addresses.readable(response.address))[:300]
    result.text_hash = sha256(f"{result.title}\n{content.text}".encode()).hexdigest()
    base = site_addresses.absolute([content.base], response.address) if content.base else []
    base_address = base[0] if base else response.address
    own = site_addresses.absolute([content.own_address], base_address) if content.own_address else []
    if not words & {"nofollow", "none"}:
        result.links = site_addresses.absolute(content.links, base_address)
    is_moved = web_addresses.hash_of(response.address) != page.address_hash
    if _NOT_KEPT_WORDS & words:
        result.outcome, result.reason = PageOutcome.REFUSED, NOT_KEPT
    elif content.asks_password and (is_moved or len(content.text) < SIGN_IN_TEXT):
        result.reason, result.links = SIGN_IN, []
    elif own and page.depth and _is_variant(response.address, own[0]):
        result.outcome, result.reason, result.own_address = PageOutcome.SKIPPED, OTHER_ADDRESS, own[0]
    elif content.needs_scripts and len(content.text) < _SCRIPT_TEXT:
        result.reason = NEEDS_SCRIPTS
    elif content.problem:
        result.reason = content.problem
    else:
        result.outcome = PageOutcome.ADDED


def _is_variant(address: str, own: str) -> bool:
    """Return whether two addresses differ in their query alone; another path is not believed, it is often wrong."""
    is_same_path = web_addresses.hash_of(address.split("?")[0]) == web_addresses.hash_of(own.split("?")[0])
    return is_same_path and web_addresses.hash_of(address) != web_addresses.hash_of(own)

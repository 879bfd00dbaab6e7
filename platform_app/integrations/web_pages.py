"""Web pages: fetches a page of a site within bounds of time, size and redirects."""

import math
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime

import httpx

from platform_app.clock import now
from platform_app.errors import Invalid
from platform_app.integrations import egress, robots_tags, web_addresses
from platform_app.integrations.egress import Download, ResponseTooLarge
from platform_app.integrations.robots import USER_AGENT

MAX_BYTES = 3_000_000  # of a page, also when it is unpacked
MAX_FILE_BYTES = 20_000_000  # of a file that is no page
MAX_REDIRECTS = 5
FILE_SECONDS = 20.0  # as SECONDS, of a file
SECONDS = 8.0  # of silence; twice of it for all of a response
MAX_WAIT = 300.0  # seconds that a site may ask us to wait
USUAL_WAIT = 30.0  # seconds, if it does not say how long
MAX_PARTS = 50  # of a packed page; further ones are left out
_GZIP = b"\x1f\x8b"  # how a packed part begins
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
GONE = (404, 410)
HTML = ("text/html", "application/xhtml+xml", "")  # media types of pages
TOO_LARGE = "The page is larger than 3 MB."
FILE_TOO_LARGE = "The file is larger than 20 MB."


class FetchFailed(Exception):
    """A page could not be fetched; what was read before is kept. `sentence` is a message id."""

    def __init__(
        self,
        sentence: str,
        *,
        is_refused: bool = False,
        is_silent: bool = False,
        wait: float = 0.0,
        status: int = 0,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status  # of the response; 0: there is none
        self.is_refused = is_refused  # robots.txt does not allow it
        self.is_silent = is_silent  # there was no response
        self.wait = wait  # seconds after which the site asks us to come again; 0: it does not


class GoneError(Exception):
    """The page does not exist; `is_final` says that it will not come back (410)."""

    def __init__(self, *, is_final: bool) -> None:
        super().__init__()
        self.is_final = is_final


class OutsideError(Exception):
    """The address leads to another site."""


@dataclass
class Spent:
    """What fetching has cost."""

    requests: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class WebResponse:
    """A page that was fetched. `body` is None if it has not changed since."""

    address: str  # after redirects
    body: bytes | None
    kind: str = ""  # its media type
    charset: str = ""
    etag: str = ""
    last_modified: str = ""
    robots_words: frozenset[str] = frozenset()  # of its header X-Robots-Tag


@dataclass
class WebReader:
    """Fetches addresses of one site. `may_read` is asked for each address, also of redirects."""

    site: str  # an address of it
    may_read: Callable[[str], bool] = lambda address: True
    spent: Spent = field(default_factory=Spent)
    stays: bool = True  # redirects to other hosts are not followed

    def fetch(self, address: str, *, etag: str = "", last_modified: str = "", may_be_file: bool = False) -> WebResponse:
        """Return the page of an address, unless it is what `etag` and `last_modified` name.

        What may be a file, and is no HTML, may be larger than a page and take longer.
        Raises GoneError for 404 and 410, OutsideError for a redirect to another site, FetchFailed for all else.
        """
        headers = {"user-agent": USER_AGENT, "accept": "text/html,application/xhtml+xml,*/*;q=0.1"}
        headers |= {"if-none-match": etag} if etag else {}
        headers |= {"if-modified-since": last_modified} if last_modified else {}
        seen = {address}
        for _ in range(MAX_REDIRECTS + 1):
            if not self.may_read(address):
                raise FetchFailed("robots.txt does not allow it.", is_refused=True)
            found = self._request(address, headers, may_be_file=may_be_file)
            if found.status not in _REDIRECTS:
                return _response(address, found, is_conditional=bool(etag or last_modified))
            address = self._target(address, found)
            if address in seen:
                raise FetchFailed("The page redirects in a circle.")
            seen.add(address)
        raise FetchFailed("The page redirects too often.")

    def _target(self, address: str, found: Download) -> str:
        try:
            target = web_addresses.canonical(found.headers.get("location", ""), address)
        except Invalid as error:
            raise FetchFailed("The page redirects to an address that cannot be read.") from error
        if self.stays and not web_addresses.is_same_site(target, self.site):
            raise OutsideError
        return target

    def _request(self, address: str, headers: dict[str, str], *, may_be_file: bool) -> Download:
        began, seconds = time.monotonic(), FILE_SECONDS if may_be_file else SECONDS
        most = MAX_FILE_BYTES if may_be_file else MAX_BYTES
        self.spent.requests += 1
        try:
            found = egress.fetch(address, b"", headers, seconds=seconds, max_bytes=most, is_trusted=False)
            self.spent.bytes += len(found.body)
            return found
        except Invalid as error:
            raise FetchFailed(error.sentence) from error
        except ResponseTooLarge as error:
            self.spent.bytes += most
            raise FetchFailed(FILE_TOO_LARGE if may_be_file else TOO_LARGE) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchFailed("The site did not answer in time.", is_silent=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            raise FetchFailed("The site did not answer.", is_silent=True) from error
        finally:
            self.spent.seconds += time.monotonic() - began


def _response(address: str, found: Download, *, is_conditional: bool) -> WebResponse:
    if found.status in GONE:
        raise GoneError(is_final=found.status == 410)
    if found.status in _BUSY:
        raise FetchFailed("The site asks to read it later.", wait=_wait_of(found), status=found.status)
    words = frozenset(robots_tags.words_of_headers(found.headers.get_list("x-robots-tag")[:20]))
    if found.status == 304 and is_conditional:
        return WebResponse(address, None, robots_words=words)
    if found.status in (401, 403):
        raise FetchFailed("The page may not be read without a sign-in.", status=found.status)
    if found.status >= 500:
        raise FetchFailed("The site reported an error of its own.", status=found.status)
    if not 200 <= found.status < 300:
        raise FetchFailed("The site did not return the page.", status=found.status)
    header = Message()
    header["content-type"] = found.headers.get("content-type", "")
    kind = header.get_content_type() if header["content-type"] else ""
    body = unpack(found.body, found.headers.get("content-encoding", ""), MAX_BYTES if kind in HTML else MAX_FILE_BYTES)
    if kind in HTML and len(body) > MAX_BYTES:
        raise FetchFailed(TOO_LARGE)
    return WebResponse(
        address,
        body,
        kind,
        str(header.get_param("charset") or "")[:40],
        _plain(found.headers.get("etag", ""), 300),
        _plain(found.headers.get("last-modified", ""), 100),
        words,
    )


def _plain(value: str, most: int) -> str:
    """Return the value of a header that can be sent back, or ""."""
    return value if len(value) <= most and value.isascii() and value.isprintable() else ""


def _wait_of(found: Download) -> float:
    """Return the seconds that a site asks us to wait, in its header as a number or as a date."""
    header = found.headers.get("retry-after", "")[:100]
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(header) - now()).total_seconds()
        except (ValueError, TypeError, OverflowError):
            seconds = math.nan
    return min(max(seconds, 1.0), MAX_WAIT) if not math.isnan(seconds) else USUAL_WAIT


def unpack(body: bytes, encoding: str, most: int = MAX_BYTES) -> bytes:
    """Return a body without its content encoding. Raises FetchFailed if it is unknown or the body too large."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity") or not body:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed("The page is packed in a way that cannot be read.")
    text = b""
    try:
        for _ in range(MAX_PARTS):  # a file may have several, each packed by itself
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # recognizes gzip and zlib by their heads
            text += unpacker.decompress(body, most + 1 - len(text))
            if len(text) > most:
                raise FetchFailed(TOO_LARGE if most == MAX_BYTES else FILE_TOO_LARGE)
            if not unpacker.eof:
                raise FetchFailed("The page is damaged.")
            body = unpacker.unused_data
            if not body.startswith(_GZIP):
                break
    except zlib.error as error:
        raise FetchFailed("The page is damaged.") from error
    return text

"""Web pages: fetches a page of a site within bounds of time, size and redirects."""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message

import httpx

from platform_app.errors import Invalid
from platform_app.integrations import egress, web_addresses
from platform_app.integrations.egress import Download, ResponseTooLarge
from platform_app.integrations.robots import USER_AGENT

MAX_BYTES = 3_000_000  # of a page, also when it is unpacked
MAX_REDIRECTS = 5
SECONDS = 8.0  # of silence; twice of it for all of a response
MAX_WAIT = 300.0  # seconds that a site may ask us to wait
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
GONE = (404, 410)


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
    """The page does not exist any more."""


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
    robots_tag: str = ""


@dataclass
class WebReader:
    """Fetches addresses of one site. `may_read` is asked for each address, also of redirects."""

    site: str  # an address of it
    may_read: Callable[[str], bool] = lambda address: True
    spent: Spent = field(default_factory=Spent)
    stays: bool = True  # redirects to other hosts are not followed

    def fetch(self, address: str, *, etag: str = "", last_modified: str = "") -> WebResponse:
        """Return the page of an address, unless it is what `etag` and `last_modified` name.

        Raises GoneError for 404 and 410, OutsideError for a redirect to another site, FetchFailed for all else.
        """
        headers = {"user-agent": USER_AGENT, "accept": "text/html,application/xhtml+xml,*/*;q=0.1"}
        headers |= {"if-none-match": etag} if etag else {}
        headers |= {"if-modified-since": last_modified} if last_modified else {}
        seen = {address}
        for _ in range(MAX_REDIRECTS + 1):
            if not self.may_read(address):
                raise FetchFailed("robots.txt does not allow it.", is_refused=True)
            found = self._request(address, headers)
            if found.status not in _REDIRECTS:
                return _response(address, found)
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

    def _request(self, address: str, headers: dict[str, str]) -> Download:
        began = time.monotonic()
        self.spent.requests += 1
        try:
            found = egress.fetch(address, b"", headers, seconds=SECONDS, max_bytes=MAX_BYTES, is_trusted=False)
            self.spent.bytes += len(found.body)
            return found
        except Invalid as error:
            raise FetchFailed(error.sentence) from error
        except ResponseTooLarge as error:
            self.spent.bytes += MAX_BYTES
            raise FetchFailed("The page is larger than 3 MB.") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise FetchFailed("The site did not answer in time.", is_silent=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            raise FetchFailed("The site did not answer.", is_silent=True) from error
        finally:
            self.spent.seconds += time.monotonic() - began


def _response(address: str, found: Download) -> WebResponse:
    if found.status in GONE:
        raise GoneError
    if found.status in _BUSY:
        raise FetchFailed("The site asks to read it later.", wait=_wait_of(found), status=found.status)
    if found.status == 304:
        return WebResponse(address, None)
    if found.status in (401, 403):
        raise FetchFailed("The page may not be read without a sign-in.", status=found.status)
    if found.status >= 500:
        raise FetchFailed("The site reported an error of its own.", status=found.status)
    if not 200 <= found.status < 300:
        raise FetchFailed("The site did not return the page.", status=found.status)
    header = Message()
    header["content-type"] = found.headers.get("content-type", "")
    return WebResponse(
        address,
        unpack(found.body, found.headers.get("content-encoding", "")),
        header.get_content_type() if header["content-type"] else "",
        str(header.get_param("charset") or "")[:40],
        _plain(found.headers.get("etag", ""), 300),
        _plain(found.headers.get("last-modified", ""), 100),
        found.headers.get("x-robots-tag", "")[:500].lower(),
    )


def _plain(value: str, most: int) -> str:
    """Return the value of a header that can be sent back, or ""."""
    return value if len(value) <= most and value.isascii() and value.isprintable() else ""


def _wait_of(found: Download) -> float:
    try:
        return min(max(float(found.headers.get("retry-after", "")), 1.0), MAX_WAIT)
    except ValueError:  # a date, or nothing
        return 30.0


def unpack(body: bytes, encoding: str) -> bytes:
    """Return a body without its content encoding. Raises FetchFailed if it is unknown or the body too large."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FetchFailed("The page is packed in a way that cannot be read.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # recognizes gzip and zlib by their heads
    try:
        text = unpacker.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise FetchFailed("The page is damaged.") from error
    if unpacker.unconsumed_tail:
        raise FetchFailed("The page is larger than 3 MB.")
    return text

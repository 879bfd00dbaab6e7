"""Web addresses: the one form in which the address of a page is kept, and which addresses belong to a site."""

import re
from hashlib import sha256
from urllib.parse import quote, unquote, unquote_plus, urljoin, urlsplit, urlunsplit

from platform_app.errors import Invalid
from platform_app.integrations import egress

MAX_ADDRESS = 2_000  # characters
_PORTS = {"http": 80, "https": 443}
_TRACKING = frozenset((
    "_ga", "_gl", "_openstat", "dclid", "fbclid", "gad_source", "gbraid", "gclid", "igshid", "mc_cid", "mc_eid",
    "msclkid", "twclid", "ttclid", "vero_id", "wbraid", "ysclid", "yclid", "yadclid", "yadordid",
    # sessions, which make a new address of the same page for each visit
    "cfid", "cftoken", "jsessionid", "oscsid", "phpsessid", "zenid",
))  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "hsa_", "pk_", "mtm_", "aspsessionid")
_SESSION = re.compile(r";(jsessionid|phpsessid)=[^/;]*", re.IGNORECASE)  # in a path
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"
_QUERY_SAFE = _PATH_SAFE + "?"
_ESCAPE = re.compile("%([0-9a-fA-F]{2})?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical(address: str, base: str = "") -> str:
    """Return the address of a page in one form: without fragment, default port, tracking and session parameters.

    Escapes are written in one way, and nothing that they stand for is changed (RFC 3986, section 6). `base` is the
    address of the page that names it. Raises Invalid at the field `address` if it cannot be called.
    """
    try:
        parts = urlsplit(egress.check(urljoin(base, address.strip())))
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        port = parts.port
        path = _path(_SESSION.sub("", _escaped(parts.path, _PATH_SAFE)))
        query = _query(_escaped(parts.query, _QUERY_SAFE))
    except (Invalid, ValueError) as error:
        raise Invalid("Enter an address that begins with https://.", field="address") from error
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        place = f"{place}:{port}"
    written = f"{parts.scheme}://{place}{path}{'?' if query else ''}{query}"
    if len(written) > MAX_ADDRESS or not host:
        raise Invalid("The address is too long.", field="address")
    return written


def _escaped(text: str, safe: str) -> str:
    """Return a part of an address in which each character is written in one way; a lone % is a character, too."""

    def one_form(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%25"
        letter = chr(int(match[1], 16))
        return letter if letter in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(one_form, quote(text, safe=safe))


def _path(path: str) -> str:
    """Return a path without its segments `.` and `..`; empty segments stay (RFC 3986, section 5.2.4)."""
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return "/" + "/".join(segments)


def _query(query: str) -> str:
    """Return a query without tracking and session parameters; the others stay as they are written."""
    return "&".join(part for part in query.split("&") if part and not _is_tracking(unquote_plus(part.split("=")[0])))


def _is_tracking(name: str) -> bool:
    lower = name.lower()
    return lower in _TRACKING or lower.startswith(_TRACKING_PREFIXES)


def host_of(address: str) -> str:
    """Return the host of a canonical address, with its port if it is not the usual one, without `www.`."""
    return urlsplit(address).netloc.removeprefix("www.")


def is_same_site(address: str, other: str) -> bool:
    """Return whether two canonical addresses are of one host; `www.` and https make no difference."""
    return host_of(address) == host_of(other)


def is_below(address: str, prefix: str) -> bool:
    """Return whether the path of a canonical address is a prefix or below it; an empty prefix is that of all."""
    path = urlsplit(address).path
    return path.startswith(prefix) if not prefix or prefix.endswith("/") else f"{path}/".startswith(f"{prefix}/")


def path_with_query(address: str) -> str:
    """Return the path of an address with its query, as robots.txt names it."""
    parts = urlsplit(address)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def at_root(address: str, path: str) -> str:
    """Return the address of a path of the same host."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def hash_of(address: str) -> str:
    """Return the hash by which an address is found; http and https, with and without `www.`, have the same."""
    parts = urlsplit(address)
    place = parts.netloc.removeprefix("www.")
    return sha256(f"{place}{path_with_query(address)}".encode()).hexdigest()


def readable(address: str) -> str:
    """Return a canonical address as it is shown in lists: without its scheme, in the letters of its language."""
    return f"{_readable_host(urlsplit(address).netloc)}{readable_path(address)}".rstrip("/")[:300]


def readable_path(address: str) -> str:
    """Return path and query of a canonical address in the letters of their language."""
    path = path_with_query(address)
    shown = unquote(path, errors="strict") if _is_utf8(path) else path
    return shown if shown.isprintable() else path


def _is_utf8(path: str) -> bool:
    try:
        return bool(unquote(path, errors="strict"))
    except UnicodeDecodeError:
        return False


def _readable_host(place: str) -> str:
    try:
        shown = place.encode().decode("idna")
    except UnicodeError:
        return place
    return shown if shown.isprintable() else place

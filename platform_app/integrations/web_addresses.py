"""Web addresses: the one form in which the address of a page is kept, and which addresses belong to a site."""

from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from platform_app.errors import Invalid
from platform_app.integrations import egress

MAX_ADDRESS = 2_000  # characters
_PORTS = {"http": 80, "https": 443}
_TRACKING = frozenset((
    "_ga", "_gl", "_openstat", "dclid", "fbclid", "gad_source", "gbraid", "gclid", "igshid", "mc_cid", "mc_eid",
    "msclkid", "twclid", "ttclid", "vero_id", "wbraid", "ysclid", "yclid", "yadclid", "yadordid",
))  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "hsa_", "pk_", "mtm_")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


def canonical(address: str, base: str = "") -> str:
    """Return the address of a page in one form: without fragment, tracking parameters and default port.

    `base` is the address of the page that names it. Raises Invalid at the field `address` if it cannot be called.
    """
    try:
        parts = urlsplit(egress.check(urljoin(base, address.strip())))
        host = (parts.hostname or "").rstrip(".").encode("idna").decode()
        port = parts.port
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(pair[0])]
    except (Invalid, ValueError) as error:
        raise Invalid("Enter an address that begins with https://.", field="address") from error
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        place = f"{place}:{port}"
    path = urlsplit(urljoin(f"http://{place}/", quote(parts.path, safe=_PATH_SAFE) or "/")).path or "/"
    found = urlunsplit((parts.scheme, place, path, urlencode(query), ""))
    if len(found) > MAX_ADDRESS or not host:
        raise Invalid("The address is too long.", field="address")
    return found


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
    """Return whether the path of a canonical address begins with a prefix; an empty one is that of all."""
    return not prefix or urlsplit(address).path.startswith(prefix)


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

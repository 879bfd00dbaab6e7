"""Site addresses: which of the addresses that a page names are read with a site."""

import time
from collections.abc import Iterable

from platform_app.errors import Invalid
from platform_app.integrations import web_addresses
from platform_app.integrations.robots import Robots
from platform_app.models.web_site import SiteScope, WebSite

MAX_CHECK_SECONDS = 3.0  # for the addresses of a page, which are compared with robots.txt
FILE_ENDINGS = (".csv", ".docx", ".md", ".ods", ".pdf", ".tsv", ".txt", ".xlsx")  # of files that are read as pages are
_NO_PAGES = (
    *(".7z", ".avi", ".bmp", ".css", ".doc", ".exe", ".gif", ".gz", ".ico", ".jpeg", ".jpg", ".js", ".json"),
    *(".mov", ".mp3", ".mp4", ".png", ".ppt", ".pptx", ".rar", ".rss", ".svg", ".tar"),
    *(".wav", ".webm", ".webp", ".woff", ".woff2", ".xls", ".xml", ".zip"),
)


def is_file(address: str) -> bool:
    """Return whether an address is that of a readable file by its ending, and not that of a page."""
    return _path(address).endswith(FILE_ENDINGS)


def _path(address: str) -> str:
    return address.split("?")[0].lower()


def absolute(links: Iterable[str], base: str) -> list[str]:
    """Return links of a page as canonical addresses, without those that are none."""
    found = []
    for link in links:
        try:
            found.append(web_addresses.canonical(link, base))
        except Invalid:
            continue
    return found


def belongs(site: WebSite, address: str, depth: int) -> bool:
    """Return whether an address that is some links away is read with a site."""
    if depth == 0:
        return True
    is_inside = site.scope == SiteScope.SITE and web_addresses.is_same_site(address, site.address)
    return is_inside and depth <= site.depth and web_addresses.is_below(address, site.path_prefix)


def candidates(site: WebSite, addresses: Iterable[str], *, depth: int, robots: Robots) -> dict[str, bool]:
    """Return the addresses among these that belong to a site, and whether robots.txt allows each.

    To be called outside of a transaction: the rules of a hostile robots.txt take their time.
    """
    own = [address for address in addresses if belongs(site, address, depth) and not _path(address).endswith(_NO_PAGES)]
    until, checked = time.monotonic() + MAX_CHECK_SECONDS, {}
    for address in own:
        if time.monotonic() > until:
            break  # what is left is not read
        checked[address] = robots.allows(web_addresses.path_with_query(address))
    return checked

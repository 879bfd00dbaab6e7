"""Web origin: the form of an address that is a scheme, a host and perhaps a port."""

import re
from urllib.parse import urlsplit


def is_origin(address: str) -> bool:
    """Return whether an address is http:// or https://, a host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or parts.username is not None or port == 0:
        return False
    return re.fullmatch(r"[\w.-]+|[\da-f:.]+", parts.hostname or "") is not None and not (
        parts.path or parts.query or parts.fragment or address.endswith(("?", "#", ":"))
    )

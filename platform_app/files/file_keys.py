"""File keys: under which files are stored: the tenant's id and a random name.

Files that were stored before keys had the tenant's id have the name alone.
"""

import re
import secrets

from platform_app.errors import NotFound

MISSING = "File not found. It may have been deleted."
_NAME = "[A-Za-z0-9_-]{1,64}"
_TENANT = "[0-9a-f]{32}"
_KEY = re.compile(f"(?:{_TENANT}/)?{_NAME}")


def new_key(tenant_id: str) -> str:
    """Return a new key of a tenant: 63 characters, of which columns hold 64."""
    return f"{tenant_id}/{secrets.token_hex(15)}"


def is_key(text: str) -> bool:
    """Return whether a text may be the key of a file; others in a folder or bucket are not ours."""
    return _KEY.fullmatch(text) is not None


def is_key_of(tenant_id: str, key: str) -> bool:
    """Return whether a key is the tenant's, or one without a tenant, which only rows of its tenant name."""
    owner, _, name = key.rpartition("/")
    return owner in ("", tenant_id) and not key.startswith("/") and re.fullmatch(_NAME, name) is not None


def check_key(tenant_id: str, key: str) -> None:
    """Raise NotFound unless a key is the tenant's."""
    if not is_key_of(tenant_id, key):
        raise NotFound(MISSING)

"""Media links: addresses at which another system fetches an attachment without signing in, for a day."""

from datetime import timedelta

from platform_app import encryption
from platform_app.clock import now
from platform_app.config import settings
from platform_app.errors import NotFound, PlatformError

PATH = "/media/"
VALID = timedelta(days=1)
MAX_TOKEN_CHARS = 1_000
_PURPOSE, _OWNER = "media link", "platform"


def link(tenant_id: str, attachment_id: str) -> str:
    """Return the address of an attachment, "" if the platform has no public https address."""
    home = settings().public_url.strip().rstrip("/")
    if not home.startswith("https://"):
        return ""
    until = int((now() + VALID).timestamp())
    return home + PATH + encryption.encrypt(f"{tenant_id} {attachment_id} {until}", _OWNER, _PURPOSE)


def read(token: str) -> tuple[str, str]:
    """Return the tenant and the id of the attachment of an address.

    Raises NotFound if it is none of ours, or too old.
    """
    try:
        written = encryption.decrypt(token[:MAX_TOKEN_CHARS], _OWNER, _PURPOSE)
        tenant_id, attachment_id, until = written.split(" ", 2)
        is_over = int(until) < now().timestamp()
    except (PlatformError, ValueError):
        raise NotFound("Page not found.") from None
    if is_over:
        raise NotFound("Page not found.")
    return tenant_id, attachment_id

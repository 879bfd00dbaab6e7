"""Chat files: files that managers attach in the Chats API, fetched from the hosts of the vendor alone."""

from urllib.parse import urlsplit

from platform_app.config import settings
from platform_app.integrations.kommo.hosts import ZONES

PICTURE, VIDEO, FILE, VOICE, AUDIO, STICKER = "picture", "video", "file", "voice", "audio", "sticker"
_LABELS = {PICTURE: "Photo", STICKER: "Photo", VIDEO: "Video", VOICE: "Voice message", AUDIO: "Audio", FILE: "File"}


def label_of(kind: str) -> str:
    """Return the label of an attachment for a type of message, "" if such a message has no file."""
    return _LABELS.get(kind, "")


def type_of(label: str) -> str:
    """Return the type of message in which a file with a label is shown."""
    known = {"Photo": PICTURE, "Video": VIDEO, "Voice message": VOICE, "Audio": AUDIO}
    return known.get(label, FILE)


def is_vendor_file(address: str) -> bool:
    """Return whether an address is one of the vendor's: https, and a host below one of its zones."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    is_plain = address.isascii() and address.isprintable() and " " not in address and "\\" not in address
    is_theirs = any(host.endswith(f".{zone}") for zone in ZONES)
    return is_plain and parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc and is_theirs


def request_of(address: str) -> tuple[str, dict[str, str], bool]:
    """Return where a file is fetched, the headers, and whether that is a stand-in for the vendor, which is trusted."""
    parts, stand_in = urlsplit(address), settings().kommo_api_url.rstrip("/")
    if not stand_in:
        return address, {}, False
    query = f"?{parts.query}" if parts.query else ""
    return f"{stand_in}{parts.path}{query}", {"host": parts.hostname or ""}, True

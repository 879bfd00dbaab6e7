"""SMTP address: a mail server written as one URL, as settings hold it."""

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_SCHEMES = {"smtps": ("tls", 465), "smtp": ("starttls", 587), "smtp+plain": ("none", 25)}
_FORM = "an address such as smtps://user:password@smtp.example.com:465 or smtp://… for STARTTLS"


class SmtpAddress(NamedTuple):
    """A mail server: host, port, the word of models.mail.Security, and the sign-in; empty: none."""

    host: str
    port: int
    security: str
    user_name: str
    password: str


def parse_smtp_url(url: str) -> SmtpAddress:
    """Return the parts of smtps://, smtp:// (STARTTLS) or smtp+plain:// (no TLS); raises ValueError for others."""
    parts = urlsplit(url.strip())
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(_FORM)
    security, usual_port = _SCHEMES[parts.scheme]
    user_name, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user_name) != bool(password):
        raise ValueError("a user name needs a password, and a password a user name")
    return SmtpAddress(parts.hostname, parts.port or usual_port, security, user_name, password)

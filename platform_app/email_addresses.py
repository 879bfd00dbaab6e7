"""E-mail addresses: their form, and the one in which they are stored and compared."""

import re
import unicodedata

from platform_app.errors import Invalid

_EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[^@\s<>\"]{1,185}\.[^@\s.]{2,63}")


def validate_email(email: str) -> str:
    """Return an e-mail address in its stored form: NFC, lower case, without spaces around it.

    Raises Invalid if it is not an e-mail address.
    """
    email = normalize_email(email)
    if not is_email(email):
        raise Invalid("This isn’t an email address.", field="email")
    return email


def normalize_email(email: str) -> str:
    """Return an e-mail address in the form in which it is stored and compared; it may still be none."""
    return unicodedata.normalize("NFC", email.strip().lower())


def is_email(email: str) -> bool:
    """Return whether a normalized text has the form of an e-mail address."""
    return len(email) <= 254 and email.isprintable() and _EMAIL.fullmatch(email) is not None

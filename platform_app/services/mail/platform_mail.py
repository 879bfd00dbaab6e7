"""Platform mail: e-mail that the platform itself sends, in both languages."""

from collections.abc import Callable

import structlog

from platform_app.errors import Invalid, PlatformError, Unavailable
from platform_app.i18n import LANGUAGES
from platform_app.integrations import platform_smtp, smtp

log = structlog.get_logger()
_BETWEEN = "\n\n— — —\n\n"  # the two languages


def bilingual(language: str, text_of: Callable[[str], str]) -> str:
    """Return a text in a language, followed by the same in the other; `text_of` takes a language."""
    others = [other for other in LANGUAGES if other != language]
    return _BETWEEN.join(text_of(code) for code in (language, *others))


def send(*, to: str, subject: str, text: str, key: str) -> None:
    """Send an e-mail through the platform's own server; messages with the same key have the same id.

    Raises Invalid if the address was rejected for good, Unavailable if a retry may succeed, smtp.UnconfirmedError if it
    is not known whether the message was sent.
    The server's response is only logged: tenants do not see the platform's infrastructure.
    """
    server = platform_smtp.get_server()
    message = smtp.written(server, to=to, subject=subject, text=text, key=key)
    try:
        smtp.send(server, message)
    except Unavailable as error:
        log.warning("platform e-mail was not sent", reason=str(error))
        raise Unavailable("The platform's mail server does not take messages at the moment.") from error
    except PlatformError as error:
        log.warning("platform e-mail was refused", reason=str(error))
        raise Invalid("The mail server refused the message. Check the address.") from error

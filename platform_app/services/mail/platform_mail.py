"""Platform mail: e-mail that the platform itself sends, in both languages."""

from collections.abc import Callable
from typing import Any

import structlog

from platform_app.db import Transaction, unscoped
from platform_app.errors import Invalid, PlatformError, Unavailable
from platform_app.i18n import LANGUAGES
from platform_app.integrations import platform_smtp, smtp
from platform_app.jobs import RunningJob
from platform_app.models.event import ActivityKind
from platform_app.models.person import User
from platform_app.services.feed import activity
from platform_app.services.jobs import effects

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
        raise Unavailable("The platform’s mail server isn’t accepting messages right now. Try again later.") from error
    except PlatformError as error:
        log.warning("platform e-mail was refused", reason=str(error))
        raise Invalid("The mail server refused the message. Check the address.") from error


def send_once(job: RunningJob, effect_key: str, compose: Callable[[], dict[str, str] | None]) -> None:
    """Send the e-mail of a job, once however often the job runs.

    `compose` returns receiver, subject and text (`to`, `subject`, `text`) at the moment of sending, or None if there is
    nothing to send any more. Raises what `send` raises.
    """

    def call(key: str) -> dict[str, Any]:
        composed = compose()
        if composed is not None:
            send(**composed, key=key)
        return {"sent": composed is not None}

    effects.call_once(job, effect_key, call, repeatable=False)


def report_failure(
    session: Transaction, tenant_id: str, user_id: str, told: str, *, kind: str, sentence: str, values: Any
) -> None:
    """Report in the feed that an e-mail to a user was not sent, or that it is not known; nothing if the user is gone.

    `told` is a message id with {name} and {reason}, `kind` that of the job, `sentence` and `values` say why.
    """
    user: User | None = session.exec(unscoped(User).where(User.id == user_id)).first()
    if user is None:
        return
    reason, link = sentence.format_map(values), f"/jobs?kind={kind}"
    activity.record(session, tenant_id, ActivityKind.FAILURE, told, link=link, name=user.name, reason=reason)

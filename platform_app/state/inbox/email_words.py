"""E-mail words: what an e-mail says beside its text, as the inbox shows it."""

from platform_app.channels.mail_headers import AutomaticMail
from platform_app.i18n import translate
from platform_app.models.email import EmailDetails

_AUTOMATIC = {
    AutomaticMail.AUTO_SUBMITTED: "Automatic email: the agent doesn’t answer it.",
    AutomaticMail.BULK: "Sent to a list: the agent doesn’t answer it.",
    AutomaticMail.NO_SENDER: "Notice of a mail system: the agent doesn’t answer it.",
}
PASSED = "pass"
TRUNCATED = "This email is too large. Only its beginning was read."


def email_notes(details: EmailDetails, language: str) -> list[str]:
    """Return what members should know of an e-mail, a sentence each."""
    notes = [translate(language, _AUTOMATIC[AutomaticMail(details.automatic)])] if details.automatic else []
    return [*notes, translate(language, TRUNCATED)] if details.is_truncated else notes


def sender_check(details: EmailDetails) -> str:
    """Return the results of the server that checks senders, "" if there are none: "SPF pass · DKIM pass"."""
    results = (("SPF", details.spf), ("DKIM", details.dkim), ("DMARC", details.dmarc))
    return " · ".join(f"{name} {result}" for name, result in results if result)


def is_doubtful(details: EmailDetails) -> bool:
    """Return whether the sender may not be who the address says: DMARC, or without it SPF and DKIM, did not pass."""
    if details.dmarc:
        return details.dmarc not in (PASSED, "none", "bestguesspass")
    return bool(details.spf or details.dkim) and PASSED not in (details.spf, details.dkim)

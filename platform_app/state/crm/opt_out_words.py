"""Opt-out words: whether a contact wants messages, since when and why, in words for people."""

from platform_app.i18n import exact_time, translate
from platform_app.models.crm import Contact
from platform_app.models.sending import OptOutCause

SENTENCES = {
    OptOutCause.MEMBER: "Opted out by {by} on {since}.",
    OptOutCause.AUTOMATION: "Opted out by “{by}” on {since}.",
    OptOutCause.WORD: "Opted out on {since} by writing “{by}”.",
    OptOutCause.LINK: "Opted out on {since} by the link in an email.",
}
UNKNOWN_CAUSE = "Opted out on {since}."
WANTS_MESSAGES = "Receives messages."


def opt_out_words(contact: Contact, language: str, zone: str) -> str:
    """Return a sentence that says whether a contact wants messages, else since when and why not."""
    if contact.opted_out_at is None:
        return translate(language, WANTS_MESSAGES)
    cause, since = contact.opt_out_cause, exact_time(language, contact.opted_out_at, zone)
    sentence = UNKNOWN_CAUSE if cause is None or not contact.opt_out_by else SENTENCES[cause]
    return translate(language, sentence, since=since, by=contact.opt_out_by)

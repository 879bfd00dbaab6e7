"""Opt-outs: contacts who do not want messages, set by a member, by automation or by a word they wrote."""

import re
from typing import Any

from platform_app import notifier
from platform_app.automation.values import fold
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import NotFound
from platform_app.events import emit
from platform_app.models.conversation import Conversation
from platform_app.models.crm import Contact
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity
from platform_app.models.sending import OptOutCause, SendingPolicy
from platform_app.services.feed import activity

DEFAULT_WORDS = {
    "en": ["stop", "unsubscribe", "stop messages", "opt out"],
    "ru": ["стоп", "отписаться", "отпишите меня", "отписка", "не пишите мне"],
}
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def words_of(policy: SendingPolicy) -> dict[str, list[str]]:
    """Return the opt-out words by language: the tenant's own if set, else the defaults."""
    return {language: policy.opt_out_words.get(language, words) for language, words in DEFAULT_WORDS.items()}


def word_in(policy: SendingPolicy, text: str) -> str:
    """Return the opt-out word that a message consists of, or "" if it says anything else."""
    said = _plain(text)
    return next((word for words in words_of(policy).values() for word in words if said and _plain(word) == said), "")


def _plain(text: str) -> str:
    return " ".join(_EDGES.sub("", fold(text)).split())


def opt_out(
    session: Transaction, who: Identity, contact_id: str, *, word: str = "", cause: OptOutCause | None = None
) -> Contact:
    """Opt a contact out of messages and return it; does nothing if it is opted out already.

    `word` is the opt-out word that the contact wrote; without it and a `cause` it was the member or automation `who`.
    Raises NotFound if there is no such contact.
    """
    row = _locked(session, who, contact_id)
    if row.opted_out_at is not None:
        return row
    by_whom = OptOutCause.MEMBER if who.user_id else OptOutCause.AUTOMATION
    cause = cause or (OptOutCause.WORD if word else by_whom)
    row.opted_out_at, row.opt_out_cause, row.opt_out_by = now(), cause, (word or who.name)[:200]
    after: dict[str, Any] = {"cause": cause.value, "by": row.opt_out_by}
    event = emit(session, row.tenant_id, EventKind.OPTED_OUT, after=after, contact_id=row.id)
    told = _record(session, who, row, "“{name}” opted out of messages")
    told.event_id = event.id
    return row


def opt_in(session: Transaction, who: Identity, contact_id: str) -> Contact:
    """Let a contact receive messages again and return it. Raises NotFound if there is no such contact."""
    row = _locked(session, who, contact_id)
    if row.opted_out_at is not None:
        row.opted_out_at, row.opt_out_cause, row.opt_out_by = None, None, ""
        _record(session, who, row, "“{name}” accepts messages again")
    return row


def _record(session: Transaction, who: Identity, row: Contact, sentence: str) -> Any:
    tenant_id, contact_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "contact", contact_id))
    values = {"link": f"/contacts/{row.id}", "name": row.name}
    return activity.record_by(session, who, ActivityKind.PERSON, sentence, **values)


def _locked(session: Transaction, who: Identity, contact_id: str) -> Contact:
    """Return a contact, locked after its conversations, so that no message is sent concurrently."""
    talks = owned(Conversation, who.tenant_id).where(Conversation.contact_id == contact_id).order_by(Conversation.id)
    session.exec(talks.with_only_columns(Conversation.id).with_for_update(key_share=True)).all()
    query = owned(Contact, who.tenant_id).where(Contact.id == contact_id).with_for_update(key_share=True)
    row: Contact | None = session.exec(query).first()
    if row is None or row.deleted_at is not None:
        raise NotFound("Contact not found. It may have been deleted.")
    return row

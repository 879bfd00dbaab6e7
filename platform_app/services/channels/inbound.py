"""Inbound: messages that contacts write on channel accounts, and the identities that they write as."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, or_

from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update
from platform_app.errors import Invalid, NotFound
from platform_app.i18n import translate
from platform_app.models.channel import ChannelAccount, ChannelIdentity, InboundMessage
from platform_app.models.conversation import Conversation, ConversationState, Message, MessageState
from platform_app.models.person import Identity, Role, Tenant
from platform_app.services.channels import channel_accounts
from platform_app.services.chat import conversation_rows, conversations, hand_off, pending_replies, quick_replies
from platform_app.services.crm import contacts, crm_values, phone_numbers

_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ContactDetails:
    """What somebody who writes has said of themselves, or what the site that has signed them in says of them."""

    name: str = ""
    email: str = ""
    language: str = ""
    source: str = ""  # the payload of the link by which the contact came
    phone: str = ""  # in the international format
    is_verified: bool = False  # signed by the site; else none of it is proven


@dataclass(frozen=True)
class InboundText:
    """A message that comes in: its id at the sender, its text, and whether a person shall answer."""

    outside_id: str
    text: str
    details: ContactDetails = ContactDetails()
    wants_person: bool = False
    needs_details: bool = False  # a new contact has to say name and e-mail address
    consent_text: str = ""  # what has to be agreed to before the first message
    consents: bool = False
    title: str = ""  # of a new conversation
    answers_id: str = ""  # the message whose quick reply it is
    is_automatic: bool = False  # a machine wrote it: nothing answers, no rule runs


@dataclass(frozen=True)
class Receipt:
    """What became of a message that came in."""

    message: Message
    reply_id: str = ""  # a reply in state STREAMING, to be streamed by the caller
    is_repeat: bool = False  # it had come in before


def hash_token(token: str) -> str:
    """Return the outside id of a visitor: the SHA-256 hash, in hexadecimal, of the token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find_identity(
    session: Transaction, account: ChannelAccount, outside_id: str, *, lock: bool = False
) -> ChannelIdentity | None:
    """Return who an outside id is on an account, locked if `lock`, or None if nothing has come in from it."""
    query = _identity_query(account, outside_id)
    row: ChannelIdentity | None = session.exec(query.with_for_update() if lock else query).first()
    return row


def receive(session: Transaction, account: ChannelAccount, outside_id: str, sent: InboundText) -> Receipt:
    """Store a message of a contact on an account, once for each id, and start the agent's reply.

    On a channel with a server a worker writes the reply, else the caller streams it.
    The contact and the conversation are created with the first message. Raises Invalid for what is not accepted, and
    Conflict for a quick reply to a message that is answered.
    """
    text = conversation_rows.checked_text(sent.text)
    longest = channel_accounts.kind_of(account).longest_text
    if len(text) > longest:
        raise Invalid("This is longer than {count} characters.", field="text", count=longest)
    identity = lock_identity(session, account, outside_id)
    key = f"{identity.id}:{sent.outside_id}"
    known = owned(InboundMessage, account.tenant_id).where(
        InboundMessage.account_id == account.id, InboundMessage.outside_id == key
    )
    if (before := session.exec(known).first()) is not None:
        message = session.exec(owned(Message, account.tenant_id).where(Message.id == before.message_id)).one()
        return Receipt(message, is_repeat=True)
    _check_consent(identity, sent)
    who = identity_of(session, account, sent.details)
    talk = conversation_of(session, who, account, identity=identity, sent=sent)
    if sent.answers_id:
        quick_replies.check_open(session, talk, sent.answers_id, text)
    if sent.wants_person:
        hand_off.hand_off(session, who, talk.id)
    said, reply = conversations.receive(session, who, talk.id, text, is_automatic=sent.is_automatic)
    if reply is not None and channel_accounts.kind_of(account).push is not None:
        pending_replies.queue_reply(session, talk, reply)
    session.flush()
    session.add(InboundMessage(tenant_id=account.tenant_id, account_id=account.id, outside_id=key, message_id=said.id))
    _note_message(session, account)
    return Receipt(said, reply.id if reply is not None and reply.state == MessageState.STREAMING else "")


def ask_for_person(session: Transaction, account: ChannelAccount, outside_id: str) -> Conversation:
    """Hand the conversation of a contact to members, because the contact asks for it.

    Raises NotFound if the contact has not written yet.
    """
    identity = lock_identity(session, account, outside_id)
    if identity.conversation_id is None:
        raise NotFound("Conversation not found.")
    who = identity_of(session, account, ContactDetails())
    talk = conversation_rows.get(session, who, identity.conversation_id, lock=True)
    if talk.state == ConversationState.CLOSED:
        conversations.reopen_locked(session, talk, None)
    return hand_off.hand_off(session, who, talk.id)


def _check_consent(identity: ChannelIdentity, sent: InboundText) -> None:
    """Store to which text the contact agrees, once. Raises Invalid if it has to and does not."""
    if not sent.consent_text or identity.consented_at is not None:
        return
    if not sent.consents:
        raise Invalid("Agree to the terms first.", field="consent")
    identity.consented_at, identity.consent_text = now(), sent.consent_text


def note_seen(session: Transaction, account: ChannelAccount, outside_id: str) -> None:
    """Store that a visitor is there now and sees the conversation."""
    own = owned_update(ChannelIdentity, account.tenant_id).where(
        col(ChannelIdentity.account_id) == account.id, col(ChannelIdentity.outside_id) == outside_id
    )
    session.execute(own.values(seen_at=now()).execution_options(synchronize_session=False))


def _identity_query(account: ChannelAccount, outside_id: str) -> Any:
    return owned(ChannelIdentity, account.tenant_id).where(
        ChannelIdentity.account_id == account.id, ChannelIdentity.outside_id == outside_id
    )


def lock_identity(session: Transaction, account: ChannelAccount, outside_id: str) -> ChannelIdentity:
    """Return an identity, created if it is new, locked so that its messages are received one after another."""
    query = _identity_query(account, outside_id)
    row: ChannelIdentity | None = session.exec(query.with_for_update()).first()
    if row is None:
        try:
            with session.savepoint():
                row = ChannelIdentity(tenant_id=account.tenant_id, account_id=account.id, outside_id=outside_id)
                session.add(row)
                session.flush()
        except IntegrityError:  # another message of the same visitor came first
            row = session.exec(query.with_for_update()).one()
    assert row is not None
    return row


def identity_of(session: Transaction, account: ChannelAccount, details: ContactDetails) -> Identity:
    """Return the contact as the acting identity."""
    tenant = session.get(Tenant, account.tenant_id)
    assert tenant is not None
    return Identity(
        user_id="",
        tenant_id=tenant.id,
        role=Role.OPERATOR,
        name=details.name or translate(tenant.language, "Visitor"),
        email=details.email,
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=tenant.language,
        time_zone=tenant.time_zone,
    )


def conversation_of(
    session: Transaction,
    who: Identity,
    account: ChannelAccount,
    *,
    identity: ChannelIdentity,
    sent: InboundText,
) -> Conversation:
    """Return the conversation of an identity, held by the agent that the account names; created if there is none."""
    if identity.conversation_id is not None:
        try:
            row = conversation_rows.get(session, who, identity.conversation_id, lock=True)
            row.agent_id = account.agent_id or row.agent_id
            return row
        except NotFound:  # deleted by a member: a new one begins
            pass
    assert account.agent_id is not None
    row = Conversation(tenant_id=account.tenant_id, agent_id=account.agent_id, use_draft=False, channel=account.kind)
    row.account_id, row.contact_id = account.id, _contact_id(session, who, identity, sent)
    row.title = sent.title[:80]
    session.add(row)
    session.flush()
    identity.conversation_id, identity.contact_id = row.id, row.contact_id
    return row


def _contact_id(session: Transaction, who: Identity, identity: ChannelIdentity, sent: InboundText) -> str:
    """Return the contact of an identity; a new one if there is none, whoever else has that name or address.

    Only an address that the site has signed is taken for that of a contact who is known already.
    """
    if identity.contact_id is not None:
        try:
            return contacts.get(session, who, identity.contact_id).id
        except NotFound:
            pass
    details = sent.details
    if sent.needs_details and not details.name.strip():
        raise Invalid("Enter a name.", field="name")
    if sent.needs_details and not details.email.strip():
        raise Invalid("This isn’t an email address.", field="email")
    language = details.language if details.language in ("ru", "en") else ""
    emails = crm_values.parse_emails(details.email) if details.email else []
    if details.is_verified and emails:
        known = contacts.find_by_address(session, who, emails=emails, phones=[], name=details.name)
        if known is not None:
            return known.id
    about: dict[str, Any] = {"name": identity.name or who.name, "emails": emails, "language": language}
    about |= {"phones": [details.phone]} if _is_phone(session, who, details.phone) else {}
    made = contacts.create(session, who, in_feed=False, source=details.source, **about)
    session.flush()
    return made.id


def _is_phone(session: Transaction, who: Identity, phone: str) -> bool:
    """Return whether a number can be stored; a message is received whatever number it comes from."""
    try:
        return bool(phone and crm_values.parse_phones([phone], phone_numbers.tenant_region(session, who.tenant_id)))
    except Invalid:
        return False


def _note_message(session: Transaction, account: ChannelAccount) -> None:
    """Store that a message came in, at most once a minute, so that messages do not wait for each other's account."""
    due = or_(col(ChannelAccount.last_message_at).is_(None), col(ChannelAccount.last_message_at) < now() - _SEEN_EVERY)
    update = owned_update(ChannelAccount, account.tenant_id).where(col(ChannelAccount.id) == account.id, due)
    session.execute(update.values(last_message_at=now()).execution_options(synchronize_session=False))

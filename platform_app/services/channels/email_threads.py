"""E-mail threads: which conversation an e-mail belongs to, and the headers by which its answer is recognized.

A thread is one conversation with one address. An e-mail is put into it by a signed id of ours, or by the id of an
earlier e-mail of the same sender, never by its subject. The ids are worth nothing from another address: an e-mail from
there that quotes them begins a conversation of its own.
"""

from sqlmodel import col

from platform_app import encryption
from platform_app.channels.email import EmailSettings
from platform_app.channels.email_message import mail_key, plain_subject
from platform_app.channels.email_reports import OWN_ID
from platform_app.channels.mail_headers import ReceivedMail, SenderCheck
from platform_app.channels.outbound_content import MailEnvelope
from platform_app.channels.push_channel import Update
from platform_app.db import Transaction, owned
from platform_app.models.channel import ChannelAccount, ChannelIdentity, InboundMessage, OutboundPart
from platform_app.models.conversation import Author, Conversation, Message, Origin
from platform_app.models.crm import Contact
from platform_app.models.email import EmailDetails, EmailThread
from platform_app.models.person import Tenant
from platform_app.services.channels import channel_accounts
from platform_app.services.channels.inbound import ContactDetails, InboundText
from platform_app.services.chat import unsubscribe_links

KEPT_REFERENCES = 20
_PURPOSE = "e-mail thread"


def select_conversation(
    session: Transaction, account: ChannelAccount, identity: ChannelIdentity, mail: ReceivedMail
) -> None:
    """Make the conversation of an e-mail's thread the present one of its sender, or none for a new thread."""
    thread = _find(session, account, identity, mail)
    identity.conversation_id = thread.conversation_id if thread is not None else None


def _find(
    session: Transaction, account: ChannelAccount, identity: ChannelIdentity, mail: ReceivedMail
) -> EmailThread | None:
    """Return the thread that the newest known id of an e-mail belongs to, if it is one with its sender."""
    for reference in reversed(mail.references):
        conversation_id = _own(session, account, reference) or _sent_before(session, account, identity, reference)
        query = owned(EmailThread, account.tenant_id).where(EmailThread.conversation_id == conversation_id)
        thread: EmailThread | None = session.exec(query).first() if conversation_id else None
        if thread is not None and thread.identity_id == identity.id:
            return thread
    return None


def _own(session: Transaction, account: ChannelAccount, reference: str) -> str:
    """Return the conversation that an id of ours names, "" if it is none that this account has signed."""
    match = OWN_ID.match(reference)
    if match is None or not encryption.is_signed(f"{match[1]}.{match[2]}", f"{_PURPOSE} {account.id}", match[3]):
        return ""
    if match[2] == "thread":
        return match[1]
    query = owned(OutboundPart, account.tenant_id).where(OutboundPart.id == match[1])
    part: OutboundPart | None = session.exec(query).first()
    return part.conversation_id if part is not None else ""


def _sent_before(session: Transaction, account: ChannelAccount, identity: ChannelIdentity, reference: str) -> str:
    """Return the conversation of an earlier e-mail of the same sender, or ""."""
    key = f"{identity.id}:{mail_key(reference, b'')}"
    query = owned(Message, account.tenant_id).join(InboundMessage, col(InboundMessage.message_id) == Message.id)
    known = query.where(InboundMessage.account_id == account.id, InboundMessage.outside_id == key)
    message: Message | None = session.exec(known).first()
    return message.conversation_id if message is not None else ""


def inbound_text(account: ChannelAccount, update: Update, text: str, *, is_new: bool) -> InboundText:
    """Return an e-mail as a message that comes in; the first one of a thread begins with its subject.

    The address in From joins a known contact only if the trusted server says that the sender may use it (DMARC).
    """
    mail = update.mail
    assert mail is not None
    subject = plain_subject(mail.subject)
    is_named = is_new and subject and not text.casefold().startswith(subject.casefold())
    is_verified = trusted_check(account, mail).dmarc == "pass"
    return InboundText(
        update.message_id,
        f"{subject}\n\n{text}" if is_named else text,
        ContactDetails(name=update.name, email=update.chat_id, is_verified=is_verified),
        title=subject,
        is_automatic=mail.automatic is not None,
    )


def trusted_check(account: ChannelAccount, mail: ReceivedMail) -> SenderCheck:
    """Return what the server that the account trusts found out about the sender; an empty check if it said nothing.

    Of several headers in its name the topmost counts, since a sender can only add some below it.
    """
    own = channel_accounts.settings_of(account)
    name = own.checking_server.lower() if isinstance(own, EmailSettings) else ""
    return next((check for check in mail.checks if name and check.server == name), SenderCheck())


def note_received(
    session: Transaction, account: ChannelAccount, identity: ChannelIdentity, message: Message, *, mail: ReceivedMail
) -> None:
    """Store the thread of an e-mail that has come in, and what it says beside its text."""
    query = owned(EmailThread, account.tenant_id).where(EmailThread.conversation_id == message.conversation_id)
    thread: EmailThread | None = session.exec(query).first()
    if thread is None:
        thread = EmailThread(
            tenant_id=account.tenant_id,
            account_id=account.id,
            identity_id=identity.id,
            conversation_id=message.conversation_id,
            subject=plain_subject(mail.subject),
        )
    if mail.message_id:
        known = [*thread.references, *(one for one in mail.references if not OWN_ID.match(one)), mail.message_id]
        thread.references = list(reversed(dict.fromkeys(reversed(known))))[-KEPT_REFERENCES:]
    session.add(thread)
    check = trusted_check(account, mail)
    details = EmailDetails(tenant_id=account.tenant_id, message_id=message.id, subject=mail.subject)
    details.automatic, details.is_truncated = mail.automatic or "", mail.is_truncated
    details.spf, details.dkim, details.dmarc = check.spf, check.dkim, check.dmarc
    session.add(details)


def envelope_of(
    session: Transaction, account: ChannelAccount, part: OutboundPart, *, is_automatic: bool
) -> MailEnvelope:
    """Return the headers of a part that is about to be sent."""
    query = owned(EmailThread, part.tenant_id).where(EmailThread.conversation_id == part.conversation_id)
    thread: EmailThread | None = session.exec(query).first()
    row = session.exec(owned(Conversation, part.tenant_id).where(Conversation.id == part.conversation_id)).one()
    message = session.exec(owned(Message, part.tenant_id).where(Message.id == part.message_id)).one()
    subject, references = (thread.subject, tuple(thread.references)) if thread is not None else (row.title, ())
    return MailEnvelope(
        subject=f"Re: {subject}".strip() if references else subject or _sender_name(session, account),
        message_id=_signed(account, part.id, str(part.attempts)),
        sender_name=_sender_name(session, account),
        thread_id=_signed(account, part.conversation_id, "thread"),
        references=references,
        is_automatic=is_automatic,
        unsubscribe_url=_unsubscribe_url(session, row, message),
    )


def _signed(account: ChannelAccount, row_id: str, kind: str) -> str:
    signature = encryption.sign(f"{row_id}.{kind}", f"{_PURPOSE} {account.id}")
    return f"{row_id}.{kind}.{signature}"


def _sender_name(session: Transaction, account: ChannelAccount) -> str:
    own, tenant = channel_accounts.settings_of(account), session.get(Tenant, account.tenant_id)
    chosen = own.sender_name if isinstance(own, EmailSettings) else ""
    return chosen or (tenant.name if tenant is not None else "")


def _unsubscribe_url(session: Transaction, row: Conversation, message: Message) -> str:
    """Return where the receiver of a message of a rule or sequence opts out, "" for other messages."""
    is_automation = message.author == Author.AGENT and message.origin in (Origin.RULE, Origin.SEQUENCE)
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    if not is_automation or message.is_exempt or contact is None:
        return ""
    return unsubscribe_links.contact_link(row.tenant_id, contact.id)

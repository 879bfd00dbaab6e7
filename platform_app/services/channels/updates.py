"""Updates: what comes in from channels with a server, by webhook or asked for, each stored once.

A message is known by its id in its chat, so that an update that is repeated, in whatever order, changes nothing: a
stronger key than the update's own number. Updates that cannot be read are logged and not asked for again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlmodel import col

from platform_app.channels.push_channel import ChannelError, PushChannel, Update, UpdateKind
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, PlatformError
from platform_app.i18n import translate
from platform_app.llm.reply_text import to_storable
from platform_app.models.channel import ChannelAccount, ChannelIdentity, InboundMessage
from platform_app.models.conversation import Author, Conversation, Message, MessageState
from platform_app.models.crm import Contact
from platform_app.models.person import Tenant
from platform_app.services.channels import (
    attachments,
    channel_access,
    channel_accounts,
    delivery_statuses,
    echoes,
    email_threads,
    inbound,
    past_messages,
)
from platform_app.services.channels.inbound import ContactDetails, InboundText
from platform_app.services.chat import (
    conversation_rows,
    hand_off,
    message_search,
    pending_replies,
    sending,
    shadow_answers,
    shadow_mode,
)

log = structlog.get_logger()
PERSON_COMES = "A teammate will reply here."
MAX_TURN = timedelta(minutes=2)  # that a bot which was asked takes to ask back
_SECOND = timedelta(seconds=1)  # channels tell times in whole seconds
CANNOT_OPEN = "I can’t open attachments. A teammate will take a look and reply here."


def accept(account: ChannelAccount, data: Any) -> None:
    """Store what a post or an update that was asked for says; what cannot be read is logged."""
    push = channel_accounts.kind_of(account).push
    assert push is not None
    try:
        unread = push.unpack(data)
    except ValueError:
        log.warning("a post of a channel cannot be read", account_id=account.id)
        return
    for item in unread:
        try:
            update = push.read_update(item)
        except ValueError:
            log.warning("an update of a channel cannot be read", account_id=account.id)
            continue
        receiver = channel_accounts.receiver_of(account, update.account) if update is not None else None
        if update is None or receiver is None:
            log.info("an update of a channel concerns no conversation", account_id=account.id)
            continue
        _store(receiver, _named(receiver, push, update))


def _named(account: ChannelAccount, push: PushChannel, update: Update) -> Update:
    """Return an update with the name of a contact who writes for the first time, if the channel has to be asked."""
    if not push.names_when_asked or update.kind != UpdateKind.MESSAGE or update.name:
        return update
    try:
        with session_scope(account.tenant_id, read_only=True) as session:
            if inbound.find_identity(session, account, update.chat_id) is not None:
                return update
            secret = channel_access.get_token(session, account)
        return replace(update, name=push.contact_name(secret, update.chat_id)[:200])
    except (ChannelError, Conflict) as error:  # a name is not worth losing a message
        log.info("the name of a contact is not known", account_id=account.id, reason=str(error)[:200])
        return update


def _store(account: ChannelAccount, update: Update) -> None:
    """Store what an update says, in a transaction of its own. Raises PlatformError if the database is busy."""
    try:
        with session_scope(account.tenant_id) as session:
            _apply(session, account, update)
    except PlatformError as error:
        if error.status >= 500:  # the database is busy: the channel sends it again
            raise
        log.warning("an update of a channel was not accepted", account_id=account.id, reason=error.sentence)


def _apply(session: Transaction, account: ChannelAccount, update: Update) -> None:
    if (apply := _APPLIED.get(update.kind)) is not None:
        apply(session, account, update)
        return
    identity = inbound.lock_identity(session, account, update.chat_id)
    _note_block(identity, update)
    _note_message(identity, update)
    identity.source = identity.source or update.source
    if update.mail is not None:
        _receive_mail(session, account, identity, update)
        return
    text = _text(session, account, update)
    known = _find(session, account, identity, update.message_id)
    if update.reply_address and known is None and _takes_turn(session, identity, update):
        return
    if known is not None:
        if update.kind == UpdateKind.EDIT:
            _edit(session, known, update, text)
    elif update.group_id and (first := _find(session, account, identity, _group_key(update))) is not None:
        _link(session, account, f"{identity.id}:{update.message_id}", first.message_id)
        _receive_album_item(session, account, first, update=update, text=text)
    else:
        _receive(session, account, identity, update=update, text=text)


def _take_over(session: Transaction, account: ChannelAccount, update: Update) -> None:
    """Put the team in charge of a conversation in which somebody answered in the channel's own program."""
    identity = inbound.find_identity(session, account, update.chat_id, lock=True)
    if identity is None or identity.conversation_id is None:
        return
    row = conversation_rows.lock(session, account.tenant_id, identity.conversation_id)
    shadow_mode.note_answer(session, row, update.at + _SECOND)
    hand_off.take_over_elsewhere(session, row, channel_accounts.kind_of(account).label)


def _receive_echo(session: Transaction, account: ChannelAccount, update: Update) -> None:
    echoes.receive(session, account, update, _text(session, account, update))


def _store_past(session: Transaction, account: ChannelAccount, update: Update) -> None:
    each = (replace(update, text=past.text, attachments=past.attachments) for past in update.past)
    past_messages.store(session, account, update, [_text(session, account, past) for past in each])


def _set_block(session: Transaction, account: ChannelAccount, update: Update) -> None:
    identity = inbound.find_identity(session, account, update.chat_id, lock=True)
    if identity is not None:
        _note_block(identity, update)


def _takes_turn(session: Transaction, identity: ChannelIdentity, update: Update) -> bool:
    """Store where a message may be sent; return whether that is all: the platform had asked for it.

    What the channel repeats then, the contact's last message, has come in before.
    """
    asked_at, identity.turn_requested_at = identity.turn_requested_at, None
    identity.reply_address = update.reply_address
    if asked_at is None or now() - asked_at > MAX_TURN:
        return False
    return not update.text.strip() or update.text.strip() == _last_text(session, identity)


def _last_text(session: Transaction, identity: ChannelIdentity) -> str:
    query = owned(Message, identity.tenant_id).where(
        Message.conversation_id == identity.conversation_id, Message.author == Author.CONTACT
    )
    message: Message | None = session.exec(query.order_by(col(Message.created_at).desc()).limit(1)).first()
    return message.text.strip() if message is not None else ""


def _note_block(identity: ChannelIdentity, update: Update) -> None:
    """Store whether the contact has blocked the account, as the newest update says."""
    if update.kind == UpdateKind.BLOCKED:
        if identity.seen_at is None or update.at >= identity.seen_at:
            identity.blocked_at = update.at
    elif identity.seen_at is None or update.at >= identity.seen_at:
        identity.seen_at = update.at
        if identity.blocked_at is not None and identity.blocked_at <= update.at:
            identity.blocked_at = None


def _note_message(identity: ChannelIdentity, update: Update) -> None:
    """Store when the contact last wrote, which opens the window of channels that have one."""
    wrote_at = min(update.at, now())
    if update.kind == UpdateKind.MESSAGE and (identity.wrote_at is None or identity.wrote_at < wrote_at):
        identity.wrote_at = wrote_at


def _text(session: Transaction, account: ChannelAccount, update: Update) -> str:
    """Return the text of a message, which names what is attached in the language of the tenant."""
    language = _tenant_language(session, account)
    attached = [f"[{translate(language, file.label)}]" for file in update.attachments]
    return to_storable("\n".join(filter(None, (*attached, update.text.strip()))))


def _group_key(update: Update) -> str:
    return f"group-{update.group_id}"


def _find(
    session: Transaction, account: ChannelAccount, identity: ChannelIdentity, message_id: str
) -> InboundMessage | None:
    """Return the row of a message that has come in, by its id in the chat."""
    query = owned(InboundMessage, account.tenant_id).where(
        InboundMessage.account_id == account.id, InboundMessage.outside_id == f"{identity.id}:{message_id}"
    )
    row: InboundMessage | None = session.exec(query).first()
    return row


def _receive(
    session: Transaction, account: ChannelAccount, identity: ChannelIdentity, *, update: Update, text: str
) -> None:
    details = ContactDetails(name=update.name, language=update.language, source=update.source, phone=update.phone)
    receipt = inbound.receive(session, account, identity.outside_id, InboundText(update.message_id, text, details))
    row = _find(session, account, identity, update.message_id)
    if row is not None and update.kind == UpdateKind.EDIT:  # the edit came before the message
        row.edited_at = update.at
    if update.group_id:
        key = f"{identity.id}:{_group_key(update)}"
        _link(session, account, key, receipt.message.id)
    attachments.add(session, account, receipt.message.id, update.attachments)
    if not attachments.are_read(update.attachments):
        _hand_over(session, receipt.message, CANNOT_OPEN)
    elif update.wants_person:
        _hand_over(session, receipt.message, PERSON_COMES)


def _receive_album_item(
    session: Transaction, account: ChannelAccount, first: InboundMessage, *, update: Update, text: str
) -> None:
    """Add a further item of an album to its message; a reply that is being written begins anew, to answer all of it.

    If the first items are answered already, a person looks at this one.
    """
    _append(session, first, text)
    attachments.add(session, account, first.message_id, update.attachments)
    message = _message(session, first)
    row = conversation_rows.lock(session, message.tenant_id, message.conversation_id)
    pending = [reply for reply in pending_replies.list_pending(session, row) if not reply.task]
    if not attachments.are_read(update.attachments):
        _hand_over(session, message, CANNOT_OPEN)
    elif not pending and not shadow_mode.is_in_shadow(session, row):
        hand_off.hand_off_by_clock(session, row)
    elif any(reply.state == MessageState.STREAMING for reply in pending):
        pending_replies.answer_last(session, row)


def _receive_mail(session: Transaction, account: ChannelAccount, identity: ChannelIdentity, update: Update) -> None:
    """Store an e-mail in the conversation of its thread, unless it has come in before."""
    assert update.mail is not None
    if _find(session, account, identity, update.message_id) is not None:
        return
    email_threads.select_conversation(session, account, identity, update.mail)
    text = _text(session, account, update) or f"[{translate(_tenant_language(session, account), 'Empty email')}]"
    is_new = identity.conversation_id is None
    sent = email_threads.inbound_text(account, update, text, is_new=is_new)
    receipt = inbound.receive(session, account, identity.outside_id, sent)
    attachments.add(session, account, receipt.message.id, update.attachments)
    email_threads.note_received(session, account, identity, receipt.message, mail=update.mail)
    if not attachments.are_read(update.attachments) and not sent.is_automatic:
        _hand_over(session, receipt.message, CANNOT_OPEN)


def _tenant_language(session: Transaction, account: ChannelAccount) -> str:
    tenant = session.get(Tenant, account.tenant_id)
    return tenant.language if tenant else "en"


def _link(session: Transaction, account: ChannelAccount, key: str, message_id: str) -> None:
    row = InboundMessage(tenant_id=account.tenant_id, account_id=account.id, outside_id=key, message_id=message_id)
    session.add(row)


def _message(session: Transaction, row: InboundMessage) -> Message:
    found: Message = session.exec(owned(Message, row.tenant_id).where(Message.id == row.message_id)).one()
    return found


def _edit(session: Transaction, row: InboundMessage, update: Update, text: str) -> None:
    """Store the newest text of a message that the contact changed; a reply that is not written yet answers it."""
    if row.edited_at is not None and row.edited_at >= update.at:
        return
    row.edited_at = update.at
    _set_text(session, _message(session, row), text)


def _revoke(session: Transaction, account: ChannelAccount, update: Update) -> None:
    """Mark a message as deleted by its author; members go on seeing it, no agent reads it, and no reply to it is sent.

    A reply to it that is not written yet is canceled.
    """
    identity = inbound.find_identity(session, account, update.chat_id, lock=True)
    known = _find(session, account, identity, update.message_id) if identity is not None else None
    if known is None:
        return
    message = _message(session, known)
    if message.revoked_at is not None:
        return
    row = conversation_rows.lock(session, message.tenant_id, message.conversation_id)
    message.revoked_at = update.at
    if any(reply.answers_id == message.id for reply in pending_replies.list_pending(session, row)):
        for reply in pending_replies.cancel_pending_replies(session, row):
            reply.replaced = True
    conversation_rows.publish_change(session, row)


def _append(session: Transaction, first: InboundMessage, text: str) -> None:
    """Add the text of a further item of an album to its message."""
    message = _message(session, first)
    _set_text(session, message, f"{message.text}\n{text}"[: conversation_rows.MAX_MESSAGE_CHARS])


def _set_text(session: Transaction, message: Message, text: str) -> None:
    if not text or message.text == text:
        return
    row = conversation_rows.lock(session, message.tenant_id, message.conversation_id)
    message.text = text
    message_search.replace(session, message)
    conversation_rows.publish_change(session, row)


def _hand_over(session: Transaction, message: Message, sentence: str) -> None:
    """Say why a person answers, in place of the agent's reply, and hand the conversation to members."""
    row = conversation_rows.lock(session, message.tenant_id, message.conversation_id)
    reply = next((one for one in pending_replies.list_pending(session, row) if not one.task), None)
    if reply is None:
        kept = shadow_answers.find_waiting(session, message)
        if kept is not None:
            shadow_answers.keep_sentence(session, kept, translate(_language(session, row), sentence))
        return  # a person is in charge already, or the agent does not answer here
    reply.text = translate(_language(session, row), sentence)
    reply.due_at, reply.state = None, MessageState.STREAMING
    sending.send(session, row, reply)
    hand_off.hand_off_by_clock(session, row)


def _language(session: Transaction, row: Conversation) -> str:
    """Return the contact's language if it is known, else that of the tenant."""
    contact = session.get(Contact, row.contact_id) if row.contact_id else None
    tenant = session.get(Tenant, row.tenant_id)
    return (contact.language if contact else "") or (tenant.language if tenant else "en")


_APPLIED: dict[UpdateKind, Callable[[Transaction, ChannelAccount, Update], None]] = {  # other than messages and edits
    UpdateKind.ANSWERED: _take_over,
    UpdateKind.STATUS: delivery_statuses.apply,
    UpdateKind.ECHO: _receive_echo,
    UpdateKind.PAST: _store_past,
    UpdateKind.NAME: past_messages.set_name,
    UpdateKind.REVOKED: _revoke,
    UpdateKind.BLOCKED: _set_block,
    UpdateKind.UNBLOCKED: _set_block,
}

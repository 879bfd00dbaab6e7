"""Manager messages: what managers write in Kommo, in a channel of our own, goes to the contact and takes over."""

from contextlib import suppress
from typing import Any

import structlog
from sqlmodel import col

from platform_app.channels.push_channel import AttachedFile
from platform_app.clock import now
from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Forbidden, Invalid, NotFound, PlatformError
from platform_app.integrations.kommo import chat_files, chat_hooks, chats, errors
from platform_app.integrations.kommo.chat_hooks import ChatHook, UntrustedHook
from platform_app.integrations.kommo.chats import ChatsClient
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.conversation import Author, Conversation
from platform_app.models.kommo_chats import KommoChatMessage, KommoChats, ShownState
from platform_app.models.person import Identity, Role
from platform_app.services.channels import attachments
from platform_app.services.chat import conversation_rows, hand_off, sending
from platform_app.services.knowledge.uploads import plain_name
from platform_app.services.kommo import own_chats
from platform_app.services.kommo.shown_messages import MIRRORED

log = structlog.get_logger()


def accept(account: ChannelAccount, body: bytes, signature: str) -> None:
    """Send what a hook says to the contact, once; what cannot be sent is told to Kommo.

    Raises NotFound if the account has no channel of its own, Forbidden if the hook is not signed by it, is older than
    15 minutes, or names another account.
    """
    with session_scope(account.tenant_id, read_only=True) as session:
        row = own_chats.find(session, account.tenant_id, account.id)
        if row is None or account.kind != Channel.KOMMO:
            raise NotFound("Page not found.")
        channel = own_chats.channel_of(session, account, row)
    try:
        hook = chat_hooks.read_hook(body, signature, channel.secret)
    except UntrustedHook:
        hook = _refuse(account)
    if hook is None:
        return  # typing, reactions
    if hook.amojo_id != row.amojo_id or not own_chats.is_recent(hook.at, now()):
        _refuse(account)
    try:
        with session_scope(account.tenant_id) as session:
            _send(session, row, hook)
    except PlatformError as error:
        if error.status >= 500:
            raise
        log.warning("a message from Kommo was not sent", account_id=account.id, reason=error.sentence)
        _report(ChatsClient(channel), row, hook, error)


def _refuse(account: ChannelAccount) -> ChatHook | None:
    log.warning("a hook of Kommo was refused", account_id=account.id)
    raise Forbidden("Invalid request key.")


def _send(session: Transaction, row: KommoChats, hook: ChatHook) -> None:
    """Store and send a message, unless it has come before; whoever wrote it is in charge then."""
    query = owned(Conversation, row.tenant_id).where(
        Conversation.id == hook.conversation_id,
        col(Conversation.channel).in_(MIRRORED),
        col(Conversation.deleted_at).is_(None),
    )
    talk: Conversation | None = session.exec(query.with_for_update()).first()
    if talk is None:
        raise NotFound("Conversation not found.")
    known = owned(KommoChatMessage, row.tenant_id).where(
        KommoChatMessage.chats_id == row.id, KommoChatMessage.outside_id == hook.message_id
    )
    if session.exec(known).first() is not None:
        return
    text = to_storable("\n".join(filter(None, (hook.text.strip(), hook.media))))
    text = conversation_rows.checked_text(text)
    name = to_storable(hook.sender_name).strip() or "Kommo"
    message = sending.new_message(session, talk, Author.MEMBER, name, text=text)
    sending.send_for_member(session, talk, message, _manager(row, name))
    hand_off.take_over_elsewhere(session, talk, name)
    session.flush()
    _attach(session, row, hook, message.id)
    session.add(
        KommoChatMessage(
            tenant_id=row.tenant_id,
            chats_id=row.id,
            message_id=message.id,
            outside_id=hook.message_id,
            state=ShownState.RECEIVED,
        )
    )


def _attach(session: Transaction, row: KommoChats, hook: ChatHook, message_id: str) -> None:
    """Store which file a manager attached; it is fetched when a member opens it. One elsewhere is a link alone."""
    account, label = session.get(ChannelAccount, row.account_id), chat_files.label_of(hook.type)
    if account is not None and label and chat_files.is_vendor_file(hook.media):
        name = ""
        with suppress(Invalid):  # it has a name of its own
            name = plain_name(hook.file_name)
        attachments.add(session, account, message_id, [AttachedFile(label, name=name, outside_id=hook.media)])


def _manager(row: KommoChats, name: str) -> Identity:
    """Return the manager as the acting identity, who is no user here."""
    about: dict[str, Any] = {"email": "", "slug": "", "tenant_name": "", "language": "en", "time_zone": "UTC"}
    return Identity(user_id="", tenant_id=row.tenant_id, role=Role.OPERATOR, name=name, **about)


def _report(client: ChatsClient, row: KommoChats, hook: ChatHook, error: PlatformError) -> None:
    """Tell Kommo that a message was not delivered, and why."""
    try:
        client.set_delivery(row.scope, hook.message_id, chats.NOT_DELIVERED, str(error))
    except errors.KommoError as failure:
        log.warning("Kommo was not told of a message that was not sent", reason=failure.sentence)

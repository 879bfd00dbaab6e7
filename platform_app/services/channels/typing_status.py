"""Typing status: contacts on channels with a server see that the agent is writing."""

import time

import structlog
from sqlmodel import col

from platform_app.channels.push_channel import ChannelError
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.db import session_scope, unscoped
from platform_app.errors import PlatformError
from platform_app.models.channel import AccountState, ChannelAccount
from platform_app.models.conversation import Conversation, Message, MessageState, Origin
from platform_app.services.channels import channel_access
from platform_app.services.chat import outbound_parts

log = structlog.get_logger()
REPEAT_SECONDS = 4.0  # Telegram shows it for five
MAX_CHATS = 20  # of one run
_shown_at: dict[str, float] = {}  # monotonic seconds, by the reply's id


def show_typing() -> None:
    """Show that replies are being written; called every second."""
    for tenant_id, reply_id in _replies():
        if time.monotonic() - _shown_at.get(reply_id, float("-inf")) >= REPEAT_SECONDS:
            _shown_at[reply_id] = time.monotonic()
            try:
                _show(tenant_id, reply_id)
            except (ChannelError, PlatformError) as error:  # the reply itself will say what is wrong
                log.info("typing was not shown", reason=error.sentence)


def _replies() -> list[tuple[str, str]]:
    """Return the tenants and ids of replies that are being written on channels with a server."""
    pushing = [kind.kind for kind in CHANNEL_KINDS.values() if kind.push is not None]
    with session_scope(reason="replies that are being written", read_only=True) as session:
        query = unscoped(Message).where(
            Message.state == MessageState.STREAMING,
            Message.origin == Origin.CONVERSATION,
            col(Message.is_suggestion).is_(False),
        )
        query = query.join(Conversation, col(Conversation.id) == Message.conversation_id).where(
            col(Conversation.channel).in_(pushing)
        )
        columns = query.with_only_columns(Message.tenant_id, Message.id).limit(MAX_CHATS)
        found = [(row[0], row[1]) for row in session.execute(columns).all()]
    ids = {reply_id for _, reply_id in found}
    for reply_id in set(_shown_at) - ids:
        del _shown_at[reply_id]
    return found


def _show(tenant_id: str, reply_id: str) -> None:
    with session_scope(tenant_id, read_only=True) as session:
        message = session.get(Message, reply_id)
        row = session.get(Conversation, message.conversation_id) if message is not None else None
        account = session.get(ChannelAccount, row.account_id) if row is not None and row.account_id else None
        if row is None or account is None or not account.enabled or account.state == AccountState.REFUSED:
            return
        push, identity = CHANNEL_KINDS[account.kind].push, outbound_parts.find_identity(session, row)
        token = channel_access.get_token(session, account)
    if push is not None and identity is not None and identity.blocked_at is None:
        push.show_typing(token, identity.outside_id)

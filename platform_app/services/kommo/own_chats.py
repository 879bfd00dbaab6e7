"""Own chats: connects a channel of our own in Kommo, in which conversations of other channels are shown."""

from datetime import UTC, datetime

import structlog
from sqlmodel import col

from platform_app.channels.kommo_access import KommoAccess
from platform_app.channels.push_channel import AccountRefused
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.errors import Conflict, Invalid, NotFound
from platform_app.integrations.kommo import errors
from platform_app.integrations.kommo.chats import ChatsChannel, ChatsClient
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.event import ActivityKind
from platform_app.models.kommo_chats import KommoChats
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.channels import channel_access, channel_accounts
from platform_app.services.feed import activity

log = structlog.get_logger()
MAX_CHARS = 64
NO_CHATS = "This account has no chats. Ask Kommo support to enable them."


def find(session: Transaction, tenant_id: str, account_id: str) -> KommoChats | None:
    """Return the channel of our own that is connected through an account, None if there is none."""
    row: KommoChats | None = session.exec(
        owned(KommoChats, tenant_id).where(KommoChats.account_id == account_id)
    ).first()
    return row


def channel_of(session: Transaction, account: ChannelAccount, row: KommoChats) -> ChatsChannel:
    """Return what signs requests of a channel. Raises Conflict if its secret cannot be read."""
    secret = tenant_secrets.read(session, row.tenant_id, _purpose(account))
    if secret is None:
        raise Conflict(channel_access.UNREADABLE)
    return ChatsChannel(account.outside_name, row.channel_id, secret, row.bot_id)


def connect(who: Identity, account_id: str, values: dict[str, str]) -> None:
    """Connect a channel to the account of a Salesbot; not to be called in a transaction.

    Raises Invalid at a field of `values`: channel_id, channel_secret, bot_id; NotFound if there is no such account, and
    KommoError if Kommo cannot be asked.
    """
    given = {name: _checked(name, values.get(name, "")) for name in ("channel_id", "channel_secret", "bot_id")}
    with session_scope(who.tenant_id, read_only=True) as session:
        account = _account(session, who, account_id)
        access = _access(session, account)
    amojo_id = access.client().account().amojo_id
    if not amojo_id:
        raise Invalid(NO_CHATS, field="channel_id")
    channel = ChatsChannel(access.host, given["channel_id"], given["channel_secret"], given["bot_id"])
    try:
        scope = ChatsClient(channel).connect(amojo_id, account.name)
    except (errors.Unauthorized, errors.EntityNotFound, errors.RefusedFields) as error:
        raise Invalid(error.sentence, field="channel_secret", **error.values) from error
    with session_scope(who.tenant_id) as session:
        account = _account(session, who, account_id)
        row = find(session, who.tenant_id, account_id)
        if row is None:
            row = KommoChats(
                tenant_id=who.tenant_id, account_id=account_id, channel_id="", bot_id="", amojo_id="", scope=""
            )
            session.add(row)
        row.channel_id, row.bot_id, row.amojo_id = channel.channel_id, channel.bot_id, amojo_id[:MAX_CHARS]
        row.scope, row.problem, row.problem_values = scope[:200], "", {}
        tenant_secrets.store(session, who.tenant_id, _purpose(account), channel.secret)
        _record(session, who, account, "Other channels now appear in Kommo “{name}”")


def disconnect(who: Identity, account_id: str) -> None:
    """Disconnect the channel; what is shown in Kommo stays there. Not to be called in a transaction.

    Raises NotFound if there is none.
    """
    with session_scope(who.tenant_id) as session:
        account = _account(session, who, account_id)
        row = find(session, who.tenant_id, account_id)
        if row is None:
            raise NotFound("Channel not found.")
        channel, amojo_id = channel_of(session, account, row), row.amojo_id
        session.execute(owned_delete(KommoChats, who.tenant_id).where(col(KommoChats.id) == row.id))
        tenant_secrets.delete(session, who.tenant_id, _purpose(account))
        _record(session, who, account, "Other channels no longer appear in Kommo “{name}”")
    try:
        ChatsClient(channel).disconnect(amojo_id)
    except errors.KommoError as error:  # it is disconnected here, and Kommo's hooks are refused
        log.warning("a channel in Kommo was not disconnected there", reason=error.sentence)


def _checked(name: str, written: str) -> str:
    value = written.strip()
    if not value or len(value) > MAX_CHARS or not value.isascii() or not value.isprintable() or " " in value:
        raise Invalid("Copy it again. It has no spaces.", field=name)
    if name != "channel_secret" and not all(char.isalnum() or char in "-_" for char in value):
        raise Invalid("Copy it again. It has no spaces.", field=name)
    return value


def _account(session: Transaction, who: Identity, account_id: str) -> ChannelAccount:
    account = channel_accounts.get(session, who, account_id)
    if account.kind != Channel.KOMMO:
        raise NotFound("Channel not found.")
    return account


def _access(session: Transaction, account: ChannelAccount) -> KommoAccess:
    try:
        return KommoAccess.parse(channel_access.get_token(session, account))
    except AccountRefused as error:
        raise Conflict(error.sentence) from None


def _purpose(account: ChannelAccount) -> str:
    return f"channel {account.id} chats"


def _record(session: Transaction, who: Identity, account: ChannelAccount, sentence: str) -> None:
    link = f"/settings/channels/{account.id}"
    activity.record_by(session, who, ActivityKind.INTEGRATION, sentence, link=link, name=account.name)
    channel_accounts.publish_change(session, account)


def is_recent(seconds: int, at: datetime) -> bool:
    """Return whether a moment in Unix seconds is within 15 minutes of another one."""
    return abs(at.astimezone(UTC).timestamp() - seconds) <= 15 * 60

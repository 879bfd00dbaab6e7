"""Channel access: the token with which the platform acts at a channel's server, checked there and kept encrypted."""

import secrets
from dataclasses import dataclass, field

from sqlmodel import col

from platform_app.channels.bot_requests import TRY_LATER
from platform_app.channels.email_access import MailAccess
from platform_app.channels.push_channel import (
    AccountRefused,
    ChannelError,
    CredentialRefused,
    InstallationRefused,
    OutcomeUnknown,
    Profile,
    PushChannel,
    TemporaryFailure,
)
from platform_app.channels.registry import CHANNEL_KINDS
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_update, session_scope, unscoped
from platform_app.errors import Conflict, Invalid, NotFound, Unavailable
from platform_app.integrations import smtp, stored_access
from platform_app.llm.reply_text import to_storable
from platform_app.models.agent import Channel
from platform_app.models.channel import AccountState, ChannelAccount, ChannelReceiver
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import tenant_secrets
from platform_app.services.mail import mail_servers

UNREADABLE = "This account’s token couldn’t be read. Enter it again in Settings, Channels."
UNKNOWN_TO_CHANNEL = (
    "The channel doesn’t recognize this token. Copy it again. For a Telegram bot, get it from @BotFather."
)
CONNECTED_ALREADY = "This account is already connected. Delete that connection first or enter another token."
CONNECTED_ANEW = "This bot was connected again. Delete that account first."
ANOTHER_ACCOUNT = "This token belongs to another account, {name}. Connect it as a separate channel."


@dataclass(frozen=True)
class VerifiedAccess:
    """A token that the channel has accepted, whom it belongs to, and which account has been connected as that."""

    token: str
    profile: Profile
    connected_as: str = ""


@dataclass(frozen=True)
class ShownAccess:
    """What a page may show of an account's access."""

    mode: str  # see `ChannelReceiver.mode`
    fields: dict[str, str] = field(default_factory=dict)  # of the access that are no secrets, by name
    verify_token: str = ""  # with which the channel verifies the webhook


def verify(kind: Channel, token: str, *, tenant_id: str = "", grant_id: str = "") -> VerifiedAccess:
    """Ask a channel whom a token belongs to; to be called outside a transaction.

    `tenant_id` is needed by channels that send through the tenant's mail server, `grant_id` by those that are signed
    in by OAuth 2.0: by it their tokens are kept.

    Raises Invalid at the field `token` if the channel does not know it, Unavailable if the channel does not answer, and
    NotFound if accounts of the channel have no token.
    """
    push = CHANNEL_KINDS[kind].push if kind in CHANNEL_KINDS else None
    if push is None:
        raise NotFound("Channel not found.")
    token = to_storable(token).strip()
    if not token or len(token) > push.max_access_chars:
        raise Invalid(UNKNOWN_TO_CHANNEL, field="token")
    try:
        profile = push.profile(_completed(push, token, tenant_id, grant_id))
    except CredentialRefused as error:
        raise Invalid(error.sentence, field=error.field, **error.values) from None
    except AccountRefused:
        raise Invalid(UNKNOWN_TO_CHANNEL, field="token") from None
    except InstallationRefused as error:
        raise Unavailable(error.sentence, field="token") from None
    except (TemporaryFailure, OutcomeUnknown):
        raise Unavailable(TRY_LATER, field="token", channel=CHANNEL_KINDS[kind].label) from None
    except ChannelError as error:
        raise Unavailable(error.sentence, field="token", **error.values) from None
    return VerifiedAccess(token, profile, _connected_as(kind, profile.outside_id))


def _completed(push: PushChannel, token: str, tenant_id: str, grant_id: str) -> str:
    """Return a token with what it takes from the tenant's mail server, and with where its tokens are kept."""
    if not tenant_id:
        return push.complete(token, None)
    with session_scope(tenant_id, read_only=True) as session:
        server = _mail_server(session, tenant_id)
    return push.complete(token, server, tenant_id=tenant_id, grant_id=grant_id)


def _mail_server(session: Transaction, tenant_id: str) -> smtp.Server | None:
    return mail_servers.get_server(session, tenant_id) if mail_servers.has_server(session, tenant_id) else None


def _connected_as(kind: Channel, outside_id: str) -> str:
    """Return the id of the account, of whatever tenant, that is connected as an account of a channel, or ""."""
    with session_scope(reason="an account that is connected twice", read_only=True) as session:
        query = unscoped(ChannelAccount).where(
            ChannelAccount.kind == kind,
            ChannelAccount.outside_id == outside_id,
            col(ChannelAccount.deleted_at).is_(None),
        )
        row = session.exec(query).first()
    return row.id if row is not None else ""


def check_restorable(row: ChannelAccount) -> None:
    """Check that a deleted account may be restored. Raises Conflict if its bot has been connected anew."""
    if row.outside_id and _connected_as(row.kind, row.outside_id):
        raise Conflict(CONNECTED_ANEW)


def store(session: Transaction, row: ChannelAccount, access: VerifiedAccess | None) -> None:
    """Store the token of an account, which is connected by it, and a new key for its webhook.

    Raises Invalid at the field `token` if there is none, or it belongs to another account than before.
    """
    if access is None:
        raise Invalid(UNKNOWN_TO_CHANNEL, field="token")
    if row.outside_id and row.outside_id != access.profile.outside_id:
        raise Invalid(ANOTHER_ACCOUNT, field="token", name=access.profile.name)
    if access.connected_as not in ("", row.id):
        raise Invalid(CONNECTED_ALREADY, field="token")
    row.outside_id, row.outside_name = access.profile.outside_id, access.profile.name
    row.state, row.problem = AccountState.CONNECTED, ""
    tenant_secrets.store(session, row.tenant_id, _purpose(row, "token"), access.token)
    stored_access.delete(session, row.tenant_id, row.id)  # of the access before
    tenant_secrets.store(session, row.tenant_id, _purpose(row, "webhook"), secrets.token_urlsafe(32))
    receivers = owned(ChannelReceiver, row.tenant_id).where(ChannelReceiver.account_id == row.id)
    receiver = session.exec(receivers).first() or ChannelReceiver(tenant_id=row.tenant_id, account_id=row.id)
    receiver.mode, receiver.due_at = "", now()  # the webhook is set anew, with its new key
    session.add(receiver)


def look_again(session: Transaction, row: ChannelAccount) -> None:
    """Let a worker look at once whether messages of an account come in as its settings say."""
    due = owned_update(ChannelReceiver, row.tenant_id).where(col(ChannelReceiver.account_id) == row.id)
    session.execute(due.values(due_at=now()).execution_options(synchronize_session=False))


def mode_of(session: Transaction, row: ChannelAccount) -> str:
    """Return how messages of an account come in now: see `ChannelReceiver.mode`."""
    query = owned(ChannelReceiver, row.tenant_id).where(ChannelReceiver.account_id == row.id)
    receiver = session.exec(query).first()
    return receiver.mode if receiver is not None else ""


def shown(session: Transaction, who: Identity, row: ChannelAccount) -> ShownAccess:
    """Return what a page may show of an account's access; the verify token and the ids to admins alone."""
    push, mode = CHANNEL_KINDS[row.kind].push, mode_of(session, row)
    if push is None or not who.role.includes(Role.ADMIN):
        return ShownAccess(mode)
    try:
        fields = push.shown_access(_get(session, row, "token"))
        return ShownAccess(mode, fields, "" if push.can_be_asked else get_webhook_key(session, row))
    except (ChannelError, Conflict):  # the secrets cannot be read: new ones have to be entered
        return ShownAccess(mode)


def get_token(session: Transaction, row: ChannelAccount) -> str:
    """Return the token of an account. Raises Conflict if there is none or it cannot be decrypted."""
    token, push = _get(session, row, "token"), CHANNEL_KINDS[row.kind].push
    if push is None or row.kind != Channel.EMAIL:
        return token
    try:
        return push.complete(token, _mail_server(session, row.tenant_id), tenant_id=row.tenant_id, grant_id=row.id)
    except AccountRefused:
        raise Conflict(UNREADABLE) from None


def mail_access(session: Transaction, row: ChannelAccount) -> MailAccess | None:
    """Return the access of a mailbox, None of any other account. Raises Conflict if it cannot be read."""
    if row.kind != Channel.EMAIL:
        return None
    try:
        return MailAccess.from_secret(_get(session, row, "token"))
    except AccountRefused:
        raise Conflict(UNREADABLE) from None


def get_webhook_key(session: Transaction, row: ChannelAccount) -> str:
    """Return the key that posts to the account's webhook carry. Raises Conflict as `get_token` does."""
    return _get(session, row, "webhook")


def _get(session: Transaction, row: ChannelAccount, name: str) -> str:
    secret = tenant_secrets.read(session, row.tenant_id, _purpose(row, name))
    if secret is None:
        raise Conflict(UNREADABLE)
    return secret


def _purpose(row: ChannelAccount, name: str) -> str:
    return f"channel {row.id} {name}"

"""Mail sign-ins: mailboxes that are connected by signing in at their provider, whose tokens are refreshed."""

import re
import secrets

from platform_app.channels import email_access, mail_oauth
from platform_app.channels.mail_oauth import MailClient
from platform_app.channels.push_channel import AccountRefused, ChannelError
from platform_app.db import Transaction, session_scope
from platform_app.errors import Forbidden, Invalid, NotFound, Unavailable
from platform_app.integrations import smtp, stored_access
from platform_app.integrations.oauth_tokens import Tokens
from platform_app.models.agent import Channel
from platform_app.models.channel import ChannelAccount
from platform_app.models.person import Identity
from platform_app.services.accounts import oauth_sign_ins
from platform_app.services.agents import agents
from platform_app.services.channels import channel_access, channel_accounts, public_addresses
from platform_app.services.channels.channel_access import VerifiedAccess

PATH = "/oauth/mail"  # to which providers send the browser back, the same for all tenants
OVER = "This sign-in expired or belongs to someone else. Start again."
NO_ADDRESS = "Signing in needs a public https address of this platform. Set PLATFORM_PUBLIC_URL or use a password."
DENIED = "Access wasn’t granted. Start again and allow reading and sending email."
_PURPOSE = "mail"
_MAX_CODE_CHARS = 4_000
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def redirect_address() -> str:
    """Return the address that is registered at providers, "" without a public address of this platform."""
    home = public_addresses.console_home()
    return f"{home}{PATH}" if home else ""


def slug_of(state: str) -> str:
    """Return the slug of the tenant whose sign-in a state belongs to, which is still to be checked; "" if none is."""
    slug = state.partition(".")[0]
    return slug if _SLUG.fullmatch(slug) else ""


def begin(
    session: Transaction, who: Identity, provider: str, address: str, *, name: str = "", agent_id: str = ""
) -> str:
    """Keep what a new mailbox is to be; return the address at which its owner grants access.

    Raises Invalid at the field if a value is not accepted, the installation has no client at the provider or no public
    address, NotFound if there is no such agent, LimitReached if the tenant has as many accounts as it may.
    """
    agents.get(session, who, agent_id)
    channel_accounts.check_room(session, who)
    if len(name) > 120:
        raise Invalid("This is longer than {count} characters.", field="name", count=120)
    kept = {"name": name, "agent_id": agent_id}
    return _begin(session, who, mail_oauth.mail_client(provider), address=address, kept=kept)


def begin_again(session: Transaction, who: Identity, account_id: str) -> str:
    """Begin the sign-in of a mailbox that is connected by its provider; return the address at which it goes on.

    Raises NotFound if there is no such account, Invalid as `begin` does.
    """
    row = channel_accounts.get(session, who, account_id)
    access = channel_access.mail_access(session, row)
    if access is None or not access.provider:
        raise NotFound("Channel account not found. It may have been deleted.")
    client = mail_oauth.mail_client(access.provider)
    return _begin(session, who, client, address=access.address, kept={"account_id": row.id})


def _begin(session: Transaction, who: Identity, client: MailClient, *, address: str, kept: dict[str, str]) -> str:
    redirect_uri = redirect_address()
    if not redirect_uri:
        raise Invalid(NO_ADDRESS, field="provider")
    address, verifier = smtp.checked(address, field="address"), secrets.token_urlsafe(48)
    own = {"provider": client.provider.code, "address": address, "verifier": verifier, "redirect_uri": redirect_uri}
    state = f"{who.slug}.{oauth_sign_ins.begin(session, who, _PURPOSE, kept | own)}"
    return client.authorization_url(redirect_uri=redirect_uri, state=state, verifier=verifier, address=address)


def finish(who: Identity, *, state: str, code: str, error: str) -> ChannelAccount:
    """Connect the mailbox to which access was granted. Not to be called in a transaction.

    Raises Forbidden if this session did not begin the sign-in or it is over, Invalid if access was not granted or the
    mail servers do not accept it, Unavailable if one of them does not answer.
    """
    slug, _, own = state.partition(".")
    if slug != who.slug:
        raise Forbidden(OVER)
    with session_scope(who.tenant_id) as session:
        kept = oauth_sign_ins.take(session, who, _PURPOSE, own, over=OVER)
    if error or not 0 < len(code) <= _MAX_CODE_CHARS:
        raise Invalid(DENIED, field="provider")
    client = mail_oauth.mail_client(kept["provider"])
    try:
        tokens = client.exchange_code(code, redirect_uri=kept["redirect_uri"], verifier=kept["verifier"])
    except AccountRefused as refusal:
        raise Invalid(refusal.sentence, field="provider") from None
    except ChannelError as failure:
        raise Unavailable(failure.sentence, field="provider", **failure.values) from None
    access = _verify(who, email_access.provider_secret(client.provider, kept["address"]), tokens)
    with session_scope(who.tenant_id) as session:
        row = _connect(session, who, kept, access)
        stored_access.store(session, who.tenant_id, row.id, tokens)
    return row


def _verify(who: Identity, secret: str, tokens: Tokens) -> VerifiedAccess:
    """Sign in to both servers with the tokens, which are kept under an id of their own meanwhile."""
    grant_id = secrets.token_hex(16)
    with session_scope(who.tenant_id) as session:
        stored_access.store(session, who.tenant_id, grant_id, tokens)
    try:
        return channel_access.verify(Channel.EMAIL, secret, tenant_id=who.tenant_id, grant_id=grant_id)
    finally:
        with session_scope(who.tenant_id) as session:
            stored_access.delete(session, who.tenant_id, grant_id)


def _connect(session: Transaction, who: Identity, kept: dict[str, str], access: VerifiedAccess) -> ChannelAccount:
    if account_id := kept.get("account_id", ""):
        return channel_accounts.replace_access(session, who, account_id, access)
    name = kept["name"].strip() or access.profile.name
    return channel_accounts.create(session, who, Channel.EMAIL, name=name, agent_id=kept["agent_id"], access=access)

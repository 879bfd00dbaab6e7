"""OAuth connections: accounts of Kommo that are connected by signing in there, with tokens that are refreshed."""

import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta

from platform_app.clock import now
from platform_app.db import Transaction, session_scope
from platform_app.errors import Forbidden, Invalid
from platform_app.integrations.connecting import told_while_connecting
from platform_app.integrations.kommo import oauth
from platform_app.integrations.kommo.client import Access, LongLivedToken
from platform_app.integrations.kommo.crm import KommoCrm
from platform_app.integrations.kommo.crm_client import translated_errors
from platform_app.integrations.kommo.hosts import parse_account_host, zone_of
from platform_app.integrations.kommo.oauth import Integration
from platform_app.models.integration import CrmConnection, CrmKind
from platform_app.models.person import Identity
from platform_app.services.accounts import tenant_secrets
from platform_app.services.channels import public_addresses
from platform_app.services.integrations import connections, crm_tokens, definitions
from platform_app.services.integrations.connections import CrmAccess

LIFETIME = timedelta(minutes=20)  # of a sign-in, as that of the code
OVER = "This sign-in expired or belongs to someone else. Start again in Integrations."
NO_ADDRESS = "Signing in needs a public https address of this platform. Set PLATFORM_PUBLIC_URL or use a token."


def redirect_address(who: Identity) -> str:
    """Return the address to which the CRM sends the browser back, "" without a public address of this platform."""
    home = public_addresses.console_home()
    return f"{home}/oauth/crm/{who.slug}" if home else ""


def begin(session: Transaction, who: Identity, *, account: str, client_id: str, client_secret: str) -> str:
    """Keep an integration for a sign-in that this user begins; return the address at which it goes on.

    Raises Invalid at the field if a value is not accepted or the platform has no public address.
    """
    host, client_id, client_secret = parse_account_host(account), client_id.strip(), client_secret.strip()
    if not redirect_address(who):
        raise Invalid(NO_ADDRESS, field="client_id")
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not value or len(value) > 200 or not value.isascii() or not value.isprintable():
            raise Invalid("Copy it from the integration’s page.", field=name)
    state = secrets.token_urlsafe(32)
    kept = {"state": _digest(state), "client_id": client_id, "client_secret": client_secret}
    kept["until"] = (now() + LIFETIME).isoformat()
    tenant_secrets.store(session, who.tenant_id, _pending(who), json.dumps(kept))
    return oauth.authorization_url(client_id, state, zone=zone_of(host))


def finish(who: Identity, *, state: str, code: str, referer: str) -> CrmConnection:
    """Connect the account from which the browser comes. Not to be called in a transaction.

    Raises Forbidden if this user did not begin the sign-in or it is over, Invalid if `referer` is no account of the
    vendor or the account does not take the code.
    """
    with session_scope(who.tenant_id) as session:
        integration = _take(session, who, state)
    with told_while_connecting():
        with translated_errors():
            tokens = oauth.exchange_code(integration, referer, code)
        crm = KommoCrm(tokens.host, LongLivedToken(Access(tokens.host, tokens.access_token)))
        access = CrmAccess(CrmKind.KOMMO, "", crm.account(), connections.read_definitions(crm))
    with session_scope(who.tenant_id) as session:
        row = connections.connect(session, who, access)
        crm_tokens.store_oauth(session, row, integration, tokens)
        definitions.store(session, who, row, access.definitions)
    return row


def _take(session: Transaction, who: Identity, state: str) -> Integration:
    """Return the integration of a sign-in, which counts once. Raises Forbidden if there is none."""
    written = tenant_secrets.read(session, who.tenant_id, _pending(who))
    if written is None:
        raise Forbidden(OVER)
    kept: dict[str, str] = json.loads(written)
    if not hmac.compare_digest(kept["state"], _digest(state)) or datetime.fromisoformat(kept["until"]) < now():
        raise Forbidden(OVER)
    tenant_secrets.delete(session, who.tenant_id, _pending(who))
    return Integration(kept["client_id"], kept["client_secret"], redirect_address(who))


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _pending(who: Identity) -> str:
    return f"crm sign-in {who.user_id}"

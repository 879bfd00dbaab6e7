"""OAuth connections: accounts of Kommo that are connected by signing in there, with tokens that are refreshed."""

from platform_app.db import Transaction, session_scope
from platform_app.errors import Invalid
from platform_app.integrations.connecting import told_while_connecting
from platform_app.integrations.kommo import oauth
from platform_app.integrations.kommo.client import LongLivedToken
from platform_app.integrations.kommo.crm import KommoCrm
from platform_app.integrations.kommo.crm_client import translated_errors
from platform_app.integrations.kommo.hosts import parse_account_host, zone_of
from platform_app.integrations.kommo.oauth import Integration
from platform_app.integrations.oauth_tokens import Access
from platform_app.models.integration import CrmConnection, CrmKind
from platform_app.models.person import Identity
from platform_app.services.accounts import oauth_sign_ins
from platform_app.services.channels import public_addresses
from platform_app.services.integrations import connections, crm_tokens, definitions
from platform_app.services.integrations.connections import CrmAccess

_PURPOSE = "crm"
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
    kept = {"client_id": client_id, "client_secret": client_secret}
    state = oauth_sign_ins.begin(session, who, _PURPOSE, kept)
    return oauth.authorization_url(client_id, state, zone=zone_of(host))


def finish(who: Identity, *, state: str, code: str, referer: str) -> CrmConnection:
    """Connect the account from which the browser comes. Not to be called in a transaction.

    Raises Forbidden if this session did not begin the sign-in or it is over, Invalid if `referer` is no account of the
    vendor or the account does not take the code.
    """
    with session_scope(who.tenant_id) as session:
        kept = oauth_sign_ins.take(session, who, _PURPOSE, state, over=OVER)
    integration = Integration(kept["client_id"], kept["client_secret"], redirect_address(who))
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

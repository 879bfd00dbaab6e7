"""OAuth sign-ins: what is kept while a member signs in at another service, by a state that comes back once.

A state counts for the tenant, the user and the session that began the sign-in, so that nobody can be led to connect
somebody else's account.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from platform_app.clock import now
from platform_app.db import Transaction
from platform_app.errors import Forbidden
from platform_app.models.person import Identity
from platform_app.services.accounts import link_tokens, tenant_secrets

LIFETIME = timedelta(minutes=20)  # of a sign-in, as that of the codes of services
_STATE, _SESSION, _UNTIL = "state", "session_id", "until"


def begin(session: Transaction, who: Identity, purpose: str, kept: Mapping[str, str]) -> str:
    """Keep what a sign-in needs when the browser comes back; return its state. It replaces the one before."""
    state = link_tokens.new_token()
    own = {_STATE: link_tokens.hash_token(state), _SESSION: who.session_id, _UNTIL: (now() + LIFETIME).isoformat()}
    tenant_secrets.store(session, who.tenant_id, _secret_purpose(who, purpose), json.dumps(dict(kept) | own))
    return state


def take(session: Transaction, who: Identity, purpose: str, state: str, *, over: str) -> dict[str, str]:
    """Return what was kept for a sign-in, which counts once.

    Raises Forbidden with the sentence `over` if this session did not begin it or it is over.
    """
    written = tenant_secrets.read(session, who.tenant_id, _secret_purpose(who, purpose))
    if written is None:
        raise Forbidden(over)
    kept: dict[str, str] = json.loads(written)
    is_own = secrets.compare_digest(kept.pop(_SESSION, ""), who.session_id)
    is_in_time = datetime.fromisoformat(kept.pop(_UNTIL)) > now()
    if not (link_tokens.is_same(kept.pop(_STATE), state) and is_own and is_in_time):
        raise Forbidden(over)
    tenant_secrets.delete(session, who.tenant_id, _secret_purpose(who, purpose))
    return kept


def _secret_purpose(who: Identity, purpose: str) -> str:
    return f"{purpose} sign-in {who.user_id}"

"""Stored access: tokens of OAuth that are kept encrypted and refreshed by one worker at a time.

A refresh may end the token that it was asked with. New tokens are therefore committed before they are used, and who
does not refresh waits for the one who does.
"""

import json
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

from sqlmodel import col

from platform_app import encryption
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete, session_scope
from platform_app.integrations.oauth_tokens import Access, Tokens, TokenService
from platform_app.models.oauth_grant import OAuthGrant

EARLY = timedelta(minutes=2)  # a token is refreshed so long before its end
LEASE = timedelta(seconds=150)  # three requests, each up to 40 seconds
MAX_WAIT_SECONDS = 30.0  # for another worker's refresh
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class _Claim:
    """The tokens that this worker alone refreshes now."""

    worker: str
    version: int
    tokens: Tokens


@dataclass(frozen=True)
class StoredAccess:
    """The access of a connection whose tokens are stored. Errors are those of its `TokenService`."""

    tenant_id: str
    connection_id: str
    service: TokenService

    @property
    def integration_id(self) -> str:
        """Whose requests are counted together."""
        return self.service.client_id

    def current(self) -> Access:
        """Return the access that counts now, refreshed if it ends soon. Raises `refusal` if there is none."""
        with session_scope(self.tenant_id, read_only=True) as session:
            row = _find(session, self.tenant_id, self.connection_id)
            if row is None or row.is_refused:
                raise self.service.refused(row.host if row else "")
            access, expires_at = Access(row.host, _open(row)["access_token"]), row.expires_at
        return access if expires_at - EARLY > now() else self.renew(access)

    def renew(self, refused: Access) -> Access:
        """Return another access in place of one that was refused; only one worker asks for it, the others wait.

        Raises `refusal` if the account has to be connected again, another error if there is no answer.
        """
        end = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            claim = self._claim(refused)
            if isinstance(claim, Access):
                return claim
            if claim is not None:
                return self._refresh(claim)
            if time.monotonic() > end:
                raise self.service.unanswered(refused.host)
            Event().wait(_PAUSE_SECONDS)

    def _claim(self, refused: Access) -> _Claim | Access | None:
        """Return a newer access, else the right to refresh, else None: another worker has it."""
        with session_scope(self.tenant_id) as session:
            row = _find(session, self.tenant_id, self.connection_id, lock=True)
            if row is None or row.is_refused:
                raise self.service.refused(refused.host)
            tokens = _open(row)
            if tokens["access_token"] != refused.token:
                return Access(row.host, tokens["access_token"])
            if row.lease_until is not None and row.lease_until > now():
                return None
            row.worker, row.lease_until = secrets.token_hex(16), now() + LEASE
            present = Tokens(row.host, tokens["access_token"], tokens["refresh_token"], 0)
            return _Claim(row.worker, row.version, present)

    def _refresh(self, claim: _Claim) -> Access:
        try:
            tokens = self.service.refresh(claim.tokens)
        except BaseException as error:
            self._end(claim, is_refused=isinstance(error, self.service.refusal))
            raise
        with session_scope(self.tenant_id) as session:  # also if the lease is over: these tokens are known here alone
            row = _find(session, self.tenant_id, self.connection_id, lock=True)
            if row is None or row.version != claim.version:
                raise self.service.refused(claim.tokens.host)
            _fill(row, tokens)
            row.version, row.is_refused, row.worker, row.lease_until = claim.version + 1, False, None, None
        return Access(tokens.host, tokens.access_token)

    def _end(self, claim: _Claim, *, is_refused: bool) -> None:
        with session_scope(self.tenant_id) as session:
            row = _find(session, self.tenant_id, self.connection_id, lock=True)
            if row is not None and row.worker == claim.worker:
                row.worker, row.lease_until, row.is_refused = None, None, is_refused


def store(session: Transaction, tenant_id: str, connection_id: str, tokens: Tokens) -> None:
    """Store the tokens with which something is connected, in place of those before."""
    row = _find(session, tenant_id, connection_id, lock=True)
    if row is None:
        row = OAuthGrant(
            tenant_id=tenant_id, connection_id=connection_id, host="", sealed="", expires_at=now(), version=0
        )
        session.add(row)
    _fill(row, tokens)
    row.version, row.is_refused, row.worker, row.lease_until = row.version + 1, False, None, None


def exists(session: Transaction, tenant_id: str, connection_id: str) -> bool:
    """Return whether something is connected by stored tokens."""
    return _find(session, tenant_id, connection_id) is not None


def delete(session: Transaction, tenant_id: str, connection_id: str) -> None:
    """Delete the tokens of a connection, if there are some."""
    mine = owned_delete(OAuthGrant, tenant_id).where(col(OAuthGrant.connection_id) == connection_id)
    session.execute(mine)


def _find(session: Transaction, tenant_id: str, connection_id: str, *, lock: bool = False) -> OAuthGrant | None:
    query = owned(OAuthGrant, tenant_id).where(OAuthGrant.connection_id == connection_id)
    row: OAuthGrant | None = session.exec(query.with_for_update() if lock else query).first()
    return row


def _open(row: OAuthGrant) -> dict[str, str]:
    tokens: dict[str, str] = json.loads(encryption.decrypt(row.sealed, row.tenant_id, row.secret_purpose()))
    return tokens


def _fill(row: OAuthGrant, tokens: Tokens) -> None:
    written = json.dumps({"access_token": tokens.access_token, "refresh_token": tokens.refresh_token})
    row.sealed = encryption.encrypt(written, row.tenant_id, row.secret_purpose())
    row.host, row.expires_at = tokens.host, now() + timedelta(seconds=tokens.seconds)

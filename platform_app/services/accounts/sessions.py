"""Sessions: signed-in browsers, one-time sign-in tickets, and the identity behind a session token."""

import hashlib
import secrets
from contextlib import suppress
from datetime import datetime, timedelta

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, owned_update, session_scope, unscoped, unscoped_delete, unscoped_update
from platform_app.errors import Forbidden, Unavailable
from platform_app.models.person import Identity, Member, Session, SignInTicket, Tenant, User
from platform_app.models.second_factor import SecondFactor

LIFETIME = timedelta(days=14)  # since the last use
MAX_LIFETIME = timedelta(days=90)  # since the sign-in
SEEN_PRECISION = timedelta(minutes=5)
TICKET_LIFETIME = timedelta(seconds=60)
EXPIRED = "This sign-in has expired. Sign in again."


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def issue_ticket(
    session: Transaction, user_id: str, *, lifetime: timedelta = TICKET_LIFETIME, needs_code: bool = False
) -> str:
    """Create a one-time sign-in ticket and return it. Only its SHA-256 is stored.

    A ticket that `needs_code` cannot be redeemed: `two_factor.redeem_challenge` replaces it when the code is right.
    """
    ticket = secrets.token_urlsafe(32)
    row = SignInTicket(user_id=user_id, ticket_hash=_hash(ticket), expires_at=now() + lifetime, needs_code=needs_code)
    session.add(row)
    return ticket


def find_ticket(session: Transaction, ticket: str, *, needs_code: bool = False) -> SignInTicket:
    """Return the row of a ticket of either kind.

    Raises Forbidden if it is unknown, used or expired, or if its user is disabled.
    """
    query = unscoped(SignInTicket).join(User, User.id == SignInTicket.user_id).where(col(User.disabled_at).is_(None))
    query = query.where(SignInTicket.ticket_hash == _hash(ticket), col(SignInTicket.needs_code).is_(needs_code))
    row: SignInTicket | None = session.exec(query).first()
    if row is None or row.expires_at < now():
        raise Forbidden(EXPIRED)
    return row


def redeem_ticket(session: Transaction, ticket: str, user_agent: str) -> str:
    """Create a session for a ticket and return its token; a ticket can be redeemed once.

    Expired tickets and sessions of all users are deleted. Raises Forbidden if the ticket is unknown, used or expired,
    or if its user is disabled.
    """
    held = find_ticket(session, ticket)
    consume_ticket(session, held)
    session.execute(unscoped_delete(SignInTicket).where(col(SignInTicket.expires_at) < now()))
    session.execute(unscoped_delete(Session).where(col(Session.expires_at) < now()))
    token = secrets.token_urlsafe(32)
    session.add(
        Session(
            token_hash=_hash(token),
            user_id=held.user_id,
            expires_at=now() + LIFETIME,
            user_agent=user_agent[:300],
        )
    )
    return token


def consume_ticket(session: Transaction, ticket: SignInTicket) -> None:
    """Delete a ticket. Raises Forbidden if another call has deleted it: of two concurrent calls one succeeds."""
    mine = unscoped_delete(SignInTicket).where(col(SignInTicket.id) == ticket.id)
    if session.execute(mine.returning(col(SignInTicket.id))).first() is None:
        raise Forbidden(EXPIRED)


def get_identity(token: str, slug: str | None, *, extend: bool = True, unenrolled: bool = False) -> Identity | None:
    """Return the identity of a session token in a tenant; None if it ended, is disabled, or is not a member.

    Without a slug it is the user's first tenant. None too for a user without the second factor that the tenant
    requires, except with `unenrolled`; the identity then has `must_enroll` set. Nothing is cached: every call reads the
    rows. With `extend`, the session's expiry moves forward.
    """
    found = _find_session(token, slug)
    if found is None:
        return None
    held, user, member, tenant, enrolled_at = found
    must_enroll = tenant.require_two_factor and enrolled_at is None
    if must_enroll and not unenrolled:
        return None
    if extend:
        _extend(held)
        _note_visit(member)
    return Identity(
        user_id=user.id,
        tenant_id=tenant.id,
        role=member.role,
        name=user.name,
        email=user.email,
        slug=tenant.slug,
        tenant_name=tenant.name,
        language=user.language,
        time_zone=tenant.time_zone,
        theme=user.theme,
        currency=tenant.currency,
        session_id=held.id,
        must_enroll=must_enroll,
        deletion_at=tenant.deletion_at,
    )


def _find_session(token: str, slug: str | None) -> tuple[Session, User, Member, Tenant, datetime | None] | None:
    """Return a session with its user, membership and tenant, and since when the user has a second factor."""
    with session_scope(reason="who holds this token", read_only=True) as session:
        query = (
            unscoped(Session)
            .with_only_columns(Session, User, Member, Tenant, SecondFactor.confirmed_at)
            .join(User, User.id == Session.user_id)
            .join(Member, Member.user_id == User.id)
            .join(Tenant, Tenant.id == Member.tenant_id)
            .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
            .where(Session.token_hash == _hash(token), Session.expires_at > now())
            .where(col(User.disabled_at).is_(None), col(Member.disabled_at).is_(None))
            .order_by(Member.created_at)
        )
        if slug is not None:
            query = query.where(Tenant.slug == slug)
        found = session.execute(query).first()
    if found is None:
        return None
    held, user, member, tenant, enrolled_at = found
    return held, user, member, tenant, enrolled_at


def _extend(held: Session) -> None:
    """Move the expiry of a session forward, at most once a day."""
    wanted = min(now() + LIFETIME, held.created_at + MAX_LIFETIME)
    if wanted - held.expires_at < timedelta(days=1):
        return
    with suppress(Unavailable), session_scope(reason="session in use") as session:
        session.execute(unscoped_update(Session).where(col(Session.id) == held.id).values(expires_at=wanted))


def _note_visit(member: Member) -> None:
    """Write when a member was seen last, at most once in a few minutes."""
    if member.seen_at is not None and now() - member.seen_at < SEEN_PRECISION:
        return
    with suppress(Unavailable), session_scope(member.tenant_id) as session:
        session.execute(owned_update(Member, member.tenant_id).where(col(Member.id) == member.id).values(seen_at=now()))


def get_user(token: str) -> User | None:
    """Return the person who holds a token, member of a tenant or not; None when the session has ended."""
    with session_scope(reason="who holds this token", read_only=True) as session:
        query = unscoped(User).join(Session, Session.user_id == User.id).where(col(User.disabled_at).is_(None))
        query = query.where(Session.token_hash == _hash(token), Session.expires_at > now())
        user: User | None = session.exec(query).first()
        return user


def end_without_tenant(user_id: str) -> None:
    """End the sessions of a person who may work in no tenant any more; needs a transaction of its own."""
    with session_scope(reason="sessions of a former member") as session:
        left = unscoped(Member).where(Member.user_id == user_id, col(Member.disabled_at).is_(None))
        if session.exec(left).first() is None:
            end_all_sessions(session, user_id)


def list_sessions(session: Transaction, who: Identity) -> list[Session]:
    """Return the user's own sessions that have not expired, newest first."""
    query = unscoped(Session).where(Session.user_id == who.user_id, Session.expires_at > now())
    return list(session.exec(query.order_by(col(Session.created_at).desc())).all())


def end_session(token: str) -> None:
    """Delete the session of a token; the token is invalid at once."""
    with session_scope(reason="sign-out") as session:
        session.execute(unscoped_delete(Session).where(col(Session.token_hash) == _hash(token)))


def end_all_sessions(session: Transaction, user_id: str, *, except_id: str = "") -> None:
    """Delete every session of a user except `except_id`, and the user's sign-in tickets."""
    session.execute(unscoped_delete(SignInTicket).where(col(SignInTicket.user_id) == user_id))
    query = unscoped_delete(Session).where(col(Session.user_id) == user_id, col(Session.id) != except_id)
    session.execute(query)

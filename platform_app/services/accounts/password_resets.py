"""Password resets: a link with which a user who has forgotten the password sets a new one, once and within an hour."""

from datetime import timedelta

from sqlmodel import col

from platform_app import email_addresses
from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.events import emit
from platform_app.integrations import platform_smtp
from platform_app.jobs import SendPasswordReset, enqueue
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity, Member, PasswordReset, Role, User
from platform_app.services.accounts import link_tokens, member_records, members, passwords, sessions, sign_in_throttle
from platform_app.services.feed import activity

LIFETIME = timedelta(hours=1)
PAGE = "/reset-password"
INVALID_LINK = "This link has expired or was already used. Request a new one."


def request(email: str, address: str) -> None:
    """Queue the e-mail with a reset link, if the address belongs to a member of a tenant.

    Returns nothing and raises LimitReached alone, so that the caller cannot tell whether an account exists. `address`
    is the network address of the request.
    """
    email = email_addresses.normalize_email(email)
    sign_in_throttle.count_password_reset(email, address)
    if not platform_smtp.is_configured():
        return
    with session_scope(reason="request for a password reset") as session:
        user = _find_user(session, email)
        tenants = members.list_tenants(session, user.id) if user is not None else []
        if user is not None and tenants:
            queue_mail(session, tenants[0][0].id, user.id)


def queue_mail(session: Transaction, tenant_id: str, user_id: str) -> None:
    """Queue the e-mail with a reset link in the ledger of a tenant of the user."""
    enqueue(session, tenant_id, SendPasswordReset(user_id=user_id), lock_key=f"password_reset:{user_id}")


def issue_token(session: Transaction, user_id: str) -> str:
    """Return a new token, valid for an hour; earlier ones of the user stop working. Only its hash is stored."""
    session.execute(unscoped_delete(PasswordReset).where(col(PasswordReset.user_id) == user_id))
    token = link_tokens.new_token()
    row = PasswordReset(user_id=user_id, token_hash=link_tokens.hash_token(token), expires_at=now() + LIFETIME)
    session.add(row)
    return token


def issue_link_for_email(email: str) -> str:
    """Return a reset link for an account, for the operator of the platform; raises NotFound for an unknown address."""
    with session_scope(reason="command line") as session:
        user = _find_user(session, email_addresses.normalize_email(email))
        if user is None:
            raise NotFound("User not found.")
        return link_tokens.link(PAGE, issue_token(session, user.id))


def start_for_member(who: Identity, user_id: str, *, by_mail: bool) -> str:
    """Let a member set a new password: by e-mail, or with the token that is returned.

    Raises NotFound for somebody else's member, Forbidden for a role that is not below or equal to that of `who`, and
    Conflict when a token is asked for of a user who is also in another tenant: with it an admin of one tenant could
    sign in to the other.
    """
    if user_id == who.user_id:
        raise Conflict("Change your own password in Settings.")
    with session_scope(reason="password reset of a member") as session:
        member, user, elsewhere = _locked_member(session, who, user_id)
        if by_mail and not platform_smtp.is_configured():
            raise Conflict("The platform has no mail server.")
        if not by_mail and elsewhere:
            sentence = "{name} belongs to another company too and must reset the password by email."
            raise Conflict(sentence, name=user.name)
        token = ""
        if by_mail:
            queue_mail(session, who.tenant_id, user.id)
        else:
            token = issue_token(session, user.id)
        after = {"user_id": user.id, "name": user.name, "password_reset": "mail" if by_mail else "link"}
        event = emit(session, who.tenant_id, EventKind.MEMBER_CHANGED, after=after)
        sentence, link = "Password reset of {name} started", member_records.MEMBERS_LINK
        told = activity.record_by(session, who, ActivityKind.PERSON, sentence, link=link, name=user.name)
        told.event_id = event.id
        return token


def find_user(token: str) -> User:
    """Return the user of a reset link; raises NotFound when it was used, replaced or has expired."""
    with session_scope(reason="a password reset is looked at", read_only=True) as session:
        return _user_of(session, token)


def reset(token: str, password: str) -> User:
    """Set a new password with the token of a reset link, end every session of the user, and return the user.

    Raises NotFound if the link has expired or was used, Invalid if the password breaks a rule, and Unavailable if too
    many passwords are being hashed.
    """
    user = find_user(token)
    hashed = passwords.hash_password(passwords.validate_password(password, user.email, user.name))
    with session_scope(reason="password reset") as session:
        user = _user_of(session, token)
        used = unscoped_delete(PasswordReset).where(col(PasswordReset.token_hash) == link_tokens.hash_token(token))
        # the declared result of a statement has no rowcount; that of a deletion has
        if session.execute(used).rowcount != 1:  # type: ignore[attr-defined]
            raise NotFound(INVALID_LINK)
        user.password_hash = hashed
        session.add(user)
        sessions.end_all_sessions(session, user.id)
        after = {"password_reset": "done"}
        member_records.record(session, user.id, "{name} set a new password with a reset link", after)
        return user


def _user_of(session: Transaction, token: str) -> User:
    query = unscoped(PasswordReset).where(PasswordReset.token_hash == link_tokens.hash_token(token))
    row: PasswordReset | None = session.exec(query).first()
    if row is None or not link_tokens.is_same(row.token_hash, token) or row.expires_at <= now():
        raise NotFound(INVALID_LINK)
    user: User | None = session.exec(unscoped(User).where(User.id == row.user_id)).first()
    if user is None or user.disabled_at is not None:
        raise NotFound(INVALID_LINK)
    return user


def _find_user(session: Transaction, email: str) -> User | None:
    if not email_addresses.is_email(email):
        return None
    query = unscoped(User).where(User.email == email, col(User.disabled_at).is_(None))
    user: User | None = session.exec(query).first()
    return user


def _locked_member(session: Transaction, who: Identity, user_id: str) -> tuple[Member, User, bool]:
    """Return a member whom `who` may manage, their user, locked, and whether they are in other tenants too."""
    user: User | None = session.exec(unscoped(User).where(User.id == user_id).with_for_update()).first()
    rows = list(session.exec(unscoped(Member).where(Member.user_id == user_id)).all())
    member = next((row for row in rows if row.tenant_id == who.tenant_id), None)
    if user is None or member is None:
        raise NotFound("Member not found.")
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Your role doesn’t allow this.")
    if not who.role.includes(member.role):
        raise Forbidden("Only an owner can change an owner.")
    return member, user, len(rows) > 1

"""Invitation acceptance: a person joins a tenant with the token of an invitation, once."""

from dataclasses import dataclass

from sqlmodel import col

from platform_app.clock import now
from platform_app.db import Transaction, session_scope, unscoped, unscoped_delete, unscoped_update
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.events import emit
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.invitation import Invitation
from platform_app.models.person import Member, PasswordReset, Role, Tenant, User
from platform_app.services.accounts import accounts, invitations, link_tokens, passwords
from platform_app.services.feed import activity


@dataclass(frozen=True)
class Offer:
    """What an open invitation offers to the holder of its link."""

    tenant_id: str
    tenant_name: str
    slug: str
    role: Role
    email: str
    inviter_name: str
    language: str  # of the tenant
    has_account: bool


def find_offer(token: str) -> Offer:
    """Return what an invitation offers; raises NotFound or Conflict when its link cannot be used any more."""
    with session_scope(reason="an invitation is looked at", read_only=True) as session:
        row = _find(session, token)
        return _offer(session, row)


def join(token: str, user_id: str) -> Offer:
    """Make the signed-in person a member with the invitation's role; raises Forbidden for anybody else's invitation."""
    with session_scope(reason="an invitation is accepted") as session:
        row = _find(session, token, lock=True)
        user: User = session.exec(unscoped(User).where(User.id == user_id)).one()
        if user.email != row.email:
            sentence = "This invitation is for {email}. You are signed in as {other}."
            raise Forbidden(sentence, email=row.email, other=user.email)
        offer = _offer(session, row)
        _accept(session, row, user)
        return offer


def register(token: str, *, name: str, password: str, language: str) -> tuple[User, Offer]:
    """Create the account of an invited person and make them a member; return the user and the offer.

    Raises Conflict if there is an account with this e-mail, Invalid for a wrong name or password, and what `find_offer`
    raises.
    """
    offer = find_offer(token)
    name = accounts.clean_name(name, empty="Enter your name.", field="name")
    password = passwords.validate_password(password, offer.email, name, offer.tenant_name)
    hashed = passwords.hash_password(password)  # before the transaction, which it would hold up
    with session_scope(reason="an invitation is accepted") as session:
        row = _find(session, token, lock=True)
        if _has_account(session, row.email):
            raise Conflict("An account with this email already exists. Sign in instead.", field="password")
        user = User(email=row.email, name=name, password_hash=hashed, language=language)
        session.add(user)
        session.flush()
        _accept(session, row, user)
        return user, offer


def _accept(session: Transaction, row: Invitation, user: User) -> None:
    # A link that an admin of one tenant has made must not open another: see password_resets.start_for_member.
    session.exec(unscoped(User).where(User.id == user.id).with_for_update()).one()
    session.execute(unscoped_delete(PasswordReset).where(col(PasswordReset.user_id) == user.id))
    query = unscoped(Member).where(Member.tenant_id == row.tenant_id, Member.user_id == user.id)
    if session.exec(query).first() is not None:
        raise Conflict("You’re already a member of this company.")
    unused = unscoped_update(Invitation).where(
        col(Invitation.id) == row.id,
        col(Invitation.accepted_at).is_(None),
        col(Invitation.revoked_at).is_(None),
    )
    # execute() is typed as Result; an update returns a CursorResult
    if session.execute(unused.values(accepted_at=now())).rowcount != 1:  # type: ignore[attr-defined]
        raise Conflict("This invitation has already been used.")
    session.add(Member(tenant_id=row.tenant_id, user_id=user.id, role=row.role))
    session.flush()
    after = {"user_id": user.id, "name": user.name, "email": user.email, "role": row.role.value}
    event = emit(session, row.tenant_id, EventKind.MEMBER_JOINED, after=after)
    told = activity.record(
        session,
        row.tenant_id,
        ActivityKind.PERSON,
        "{name} joined",
        actor=user.name,
        user_id=user.id,
        link=invitations.MEMBERS_LINK,
        name=user.name,
    )
    told.event_id = event.id
    invitations.announce(session, row)


def _find(session: Transaction, token: str, *, lock: bool = False) -> Invitation:
    query = unscoped(Invitation).where(Invitation.token_hash == link_tokens.hash_token(token))
    row: Invitation | None = session.exec(query.with_for_update() if lock else query).first()
    if row is None or not link_tokens.is_same(row.token_hash, token):
        raise NotFound("This invitation link doesn’t work. Ask for a new one.")
    if row.accepted_at is not None:
        raise Conflict("This invitation has already been used.")
    if row.revoked_at is not None:
        raise Conflict("This invitation has been revoked.")
    if row.expires_at <= now():
        raise Conflict("This invitation has expired. Ask {name} for a new one.", name=row.inviter_name)
    return row


def _offer(session: Transaction, row: Invitation) -> Offer:
    tenant: Tenant = session.exec(unscoped(Tenant).where(Tenant.id == row.tenant_id)).one()
    return Offer(
        tenant_id=tenant.id,
        tenant_name=tenant.name,
        slug=tenant.slug,
        role=row.role,
        email=row.email,
        inviter_name=row.inviter_name,
        language=tenant.language,
        has_account=_has_account(session, row.email),
    )


def _has_account(session: Transaction, email: str) -> bool:
    return session.exec(unscoped(User).where(User.email == email)).first() is not None

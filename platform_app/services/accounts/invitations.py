"""Invitations: a person is asked to join a tenant, by e-mail or by a link that is handed over, and joins once."""

from datetime import timedelta
from typing import Any

from sqlmodel import col

from platform_app import email_addresses, notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.events import emit
from platform_app.integrations import platform_smtp
from platform_app.jobs import SendInvitation, enqueue
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.invitation import Invitation, MailState
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import link_tokens, sign_in_throttle
from platform_app.services.feed import activity

LIFETIME = timedelta(hours=72)
PAGE = "/invitation"
MEMBERS_LINK = "/settings/members"


def invite(session: Transaction, who: Identity, *, email: str, role: Role, by_mail: bool) -> tuple[Invitation, str]:
    """Invite a person with a role; return the invitation and its token, "" when the worker sends it by e-mail.

    Raises Forbidden, Invalid for the address, Conflict for a member and for an open invitation, and LimitReached.
    """
    _check_may_give(who, role)
    email = email_addresses.validate_email(email)
    sign_in_throttle.count_invitation(who.tenant_id, email)  # before the first statement: it has its own transaction
    _check_is_new(session, who, email)
    row = Invitation(
        tenant_id=who.tenant_id,
        email=email,
        role=role,
        token_hash="",
        expires_at=now(),
        inviter_id=who.user_id,
        inviter_name=who.name,
    )
    token = _issue(session, row, by_mail=by_mail)
    after = {"email": email, "role": role.value, "invitation_id": row.id}
    event = emit(session, who.tenant_id, EventKind.MEMBER_INVITED, after=after)
    told = activity.record_by(session, who, ActivityKind.PERSON, "{email} invited", link=MEMBERS_LINK, email=email)
    told.event_id = event.id
    return row, token


def renew(session: Transaction, who: Identity, invitation_id: str, *, by_mail: bool) -> tuple[Invitation, str]:
    """Give an open or expired invitation a new link for 72 hours; the link before is dead. Return as `invite` does."""
    _check_may_give(who, Role.VIEWER)
    sign_in_throttle.count_invitation(who.tenant_id, invitation_id[:32])
    row = _get(session, who, invitation_id)
    _check_may_give(who, row.role)
    return row, _issue(session, row, by_mail=by_mail)


def revoke(session: Transaction, who: Identity, invitation_id: str) -> Invitation:
    """Take an invitation back: its link is dead at once."""
    row = _get(session, who, invitation_id)
    _check_may_give(who, row.role)
    row.revoked_at = now()
    after = {"email": row.email, "role": row.role.value, "invitation_id": row.id}
    event = emit(session, who.tenant_id, EventKind.INVITATION_REVOKED, after=after)
    told = activity.record_by(
        session, who, ActivityKind.PERSON, "Invitation of {email} revoked", link=MEMBERS_LINK, email=row.email
    )
    told.event_id = event.id
    announce(session, row)
    return row


def get_open(session: Transaction, tenant_id: str, invitation_id: str) -> Invitation | None:
    """Return an invitation that was neither accepted nor revoked, locked; None for any other."""
    query = _open_rows(tenant_id).where(Invitation.id == invitation_id).with_for_update()
    row: Invitation | None = session.exec(query).first()
    return row


def list_open(session: Transaction, who: Identity) -> list[Invitation]:
    """Return the invitations that nobody has accepted or revoked, newest first, expired ones among them."""
    if not who.role.includes(Role.ADMIN):
        return []
    query = _open_rows(who.tenant_id).order_by(col(Invitation.created_at).desc())
    return list(session.exec(query).all())


def issue_token(session: Transaction, row: Invitation) -> str:
    """Return a new token for an invitation, valid for 72 hours; only its hash is stored."""
    token = link_tokens.new_token()
    row.token_hash, row.expires_at = link_tokens.hash_token(token), now() + LIFETIME
    session.add(row)
    return token


def _issue(session: Transaction, row: Invitation, *, by_mail: bool) -> str:
    """Give a row a token: now, or when the worker writes the e-mail, so that no stored job holds one."""
    if by_mail and not platform_smtp.is_configured():
        raise Conflict("The platform has no mail server.")
    token = issue_token(session, row)
    row.mail = MailState.QUEUED if by_mail else MailState.NONE
    row.mail_error, row.mail_error_values = "", {}
    session.flush()
    announce(session, row)
    if not by_mail:
        return token
    enqueue(session, row.tenant_id, SendInvitation(invitation_id=row.id), lock_key=f"invitation:{row.id}")
    return ""


def announce(session: Transaction, row: Invitation) -> None:
    """Let open pages know, after the commit, that an invitation changed."""
    session.after_commit.append(lambda: notifier.publish(row.tenant_id, "member", row.id))


def _open_rows(tenant_id: str) -> Any:
    return owned(Invitation, tenant_id).where(
        col(Invitation.accepted_at).is_(None),
        col(Invitation.revoked_at).is_(None),
    )


def _get(session: Transaction, who: Identity, invitation_id: str) -> Invitation:
    row = get_open(session, who.tenant_id, invitation_id)
    if row is None:
        raise NotFound("Invitation not found. It may have been accepted or revoked.")
    return row


def _check_may_give(who: Identity, role: Role) -> None:
    """Raise Forbidden unless a person may let others in with a role."""
    if not who.role.includes(Role.ADMIN) or not who.role.includes(role):
        raise Forbidden("Your role doesn’t allow this.")


def _check_is_new(session: Transaction, who: Identity, email: str) -> None:
    members = owned(Member, who.tenant_id).join(User, User.id == Member.user_id).where(User.email == email)
    if session.exec(members).first() is not None:
        raise Conflict("{email} is a member already.", field="email", email=email)
    waiting = _open_rows(who.tenant_id).where(Invitation.email == email)
    if session.exec(waiting).first() is not None:
        raise Conflict("{email} has already been invited. Resend that invitation.", field="email", email=email)

"""Two-factor resets: turns the second factor of somebody else off who has lost app and recovery codes."""

from platform_app import email_addresses
from platform_app.db import session_scope, unscoped
from platform_app.errors import Conflict, Forbidden, NotFound
from platform_app.events import emit
from platform_app.integrations import platform_smtp
from platform_app.jobs import SendTwoFactorReset, enqueue
from platform_app.models.event import ActivityKind, EventKind
from platform_app.models.person import Identity, Member, Role, User
from platform_app.services.accounts import member_records, sessions, two_factor, two_factor_policy
from platform_app.services.feed import activity


def reset_for_member(who: Identity, user_id: str) -> bool:
    """Turn a member's second factor off, end their sessions, and tell them by e-mail; return whether one is sent.

    Raises NotFound if there is no such member, Forbidden if their role exceeds that of `who`, and Conflict for `who`,
    for a member without a second factor, and for one who is also in another tenant, which an admin of this one must
    not weaken.
    """
    if user_id == who.user_id:
        raise Conflict("Turn your own two-factor off under Settings, Sign-in and security.")
    with session_scope(reason="reset of a second factor") as session:
        user: User | None = session.exec(unscoped(User).where(User.id == user_id)).first()
        rows = list(session.exec(unscoped(Member).where(Member.user_id == user_id)).all())
        member = next((row for row in rows if row.tenant_id == who.tenant_id), None)
        if user is None or member is None:
            raise NotFound("Member not found.")
        _check_role(who, member)
        if len(rows) > 1:
            sentence = "{name} also works in another company: only the operator of this installation can reset it."
            raise Conflict(sentence, name=user.name)
        if not two_factor_policy.enabled_users(session, [user_id]):
            raise Conflict("{name} doesn’t use two-factor.", name=user.name)
        two_factor.delete(session, user_id)
        sessions.end_all_sessions(session, user_id)
        after = {"user_id": user_id, "name": user.name, "two_factor": False}
        event = emit(session, who.tenant_id, EventKind.MEMBER_CHANGED, after=after)
        sentence, link = "Two-factor of {name} reset", member_records.MEMBERS_LINK
        told = activity.record_by(session, who, ActivityKind.PERSON, sentence, link=link, name=user.name)
        told.event_id = event.id
        if platform_smtp.is_configured():
            payload = SendTwoFactorReset(user_id=user_id)
            enqueue(session, who.tenant_id, payload, lock_key=f"two_factor_reset:{user_id}")
    return platform_smtp.is_configured()


def reset_for_email(email: str) -> str:
    """Turn the second factor of an account off, for the operator of the platform; return the account's address.

    Raises NotFound for an unknown address, Conflict for an account without a second factor.
    """
    with session_scope(reason="command line") as session:
        query = unscoped(User).where(User.email == email_addresses.normalize_email(email))
        user: User | None = session.exec(query).first()
        if user is None:
            raise NotFound("User not found.")
        if not two_factor_policy.enabled_users(session, [user.id]):
            raise Conflict("{name} doesn’t use two-factor.", name=user.email)
        two_factor.delete(session, user.id)
        sessions.end_all_sessions(session, user.id)
        member_records.record(session, user.id, "Two-factor of {name} reset", {"two_factor": False})
        return user.email


def _check_role(who: Identity, member: Member) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Your role doesn’t allow this.")
    if not who.role.includes(member.role):
        raise Forbidden("Only an owner can change an owner.")

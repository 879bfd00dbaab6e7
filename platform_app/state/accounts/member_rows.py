"""Member rows: the rows of the tables of members and invitations."""

from dataclasses import dataclass

from platform_app.clock import now
from platform_app.i18n import exact_time, relative_time, translate
from platform_app.models.invitation import Invitation, MailState
from platform_app.models.person import Identity, Role
from platform_app.services.accounts.member_changes import MemberView
from platform_app.state.accounts.availability_words import availability_words

_MAIL = {
    MailState.NONE: ("", "Link created"),
    MailState.QUEUED: ("blue", "Sending"),
    MailState.SENT: ("green", "Sent"),
    MailState.FAILED: ("red", "Not sent"),
    MailState.UNCERTAIN: ("amber", "Delivery unconfirmed"),
}


@dataclass
class MemberRow:
    """A row of the members table."""

    id: str  # of the user
    name: str
    email: str
    role: str
    is_disabled: bool
    two_factor: bool
    colour: str  # of the availability
    availability: str
    seen: str
    seen_exact: str
    is_me: bool
    may_change: bool


@dataclass
class InvitationRow:
    """A row of the invitations table."""

    id: str
    email: str
    role: str
    inviter: str
    colour: str
    state: str
    error: str
    until: str
    is_expired: bool


def member_row(one: MemberView, identity: Identity, language: str) -> MemberRow:
    """Return the row of a member as the user with this identity sees it."""
    colour, words = availability_words(language, one.availability)
    return MemberRow(
        id=one.user_id,
        name=one.name,
        email=one.email,
        role=one.role.value,
        is_disabled=one.is_disabled,
        two_factor=one.two_factor,
        colour=colour,
        availability=words,
        seen=relative_time(language, one.seen_at, now(), identity.time_zone) if one.seen_at else "",
        seen_exact=exact_time(language, one.seen_at, identity.time_zone) if one.seen_at else "",
        is_me=one.user_id == identity.user_id,
        may_change=identity.role.includes(Role.ADMIN) and identity.role.includes(one.role),
    )


def invitation_row(row: Invitation, identity: Identity, language: str) -> InvitationRow:
    """Return the row of an open invitation."""
    is_expired = row.expires_at <= now()
    colour, words = ("amber", "Expired") if is_expired else _MAIL[row.mail]
    return InvitationRow(
        id=row.id,
        email=row.email,
        role=row.role.value,
        inviter=row.inviter_name,
        colour=colour,
        state=translate(language, words),
        error=translate(language, row.mail_error, **row.mail_error_values) if row.mail_error else "",
        until=exact_time(language, row.expires_at, identity.time_zone),
        is_expired=is_expired,
    )

"""Person models: tenants, users, members and sessions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field

from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, Row, enum_column, factory, in_form


class Role(StrEnum):
    """The role of a member; each includes those after it."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def includes(self, other: "Role") -> bool:
        """Return whether this role may do what another may."""
        order = list(Role)
        return order.index(self) <= order.index(other)


ROLE_WORDS = {Role.OWNER: "Owner", Role.ADMIN: "Admin", Role.OPERATOR: "Operator", Role.VIEWER: "Viewer"}


class Tenant(Row, table=True):
    """A customer organisation; owns all rows of its data."""

    slug: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    language: str = Field(default="en", max_length=2)
    time_zone: str = Field(default="Europe/Moscow", max_length=64)
    country: str = Field(default="", max_length=2)  # of phone numbers without a country code; "": the time zone's
    currency: str = Field(default="", max_length=3)  # ISO 4217, of budgets; "": amounts are shown without one
    is_demo: bool = False
    stop_on_member_reply: bool = Field(
        default=True,
        title="When a member writes, end the contact’s sequences",
        schema_extra=in_form("sending", Control.SELECT, options={"yes": "Yes", "no": "No"}),
    )
    require_two_factor: bool = False  # members without a second factor have to set it up before anything else
    hides_checklist: bool = False  # an admin has hidden the first steps on the dashboard
    run_days: int = 180  # days for which rule runs are kept; 0: for ever
    sending: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see models.sending.SendingPolicy
    deletion_at: datetime | None = Field(default=None, sa_type=Instant, index=True)  # when all of its data is deleted
    deletion_by: str = Field(default="", max_length=200)  # who asked for it
    deleted_rows: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # what was deleted, by table


TENANT_FORM = form_fields(Tenant)


class User(Row, table=True):
    """A person who signs in."""

    email: str = Field(unique=True, max_length=254)
    name: str = Field(max_length=200)
    password_hash: str = Field(max_length=200)
    language: str = Field(default="en", max_length=2)
    theme: str = Field(default="system", max_length=8)
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)


class Member(Owned, table=True):
    """A user's membership in a tenant, with a role."""

    __table_args__ = (UniqueConstraint("tenant_id", "user_id"),)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    role: Role = Field(default=Role.VIEWER, sa_type=enum_column(Role))
    assigned_at: datetime | None = Field(default=None, sa_type=Instant)  # when a conversation was last assigned in turn
    disabled_at: datetime | None = Field(default=None, sa_type=Instant)  # access to this tenant is switched off
    seen_at: datetime | None = Field(default=None, sa_type=Instant)  # a page was last open, to a few minutes
    is_away: bool = False  # the member said so
    working_hours: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # see automation.availability


class Session(Row, table=True):
    """A signed-in browser. Only the SHA-256 of its token is stored."""

    token_hash: str = Field(unique=True, max_length=64)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    expires_at: datetime = Field(sa_type=Instant)
    user_agent: str = Field(default="", max_length=300)


class SignInTicket(Row, table=True):
    """A one-time ticket to fetch a session cookie, valid for a few minutes. Only its SHA-256 is stored."""

    ticket_hash: str = Field(unique=True, max_length=64)
    user_id: str = Field(foreign_key="user.id", max_length=32, ondelete="CASCADE")
    expires_at: datetime = Field(sa_type=Instant)
    needs_code: bool = False  # the password was right, the code of the second factor has not been given yet


class PasswordReset(Row, table=True):
    """The right of a user to set a new password once within an hour. Only the SHA-256 of its token is stored."""

    token_hash: str = Field(unique=True, max_length=64)
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    expires_at: datetime = Field(sa_type=Instant)


class SignInFailure(Row, table=True):
    """Recent failed sign-ins by account, address or both; a count of 0 marks a known address."""

    key: str = Field(unique=True, max_length=64)  # SHA-256 of what is counted
    count: int = 0
    last_at: datetime = Field(sa_type=Instant)


@dataclass(frozen=True)
class Identity:
    """The acting member: a user in a tenant with a role. Services take it as `who`."""

    user_id: str
    tenant_id: str
    role: Role
    name: str
    email: str
    slug: str  # of the tenant
    tenant_name: str
    language: str
    time_zone: str  # of the tenant
    theme: str = "system"
    currency: str = ""  # of the tenant
    session_id: str = ""
    must_enroll: bool = False  # the tenant requires a second factor, which this user has not set up
    deletion_at: datetime | None = None  # when the tenant is deleted, if an owner asked for it

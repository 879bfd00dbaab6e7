"""Invitation: the right of a person to join a tenant with a role."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.person import Role


class MailState(StrEnum):
    """What became of the e-mail with the link."""

    NONE = "none"  # no e-mail: the link was copied
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Invitation(Owned, table=True):
    """An invitation for one address, to be accepted once. Only the SHA-256 of its token is stored."""

    __table_args__ = (Index("ix_invitation_email", "tenant_id", "email"),)
    email: str = Field(max_length=254)
    role: Role = Field(sa_type=enum_column(Role))
    token_hash: str = Field(unique=True, max_length=64)
    expires_at: datetime = Field(sa_type=Instant)
    inviter_id: str = Field(max_length=32)  # a user
    inviter_name: str = Field(max_length=200)
    accepted_at: datetime | None = Field(default=None, sa_type=Instant)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    mail: MailState = Field(default=MailState.NONE, sa_type=enum_column(MailState))
    mailed_at: datetime | None = Field(default=None, sa_type=Instant)
    mail_error: str = Field(default="", max_length=500)  # a message id with {places}
    mail_error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)

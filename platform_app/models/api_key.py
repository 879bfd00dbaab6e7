"""API key models: keys of other systems, and the answers to repeated requests."""

from datetime import datetime

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column, factory
from platform_app.models.person import Role


class ApiKey(Owned, table=True):
    """A key with which another system acts for a member. Only the SHA-256 of it is stored.

    It may do what its scopes name, as far as its role and that of the member who made it allow.
    """

    name: str = Field(max_length=120)
    role: Role = Field(sa_type=enum_column(Role))
    scopes: list[str] = Field(default_factory=factory(list), sa_type=JSON)  # see services.api_keys.scopes
    key_hash: str = Field(unique=True, max_length=64)
    prefix: str = Field(max_length=20)  # the first characters, by which people recognize it
    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")  # who made it
    author_name: str = Field(default="", max_length=200)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)  # None: never
    last_used_at: datetime | None = Field(default=None, sa_type=Instant)  # to a minute
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class IdempotentRequest(Owned, table=True):
    """A request with an Idempotency-Key and the answer to it, which a repeat gets too."""

    __table_args__ = (UniqueConstraint("api_key_id", "key"), Index("ix_idempotentrequest_age", "created_at"))
    api_key_id: str = Field(foreign_key="apikey.id", max_length=32, ondelete="CASCADE")
    key: str = Field(max_length=255)
    fingerprint: str = Field(max_length=64)  # SHA-256 of method, path and body
    status: int
    body: str = ""  # JSON

"""OAuth grant model: access to an account at another service that changes with each refresh."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Instant, Owned


class OAuthGrant(Owned, table=True):
    """The tokens of an account, encrypted, and the worker that is refreshing them."""

    __table_args__ = (UniqueConstraint("tenant_id", "connection_id"),)
    connection_id: str = Field(max_length=32)  # what is connected by it
    host: str = Field(max_length=120)  # of the account; it changes when the account is renamed
    sealed: str  # JSON of both tokens, see encryption
    expires_at: datetime = Field(sa_type=Instant)  # of the access token
    version: int = 1  # counts refreshes
    is_refused: bool = False  # it has to be connected again
    worker: str | None = Field(default=None, max_length=32)  # that is refreshing it
    lease_until: datetime | None = Field(default=None, sa_type=Instant)

    def secret_purpose(self) -> str:
        """Return what its secret is encrypted for."""
        return f"oauth grant {self.connection_id}"

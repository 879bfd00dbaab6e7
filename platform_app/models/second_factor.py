"""Second factor: a user's authenticator app and recovery codes."""

from datetime import datetime

from sqlmodel import Field

from platform_app.models.base import Instant, Row


class SecondFactor(Row, table=True):
    """The authenticator app of a user. Its secret is encrypted; sign-in asks for its codes once it is confirmed."""

    user_id: str = Field(foreign_key="user.id", unique=True, max_length=32, ondelete="CASCADE")
    sealed: str = Field(max_length=300)
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    last_step: int = 0  # the newest time step, of 30 s since 1970, whose code was used


class RecoveryCode(Row, table=True):
    """A code that replaces one of the app, once. Only its SHA-256 is stored; a used one is deleted."""

    user_id: str = Field(foreign_key="user.id", index=True, max_length=32, ondelete="CASCADE")
    code_hash: str = Field(max_length=64)

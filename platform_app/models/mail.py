"""Mail: the server through which a tenant's e-mail leaves."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class MailSecurity(StrEnum):
    """How the connection to a mail server is kept from others."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # asked for before anything is said; without it nothing is sent
    NONE = "none"


class MailServer(Owned, table=True):
    """The mail server of a tenant; its password is a Secret."""

    __table_args__ = (UniqueConstraint("tenant_id"),)
    host: str = Field(max_length=253)
    port: int
    security: MailSecurity = Field(sa_type=enum_column(MailSecurity))
    user_name: str = Field(default="", max_length=254)  # empty: no sign-in
    sender_address: str = Field(max_length=254)
    sender_name: str = Field(default="", max_length=100)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)

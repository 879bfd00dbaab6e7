"""Mail models: the mail server of a tenant."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class MailSecurity(StrEnum):
    """The encryption of the connection to a mail server."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # required: nothing is sent without it
    NONE = "none"


class MailServer(Owned, table=True):
    """The mail server of a tenant; its password is a Secret."""

    __table_args__ = (UniqueConstraint("tenant_id"),)
    host: str = Field(max_length=253)
    port: int
    security: MailSecurity = Field(sa_type=enum_column(MailSecurity))
    user_name: str = Field(default="", max_length=254)  # "": no sign-in
    sender_address: str = Field(max_length=254)
    sender_name: str = Field(default="", max_length=100)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)

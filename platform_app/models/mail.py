"""Mail models: the mail server of a tenant."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.clock import now
from platform_app.form_fields import Control, form_fields
from platform_app.models.base import Instant, Owned, enum_column, factory, in_form


class MailSecurity(StrEnum):
    """The encryption of the connection to a mail server."""

    TLS = "tls"  # from the first byte
    STARTTLS = "starttls"  # required: nothing is sent without it
    NONE = "none"


class MailServerFields(SQLModel):
    """What an admin enters of a mail server, beside its password."""

    host: str = Field(
        title="Server name",
        min_length=1,
        max_length=253,
        schema_extra=in_form("server", placeholder="smtp.example.com"),
    )
    port: int = Field(
        title="Port", ge=1, le=65_535, schema_extra=in_form("server", problem="Enter a number from 1 to 65535.")
    )
    security: MailSecurity = Field(
        title="Security",
        description="Usually TLS with port 465, or STARTTLS with port 587.",
        sa_type=enum_column(MailSecurity),
        schema_extra=in_form(
            "server",
            options={"tls": "TLS", "starttls": "STARTTLS", "none": "None (not encrypted)"},
            untranslated=frozenset({"tls", "starttls"}),
        ),
    )
    user_name: str = Field(  # "": no sign-in
        default="",
        title="User name",
        description="Often the whole email address.",
        max_length=254,
        schema_extra=in_form("sign-in"),
    )
    sender_address: str = Field(
        title="Address of the sender", min_length=1, max_length=254, schema_extra=in_form("sender", Control.EMAIL)
    )
    sender_name: str = Field(default="", title="Sender name", max_length=100, schema_extra=in_form("sender"))


class MailServer(Owned, MailServerFields, table=True):
    """The mail server of a tenant; its password is a Secret."""

    __table_args__ = (UniqueConstraint("tenant_id"),)
    updated_at: datetime = Field(default_factory=factory(now), sa_type=Instant)


class MailServerForm(MailServerFields):
    """The form of a mail server."""

    password: str = Field(
        default="", title="Password", max_length=500, schema_extra=in_form("sign-in", Control.PASSWORD)
    )


MAIL_FORM = form_fields(MailServerForm)

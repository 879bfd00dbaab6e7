"""E-mail models: the threads in which contacts write to a mailbox, and what an e-mail says beside its text."""

from sqlalchemy import JSON, UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Owned, factory


class EmailThread(Owned, table=True):
    """A thread of e-mails with one address: it has a conversation of its own."""

    __table_args__ = (UniqueConstraint("conversation_id"),)
    account_id: str = Field(foreign_key="channelaccount.id", index=True, max_length=32, ondelete="CASCADE")
    identity_id: str = Field(foreign_key="channelidentity.id", index=True, max_length=32, ondelete="CASCADE")
    conversation_id: str = Field(foreign_key="conversation.id", max_length=32, ondelete="CASCADE")
    subject: str = Field(default="", max_length=300)  # without "Re:"
    references: list[str] = Field(  # Message-IDs of what came in, oldest first; the last is answered
        default_factory=factory(list), sa_type=JSON
    )


class EmailDetails(Owned, table=True):
    """What an e-mail of a contact says beside its text."""

    __table_args__ = (UniqueConstraint("message_id"),)
    message_id: str = Field(foreign_key="message.id", max_length=32, ondelete="CASCADE")
    subject: str = Field(default="", max_length=300)
    automatic: str = Field(default="", max_length=40)  # why it is not answered automatically: see AutomaticMail
    spf: str = Field(default="", max_length=20)  # of the server that the account trusts; "": none
    dkim: str = Field(default="", max_length=20)
    dmarc: str = Field(default="", max_length=20)
    is_truncated: bool = False  # it was too large to be read as a whole

"""Audit models: the audit logs of the tenants and of the installation, each a chain of hashes with a signed head."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, Row, factory

FIRST_HASH = "0" * 64  # what the first entry of a chain has in place of the hash before it
PLATFORM_HEAD = "platform"  # the id of the only head of the installation's chain


class AuditAction(StrEnum):
    """What was done."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"  # of what has a bin: moved there
    RESTORED = "restored"
    REMOVED = "removed"  # deleted permanently
    PUBLISHED = "published"
    TURNED_ON = "turned_on"
    TURNED_OFF = "turned_off"
    SECRET_CHANGED = "secret_changed"  # noqa: S105 -- a word
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 -- a word
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    EXPORTED = "exported"
    DOWNLOADED = "downloaded"
    DELETION_REQUESTED = "deletion_requested"
    DELETION_CANCELED = "deletion_canceled"


class AuditObject(StrEnum):
    """What it was done to; where the bin has the kind, the value is that of BinKind."""

    COMPANY = "tenant"
    MEMBER = "member"
    ACCOUNT = "user"
    SESSION = "session"
    PASSWORD_RESET = "passwordreset"  # noqa: S105 -- a word
    SECOND_FACTOR = "secondfactor"
    RECOVERY_CODES = "recoverycode"
    INVITATION = "invitation"
    API_KEY = "apikey"
    SECRET = "secret"  # noqa: S105 -- a word
    ENCRYPTION_KEYS = "encryption_keys"
    MAIL_SERVER = "mailserver"
    MODEL_PROVIDER = "modelprovider"
    EMBEDDING_MODEL = "embeddingmodel"
    RERANKER = "reranker"
    BUDGET = "budget"
    HTTP_TOOL = "httptool"
    MCP_SERVER = "mcpserver"
    CRM_CONNECTION = "crmconnection"
    KOMMO_CHATS = "kommochats"
    CHANNEL_ACCOUNT = "channelaccount"
    WEBHOOK = "incomingwebhook"
    OUTGOING_WEBHOOK = "outgoingwebhook"
    AGENT = "agent"
    SCRIPT = "script"
    RULE = "rule"
    SEQUENCE = "sequence"
    CONTACT = "contact"
    LEAD = "lead"
    TASK = "task"
    CONVERSATION = "conversation"
    IMPORT = "contactimport"
    SOURCE = "source"
    CATEGORY = "category"
    SITE = "website"
    ANALYTICS = "analytics"
    AUDIT_LOG = "audit_log"


class AuditFields(SQLModel):
    """What an entry says. The kinds are texts, so that an altered one is read and found."""

    number: int = Field(sa_type=BigInteger)  # within the chain, from 1
    at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    actor_kind: str = Field(max_length=40)  # see actor.ActorKind
    actor_id: str = Field(default="", max_length=32)  # of a user or an API key
    actor_name: str = Field(default="", max_length=200)
    action: str = Field(max_length=40)
    object_kind: str = Field(max_length=40)
    object_id: str = Field(default="", max_length=32)
    object_name: str = Field(default="", max_length=200)
    changes: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # by column: {"from": …, "to": …}
    address: str = Field(default="", max_length=64)  # IP address of the client
    previous_hash: str = Field(max_length=64)  # of the entry before
    hash: str = Field(max_length=64)  # SHA-256 of all the others, see services.audit.chain


class HeadFields(SQLModel):
    """The end of a chain: number and hash of the newest entry, signed with the key of the installation."""

    number: int = Field(default=0, sa_type=BigInteger)
    hash: str = Field(default=FIRST_HASH, max_length=64)
    signature: str = Field(default="", max_length=40)
    verified_at: datetime | None = Field(default=None, sa_type=Instant)  # when the chain was last verified
    verified_count: int = Field(default=0, sa_type=BigInteger)  # entries that were in order then
    fault: str = Field(default="", max_length=40)  # what was wrong first, see services.audit.verification; "": nothing
    fault_number: int = Field(default=0, sa_type=BigInteger)  # of the entry that it concerns


class AuditEntry(Owned, AuditFields, table=True):
    """An entry of a tenant's audit log; never changed, and deleted only with the tenant."""

    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        Index("ix_auditentry_actor", "tenant_id", "actor_id", "number"),
        Index("ix_auditentry_action", "tenant_id", "action", "number"),
    )


class AuditHead(Owned, HeadFields, table=True):
    """The head of a tenant's chain; its row is locked while an entry is added."""

    __table_args__ = (UniqueConstraint("tenant_id"),)


class PlatformAuditEntry(Row, AuditFields, table=True):
    """An entry of the installation's audit log: what concerns no tenant, or one that is deleted."""

    __table_args__ = (UniqueConstraint("number"),)


class PlatformAuditHead(Row, HeadFields, table=True):
    """The head of the installation's chain; its only row has the id PLATFORM_HEAD."""

"""Integration models: connections to CRMs, links between rows here and records there, and what is exchanged."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, UniqueConstraint
from sqlmodel import Field

from platform_app.clock import now
from platform_app.models.base import Instant, Owned, enum_column, factory


class CrmKind(StrEnum):
    """The CRMs that can be connected."""

    KOMMO = "kommo"
    BITRIX24 = "bitrix24"


class ConnectionState(StrEnum):
    """Whether a CRM lets the platform in."""

    CONNECTED = "connected"
    REFUSED = "refused"  # its token was revoked or its account is closed
    DISCONNECTED = "disconnected"


class RecordKind(StrEnum):
    """The kinds of what a CRM has; definitions are mapped, the others are exchanged."""

    PIPELINE = "pipeline"
    STAGE = "stage"
    USER = "user"
    CONTACT_FIELD = "contact_field"
    LEAD_FIELD = "lead_field"
    CONTACT = "contact"
    LEAD = "lead"
    TASK = "task"
    NOTE = "note"


class LinkState(StrEnum):
    """Whether a row has changes that its CRM does not have yet."""

    SAME = "same"
    WAITING = "waiting"
    SENDING = "sending"  # a request is under way; it stays so if the worker dies
    FAILED = "failed"  # the CRM does not accept it


class SyncState(StrEnum):
    """How far a whole synchronization has come."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ConflictRule(StrEnum):
    """Which side wins when a field was changed on both."""

    NEWEST = "newest"
    CRM = "crm"
    PLATFORM = "platform"


class CrmConnection(Owned, table=True):
    """A connected account of a CRM."""

    __table_args__ = (UniqueConstraint("tenant_id", "kind", "external_id"),)
    kind: CrmKind = Field(sa_type=enum_column(CrmKind))
    name: str = Field(max_length=120)  # of the account there
    host: str = Field(max_length=120)
    external_id: str = Field(max_length=64)  # of the account there
    token: str = Field(unique=True, max_length=64)  # of the address to which the CRM posts what changed
    webhook: str = Field(default="", max_length=300)  # the address that the CRM knows; "": it posts nothing
    webhook_tried_at: datetime | None = Field(default=None, sa_type=Instant)  # when it was told an address last
    state: ConnectionState = Field(default=ConnectionState.CONNECTED, sa_type=enum_column(ConnectionState))
    problem: str = Field(default="", max_length=500)  # a message id: why nothing is exchanged
    problem_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # fill its placeholders
    paused_at: datetime | None = Field(default=None, sa_type=Instant)
    connected_at: datetime = Field(default_factory=factory(now), sa_type=Instant)
    synced_at: datetime | None = Field(default=None, sa_type=Instant)  # when the first synchronization was done
    exchanged_at: datetime | None = Field(default=None, sa_type=Instant)  # the last exchange of changes
    changes_since: datetime | None = Field(default=None, sa_type=Instant)  # what changed there later is not read yet
    changes_due_at: datetime | None = Field(default=None, sa_type=Instant)  # next look for what was not posted
    conflict_rules: dict[str, str] = Field(default_factory=factory(dict), sa_type=JSON)  # by name of a field


class CrmLink(Owned, table=True):
    """A row of the platform and the record of a CRM that it is: two are never one because of a name."""

    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "external_id"),
        UniqueConstraint("connection_id", "kind", "row_id"),
        Index("ix_crmlink_row", "tenant_id", "row_id"),
        Index("ix_crmlink_state", "tenant_id", "connection_id", "state"),
    )
    connection_id: str = Field(foreign_key="crmconnection.id", max_length=32, ondelete="CASCADE")
    kind: RecordKind = Field(sa_type=enum_column(RecordKind))
    external_id: str | None = Field(default=None, max_length=64)  # None: it is to be created there
    row_id: str | None = Field(default=None, max_length=32)  # None: a definition without a counterpart here
    is_chosen: bool = True  # of a definition: it is exchanged, and created here if `row_id` is None
    definition: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)  # of a definition: as it is there
    external_updated_at: datetime | None = Field(default=None, sa_type=Instant)
    # What both sides held when they were last the same, by field and in the CRM's terms: see record_merge.
    external_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    own_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    state: LinkState = Field(default=LinkState.SAME, sa_type=enum_column(LinkState))
    begun_at: datetime | None = Field(default=None, sa_type=Instant)  # first attempt to create it there
    error: str = Field(default="", max_length=500)  # a message id whose placeholders `error_values` fill
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)


class CrmSync(Owned, table=True):
    """A whole synchronization; after a crash a worker continues behind the last page that was stored."""

    __table_args__ = (Index("ix_crmsync_recent", "tenant_id", "connection_id", "created_at"),)
    connection_id: str = Field(foreign_key="crmconnection.id", max_length=32, ondelete="CASCADE")
    state: SyncState = Field(default=SyncState.RUNNING, sa_type=enum_column(SyncState))
    phase: RecordKind = Field(default=RecordKind.PIPELINE, sa_type=enum_column(RecordKind))  # what is read now
    cursor: str = Field(default="", max_length=500)  # of its next page
    counts: dict[str, int] = Field(default_factory=factory(dict), sa_type=JSON)  # records read, by kind
    created: int = 0
    changed: int = 0
    refused: int = 0
    error: str = Field(default="", max_length=500)  # a message id whose placeholders `error_values` fill
    error_values: dict[str, Any] = Field(default_factory=factory(dict), sa_type=JSON)
    author_name: str = Field(default="", max_length=200)
    finished_at: datetime | None = Field(default=None, sa_type=Instant)


class CrmNotice(Owned, table=True):
    """A record of a CRM of which it was said that it changed: it is read before that counts."""

    __table_args__ = (Index("ix_crmnotice_waiting", "tenant_id", "connection_id", "id"),)
    connection_id: str = Field(foreign_key="crmconnection.id", max_length=32, ondelete="CASCADE")
    kind: RecordKind = Field(sa_type=enum_column(RecordKind))
    external_id: str = Field(max_length=64)
    is_deletion: bool = False


class CrmCall(Owned, table=True):
    """A call between the platform and a CRM, for the log; without bodies and secrets."""

    __table_args__ = (Index("ix_crmcall_recent", "tenant_id", "connection_id", "created_at"),)
    connection_id: str = Field(foreign_key="crmconnection.id", max_length=32, ondelete="CASCADE")
    is_incoming: bool = False
    method: str = Field(max_length=10)
    path: str = Field(max_length=300)
    status: int = 0  # 0: no response
    milliseconds: int = 0
    error: str = Field(default="", max_length=500)  # a message id

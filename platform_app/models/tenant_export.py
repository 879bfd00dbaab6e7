"""Tenant export model: the archives with all data of a tenant that owners asked for."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column


class ExportState(StrEnum):
    """How far an export has come."""

    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


class TenantExport(Owned, table=True):
    """An archive with the data of a tenant, which is kept for a week."""

    __table_args__ = (Index("ix_tenantexport_expiry", "expires_at"),)
    state: ExportState = Field(default=ExportState.RUNNING, sa_type=enum_column(ExportState))
    stored_as: str = Field(default="", max_length=64)  # the key of its file, once it is ready
    size: int = Field(default=0, sa_type=BigInteger)  # bytes
    sha256: str = Field(default="", max_length=64)  # of the archive
    rows: int = Field(default=0, sa_type=BigInteger)  # of all tables
    files: int = 0
    missing_files: int = Field(default=0, sa_column_kwargs={"server_default": "0"})  # named by rows, not stored
    author_id: str = Field(default="", max_length=32)  # a user
    author_name: str = Field(default="", max_length=200)
    error: str = Field(default="", max_length=500)  # why it failed, in words
    finished_at: datetime | None = Field(default=None, sa_type=Instant)
    expires_at: datetime | None = Field(default=None, sa_type=Instant)  # when it is deleted

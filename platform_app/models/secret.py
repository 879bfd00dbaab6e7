"""Secret model: encrypted secrets of tenants."""

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Owned


class Secret(Owned, table=True):
    """A secret of a tenant for one purpose; see encryption."""

    __table_args__ = (UniqueConstraint("tenant_id", "purpose"),)
    purpose: str = Field(max_length=100)
    sealed: str

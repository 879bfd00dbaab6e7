"""Secret: what a tenant entrusts to the platform, encrypted."""

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Owned


class Secret(Owned, table=True):
    """One secret of a tenant for one purpose; see vault."""

    __table_args__ = (UniqueConstraint("tenant_id", "purpose"),)
    purpose: str = Field(max_length=100)
    sealed: str

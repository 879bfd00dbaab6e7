"""Reranker models: the model of a tenant's provider that orders the passages which a search found."""

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from platform_app.models.base import Owned


class Reranker(Owned, table=True):
    """The reranking model of a tenant; without a row passages keep the order of the search."""

    __table_args__ = (UniqueConstraint("tenant_id"),)
    provider_id: str = Field(foreign_key="modelprovider.id", index=True, max_length=32, ondelete="CASCADE")
    model: str = Field(max_length=200)

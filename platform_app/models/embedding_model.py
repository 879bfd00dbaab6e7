"""Embedding models: which embedding model a tenant chose for its knowledge, and how far its vectors are."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger
from sqlmodel import Field

from platform_app.models.base import Instant, Owned, enum_column

OWN_VERSION = "own-"  # begins the version of vectors that a tenant's own provider computed


class EmbeddingState(StrEnum):
    """Whether the vectors of a model answer."""

    BUILDING = "building"  # they are computed; those of before answer
    LIVE = "live"
    FAILED = "failed"  # those of before go on to answer


class EmbeddingModel(Owned, table=True):
    """An embedding model that a tenant chose; without a provider it is that of the installation.

    A tenant has at most one that is live and one that is building or has failed; with none that is live, the vectors of
    the installation answer.
    """

    provider_id: str | None = Field(
        default=None, foreign_key="modelprovider.id", index=True, max_length=32, ondelete="CASCADE"
    )
    model: str = Field(default="", max_length=200)
    state: EmbeddingState = Field(default=EmbeddingState.BUILDING, sa_type=enum_column(EmbeddingState))
    dimensions: int = 0
    related: float = 2.0  # similarity from which a passage may answer whatever its words; over 1: never
    done: int = 0  # chunks whose vectors are there
    total: int = 0
    tokens: int = Field(default=0, sa_type=BigInteger)  # that its vectors have cost so far
    dollars: float = 0.0
    is_priced: bool = True  # whether the price of all of these tokens is known
    problem: str = Field(default="", max_length=500)  # of the last request that failed, a message id
    created_by: str = Field(default="", max_length=200)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)  # when it became live or failed

    @property
    def own_version(self) -> str:
        """The version of its vectors; empty for the model of the installation, whose version may change."""
        return f"{OWN_VERSION}{self.id}" if self.provider_id else ""

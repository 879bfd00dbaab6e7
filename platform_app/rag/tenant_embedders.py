"""Tenant embedders: whose vectors a tenant's knowledge has: its own provider's or the installation's."""

from collections.abc import Callable
from dataclasses import replace

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.models.embedding_model import OWN_VERSION, EmbeddingModel, EmbeddingState
from platform_app.rag import embedders, knowledge_state
from platform_app.rag.embedders import Embedder

Maker = Callable[[Transaction, EmbeddingModel], Embedder]
_makers: list[Maker] = []


def register(maker: Maker) -> None:
    """Let `maker` return the embedder of a model that a tenant chose: it knows providers, their keys and budgets."""
    _makers[:] = [maker]


def chosen(session: Transaction, tenant_id: str) -> EmbeddingModel | None:
    """Return the model that a tenant's vectors are to be of: one that is building, else the live one; None if none."""
    query = owned(EmbeddingModel, tenant_id).where(col(EmbeddingModel.state) != EmbeddingState.FAILED)
    rows: list[EmbeddingModel] = list(session.exec(query).all())
    return min(rows, key=lambda row: row.state != EmbeddingState.BUILDING, default=None)


def wanted(tenant_id: str) -> tuple[Embedder, str]:
    """Return the embedder whose vectors a tenant is to have, and the id of the model that is building, or ""."""
    with session_scope(tenant_id, read_only=True) as session:
        row = chosen(session, tenant_id)
        building_id = row.id if row is not None and row.state == EmbeddingState.BUILDING else ""
        if row is None or not row.provider_id:
            return embedders.configured(), building_id
        return _make(session, row), building_id


def of_version(tenant_id: str, version: str) -> Embedder | None:
    """Return the embedder of a version of a tenant's vectors, or None if there is none any more."""
    if not version.startswith(OWN_VERSION):
        return embedders.of_version(version)
    with session_scope(tenant_id, read_only=True) as session:
        query = owned(EmbeddingModel, tenant_id).where(EmbeddingModel.id == version.removeprefix(OWN_VERSION))
        row: EmbeddingModel | None = session.exec(query).first()
        return _make(session, row) if row is not None else None


def live(tenant_id: str) -> tuple[Embedder, bool]:
    """Return the embedder whose vectors answer, and whether they are to be replaced by the configured one's.

    Its share of the words is that which the tenant chose. It is the configured one if there are no vectors yet, or
    their embedder is here no more.
    """
    with session_scope(tenant_id, read_only=True) as session:
        version = knowledge_state.live_version(session, tenant_id)
        share = knowledge_state.word_share(session, tenant_id)
    configured = embedders.configured()
    known = version in ("", configured.version)
    embedder = (None if known else of_version(tenant_id, version)) or configured
    is_outdated = not known and (embedder is configured or not version.startswith(OWN_VERSION))
    return replace(embedder, calibration=embedder.calibration.with_share(share)), is_outdated


def is_outdated(version: str) -> bool:
    """Return whether vectors are of the installation, and not of its present embedder."""
    return version not in ("", embedders.configured().version) and not version.startswith(OWN_VERSION)


def _make(session: Transaction, row: EmbeddingModel) -> Embedder:
    if not _makers:
        raise RuntimeError("this process has not registered what makes the embedders of tenants")
    return _makers[0](session, row)

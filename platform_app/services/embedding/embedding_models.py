"""Embedding models: a tenant chooses which model computes the vectors of its knowledge."""

from sqlmodel import col

from platform_app.db import Transaction, owned, session_scope
from platform_app.errors import Conflict, Forbidden, Invalid, NotFound
from platform_app.jobs import RebuildIndex, enqueue
from platform_app.llm import catalogue
from platform_app.llm.catalogue import Model
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.models.event import ActivityKind
from platform_app.models.model_provider import ModelProvider
from platform_app.models.person import Identity, Role
from platform_app.rag import knowledge_state
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.embedding import embedding_trials
from platform_app.services.embedding.embedding_trials import Trial
from platform_app.services.feed import activity
from platform_app.services.knowledge import embedder_change
from platform_app.services.providers import providers

NOT_LISTED = "The provider no longer lists this model. Choose another."
ENDED = "There is no change to an embedding model any more."


def list_models(session: Transaction, who: Identity) -> list[EmbeddingModel]:
    """Return the models whose vectors answer, are computed, or could not be, in this order."""
    order = [EmbeddingState.LIVE, EmbeddingState.BUILDING, EmbeddingState.FAILED]
    rows: list[EmbeddingModel] = list(session.exec(owned(EmbeddingModel, who.tenant_id)).all())
    return sorted(rows, key=lambda row: (order.index(row.state), row.id))


def offered(session: Transaction, who: Identity, provider_id: str) -> list[str]:
    """Return the names of a provider's models that may compute vectors, [] if it lists none.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider.
    """
    row = providers.get(session, who, provider_id)
    return catalogue.embedding_models([Model.from_json(stored) for stored in row.models])


def attempt(who: Identity, provider_id: str, model: str) -> Trial:
    """Try a model of a provider. Raises Invalid if it is not named or not listed, and as `embedding_trials.run`."""
    with session_scope(who.tenant_id, read_only=True) as session:
        name = _name(session, who, provider_id, model)
    return embedding_trials.run(who, provider_id, name)


def choose(who: Identity, provider_id: str, model: str) -> EmbeddingModel:
    """Begin to compute the vectors of a tenant's knowledge with a model of its provider, after another trial.

    Raises Invalid if the trial fails, Conflict if these vectors answer already, and as `attempt`.
    """
    trial = attempt(who, provider_id, model)
    if trial.problem:
        raise Invalid(trial.problem, field="model")
    with session_scope(who.tenant_id) as session:
        name = _name(session, who, provider_id, model)
        live = _begin(session, who)
        if live is not None and (live.provider_id, live.model, live.dimensions) == (
            provider_id, name, trial.dimensions,
        ):  # fmt: skip
            raise Conflict("This model is in use already.", field="model")
        row = EmbeddingModel(tenant_id=who.tenant_id, provider_id=provider_id, model=name)
        row.dimensions, row.related = trial.dimensions, trial.related
        return _start(session, who, row, "Vectors of the knowledge are computed with “{model}”")


def return_to_installation(session: Transaction, who: Identity) -> EmbeddingModel:
    """Begin to compute the vectors of a tenant's knowledge with the embedder of the installation.

    Raises Forbidden unless `who` is an owner or admin, Conflict if these vectors answer already.
    """
    _require_admin(who)
    if _begin(session, who) is None:
        raise Conflict("This model is in use already.")
    row = EmbeddingModel(tenant_id=who.tenant_id)
    return _start(session, who, row, "Vectors of the knowledge are computed by the installation again")


def retry(session: Transaction, who: Identity, model_id: str) -> EmbeddingModel:
    """Go on with a change that has failed; vectors that are there are not computed again.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such change, Conflict if it runs.
    """
    row = _change(session, who, model_id)
    if row.state == EmbeddingState.BUILDING:
        raise Conflict("The vectors are being computed already.")
    row.state, row.problem, row.ended_at = EmbeddingState.BUILDING, "", None
    _enqueue(session, who.tenant_id)
    return row


def cancel(session: Transaction, who: Identity, model_id: str) -> None:
    """Give up a change that runs or has failed; the vectors that answer stay, the new ones are deleted.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such change.
    """
    row = _change(session, who, model_id)
    told = "The change of the embedding model to “{model}” is canceled"
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, told, link=embedder_change.PAGE, model=row.model)
    session.delete(row)
    _enqueue(session, who.tenant_id)  # which deletes the vectors that no model has


def _name(session: Transaction, who: Identity, provider_id: str, model: str) -> str:
    name = clean_line(model, "model", max_length=200, required=True)
    if not provider_id:
        raise Invalid("Choose a provider.", field="provider")
    listed = [stored["name"] for stored in providers.get(session, who, provider_id).models]
    if listed and name not in listed:
        raise Invalid(NOT_LISTED, field="model")
    return name


def _begin(session: Transaction, who: Identity) -> EmbeddingModel | None:
    """Lock the choice of a tenant and give up a change that is not whole; return the live model."""
    knowledge_state.lock(session, who.tenant_id)
    for row in session.exec(owned(EmbeddingModel, who.tenant_id)).all():
        if row.state != EmbeddingState.LIVE:
            session.delete(row)
    session.flush()
    return embedder_change.in_state(session, who.tenant_id, EmbeddingState.LIVE)


def _start(session: Transaction, who: Identity, row: EmbeddingModel, sentence: str) -> EmbeddingModel:
    row.created_by = who.name
    session.add(row)
    session.flush()
    activity.record_by(session, who, ActivityKind.KNOWLEDGE, sentence, link=embedder_change.PAGE, model=row.model)
    _enqueue(session, who.tenant_id)
    return row


def _enqueue(session: Transaction, tenant_id: str) -> None:
    enqueue(session, tenant_id, RebuildIndex(), lock_key=embedder_change.LOCK_KEY)
    embedder_change.publish_change(session, tenant_id)


def _change(session: Transaction, who: Identity, model_id: str) -> EmbeddingModel:
    _require_admin(who)
    knowledge_state.lock(session, who.tenant_id)
    query = owned(EmbeddingModel, who.tenant_id).where(
        EmbeddingModel.id == model_id, col(EmbeddingModel.state) != EmbeddingState.LIVE
    )
    row: EmbeddingModel | None = session.exec(query.with_for_update()).first()
    if row is None:
        raise NotFound(ENDED)
    return row


def _require_admin(who: Identity) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def provider_names(session: Transaction, who: Identity) -> dict[str, str]:
    """Return the names of the tenant's providers by their ids."""
    rows: list[ModelProvider] = providers.list_providers(session, who)
    return {row.id: row.name for row in rows}

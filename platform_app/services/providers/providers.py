"""Providers: the model providers of a tenant: connect, change, remove, and find the one that an agent names."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import col

from platform_app import encryption, notifier
from platform_app.clock import now
from platform_app.db import Transaction, owned, owned_delete
from platform_app.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound
from platform_app.form_fields import parse_typed
from platform_app.integrations import egress
from platform_app.llm import client
from platform_app.llm.catalogue import Model
from platform_app.llm.pricing import ModelPrice
from platform_app.llm.transport import Provider
from platform_app.models.embedding_model import EmbeddingModel, EmbeddingState
from platform_app.models.event import ActivityKind
from platform_app.models.model_provider import (
    DEFAULT_PROVIDER,
    INSTALLATION_PROVIDER,
    PROVIDER_FORM,
    ModelProvider,
    Wire,
)
from platform_app.models.person import Identity, Role
from platform_app.services.accounts import tenant_secrets
from platform_app.services.crm.crm_values import clean_line
from platform_app.services.feed import activity

MAX_PROVIDERS = 20  # of a tenant
MISSING = "Provider not found."
IN_USE = "This provider computes the vectors of the knowledge. Choose another embedding model there first."
ADDRESS_IN_USE = "The vectors of the knowledge come from this address. Choose another embedding model there first."
_PAGE = "/settings/providers"
_MILLION = 1_000_000


def list_providers(session: Transaction, who: Identity) -> list[ModelProvider]:
    """Return the tenant's providers, sorted by name."""
    rows: list[ModelProvider] = list(session.exec(owned(ModelProvider, who.tenant_id)).all())
    return sorted(rows, key=lambda row: (row.name.casefold(), row.id))


def get(session: Transaction, who: Identity, provider_id: str, *, lock: bool = False) -> ModelProvider:
    """Return a provider for its page. Raises Forbidden unless `who` is an owner or admin, NotFound if there is none."""
    _require_admin(who)
    row = _find(session, who.tenant_id, provider_id, lock=lock)
    if row is None:
        raise NotFound(MISSING)
    return row


def key_suffix(session: Transaction, who: Identity, provider_id: str) -> str | None:
    """Return the last characters of a provider's key, "" if it is short, None if there is none.

    Raises Forbidden unless `who` is an owner or admin, Conflict if the key cannot be decrypted.
    """
    _require_admin(who)
    key = tenant_secrets.read(session, who.tenant_id, _purpose(provider_id))
    return None if key is None else encryption.visible_suffix(key)


def save(session: Transaction, who: Identity, provider_id: str, form: dict[str, str]) -> ModelProvider:
    """Store a provider from a form; without an id a new one. An empty key keeps the stored one for the same address.

    Raises Forbidden unless `who` is an owner or admin; NotFound if there is no such provider; LimitReached if the
    tenant has MAX_PROVIDERS; Invalid with the field's name for a wrong value, or if the address has changed and no key
    is given; Conflict if the vectors of the knowledge come from the address that changes.
    """
    _require_admin(who)
    row = get(session, who, provider_id, lock=True) if provider_id else _new(session, who)
    address_before = row.base_url
    row.name = clean_line(form.get("name", ""), "name", max_length=80, required=True)
    row.base_url = _address(form.get("base_url", ""))
    row.wire = _wire(form.get("wire", ""))
    row.transcription_model = clean_line(form.get("transcription_model", ""), "transcription_model", max_length=200)
    row.input_price, row.output_price = (_price(form.get(name, ""), name) for name in ("input_price", "output_price"))
    if (row.input_price is None) != (row.output_price is None):
        missing = "input_price" if row.input_price is None else "output_price"
        raise Invalid("Enter both prices, or neither.", field=missing)
    session.add(row)
    session.flush()
    is_moved = bool(address_before) and _origin(address_before) != _origin(row.base_url)
    _store_key(session, row, form.get("key", ""), is_moved=is_moved)
    if address_before != row.base_url:
        _require_no_vectors(session, row, ADDRESS_IN_USE)
        row.models, row.listed_at = [], None
    row.updated_at = now()
    sentence = "Model provider “{name}” changed" if provider_id else "Model provider “{name}” connected"
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=f"{_PAGE}/{row.id}", name=row.name)
    _publish_change(session, row)
    return row


def _new(session: Transaction, who: Identity) -> ModelProvider:
    if len(list_providers(session, who)) >= MAX_PROVIDERS:
        raise LimitReached("You can add up to {count} providers.", count=MAX_PROVIDERS)
    return ModelProvider(tenant_id=who.tenant_id, name="", base_url="")


def _store_key(session: Transaction, row: ModelProvider, given: str, *, is_moved: bool) -> None:
    key = given.strip() if isinstance(given, str) else ""
    longest = PROVIDER_FORM["key"].max_length or 0
    if len(key) > longest:
        raise Invalid("This is longer than {count} characters.", field="key", count=longest)
    if not (key.isascii() and key.isprintable()):
        raise Invalid("Only Latin letters, digits and signs can be used here.", field="key")
    if key:
        tenant_secrets.store(session, row.tenant_id, _purpose(row.id), key)
    elif is_moved and tenant_secrets.exists(session, row.tenant_id, _purpose(row.id)):
        raise Invalid("Enter the key for this address.", field="key")


def set_default(session: Transaction, who: Identity, provider_id: str) -> None:
    """Make a provider the one of agents that name none; with "" it is the installation's.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider.
    """
    _require_admin(who)
    row = get(session, who, provider_id, lock=True) if provider_id else None
    for other in session.exec(owned(ModelProvider, who.tenant_id).where(col(ModelProvider.is_default).is_(True))).all():
        other.is_default = False
    sentence, name = "Agents that name no provider use that of the installation", ""
    if row is not None:
        row.is_default = True
        sentence, name = "Agents that name no provider use “{name}”", row.name
    activity.record_by(session, who, ActivityKind.PERSON, sentence, link=_PAGE, name=name)
    session.after_commit.append(lambda: notifier.publish(who.tenant_id, "provider", provider_id))


def remove(session: Transaction, who: Identity, provider_id: str) -> ModelProvider:
    """Delete a provider with its key. Agents that name it do not reply until another is chosen, or by their fallback.

    Raises Forbidden unless `who` is an owner or admin, NotFound if there is no such provider, Conflict if it computes
    the vectors of the knowledge.
    """
    row = get(session, who, provider_id, lock=True)
    _require_no_vectors(session, row, IN_USE)
    session.execute(owned_delete(ModelProvider, who.tenant_id).where(col(ModelProvider.id) == provider_id))
    tenant_secrets.delete(session, who.tenant_id, _purpose(provider_id))
    activity.record_by(session, who, ActivityKind.PERSON, "Model provider “{name}” removed", link=_PAGE, name=row.name)
    _publish_change(session, row)
    return row


def store_models(session: Transaction, tenant_id: str, provider_id: str, models: list[Model]) -> None:
    """Store the models that a provider lists, if it is still there."""
    row = _find(session, tenant_id, provider_id, lock=True)
    if row is not None:
        row.models, row.listed_at = [model.as_json() for model in models], now()
        _publish_change(session, row)


def find_provider(session: Transaction, tenant_id: str, choice: str) -> Provider | None:
    """Return the provider that an agent's settings name, with its key; None if it was taken away.

    Raises Conflict if its key cannot be decrypted.
    """
    if choice == INSTALLATION_PROVIDER:
        return client.configured_provider()
    if choice in ("", DEFAULT_PROVIDER):
        query = owned(ModelProvider, tenant_id).where(col(ModelProvider.is_default).is_(True))
        row: ModelProvider | None = session.exec(query).first()
        return provider_of(session, row) if row is not None else client.configured_provider()
    row = _find(session, tenant_id, choice)
    return None if row is None else provider_of(session, row)


def provider_of(session: Transaction, row: ModelProvider) -> Provider:
    """Return a tenant's provider with its key and prices. Raises Conflict if the key cannot be decrypted."""
    key = tenant_secrets.read(session, row.tenant_id, _purpose(row.id))
    prices: dict[str, ModelPrice] = {}
    for model in map(Model.from_json, row.models):
        if model.price is not None:
            prices[model.name] = model.price
    if row.input_price is not None and row.output_price is not None:
        prices[""] = ModelPrice(row.input_price / _MILLION, row.output_price / _MILLION)
    return Provider(
        row.name,
        row.base_url,
        key or "none",
        wire=row.wire,
        open_socket=egress.open_socket,
        prices=prices,
        transcription_model=row.transcription_model,
    )


def _find(session: Transaction, tenant_id: str, provider_id: str, *, lock: bool = False) -> ModelProvider | None:
    query = owned(ModelProvider, tenant_id).where(ModelProvider.id == provider_id)
    row: ModelProvider | None = session.exec(query.with_for_update() if lock else query).first()
    return row


def _require_no_vectors(session: Transaction, row: ModelProvider, sentence: str) -> None:
    """Raise Conflict with a sentence if the vectors of the tenant's knowledge are of a provider, or are to be."""
    query = owned(EmbeddingModel, row.tenant_id).where(EmbeddingModel.provider_id == row.id)
    if session.exec(query.where(col(EmbeddingModel.state) != EmbeddingState.FAILED).limit(1)).first() is not None:
        raise Conflict(sentence, field="base_url")


def _purpose(provider_id: str) -> str:
    return f"model provider key {provider_id}"


def _require_admin(who: Identity) -> None:
    if not who.role.includes(Role.ADMIN):
        raise Forbidden("Only an owner or an admin may change this.")


def _address(given: Any) -> str:
    """Return the address of an API. Raises Invalid if it is none, or names an address that may not be reached."""
    text = clean_line(given, "base_url", max_length=300)
    try:
        address = egress.check(text).rstrip("/")
        parts = urlsplit(address)
    except Invalid as error:
        raise Invalid(error.sentence, field="base_url") from error
    if " " in address or not address.isascii() or parts.query or parts.fragment:
        raise Invalid("This isn’t an address.", field="base_url")
    try:
        is_reachable = egress.may_reach(ip_address(parts.hostname or ""))
    except ValueError:
        is_reachable = True  # a name; its addresses are checked when they are connected to
    if not is_reachable:
        raise Invalid(egress.NOT_ALLOWED, field="base_url")
    return address


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def _wire(given: Any) -> Wire:
    if given not in list(Wire):
        raise Invalid(PROVIDER_FORM["wire"].problem, field="wire")
    return Wire(given)


def _price(given: Any, field: str) -> float | None:
    shown = PROVIDER_FORM[field]
    if not isinstance(given, str) or not given.strip():
        return None
    price = parse_typed(shown, given[:40])
    if not isinstance(price, float) or not shown.allows(price):  # NaN is within no limits
        raise Invalid(shown.problem, field=field)
    return price


def _publish_change(session: Transaction, row: ModelProvider) -> None:
    tenant_id, provider_id = row.tenant_id, row.id
    session.after_commit.append(lambda: notifier.publish(tenant_id, "provider", provider_id))

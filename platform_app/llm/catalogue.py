"""Model catalogue: the models that a provider lists, cached for a minute, and the default one."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from platform_app.clock import now
from platform_app.llm import client, pricing
from platform_app.llm.pricing import ModelPrice
from platform_app.llm.provider_errors import ModelFailure
from platform_app.llm.transport import Provider

CACHE_SECONDS = 60.0
MAX_CACHED = 500  # providers
MAX_MODELS = 500  # of a provider
MAX_NAME_CHARS = 200
_NOT_CHAT_NAMES = re.compile(
    r"embed|whisper|\btts|dall-e|image|moderation|audio|realtime|transcri|rerank|babbage|davinci|turbo-instruct|search"
    r"|\bsora|speech|voice|guard|\bocr|translate|-live\b|video|\bveo|imagen|computer-use|\bbge-|\be5-|\bclip|codex"
    r"|cyber|lyria"
)
_NOT_CHAT_MODES = ("embedding", "image_generation", "audio_transcription", "audio_speech", "moderation", "rerank")
_EMBEDDING_NAMES = re.compile(r"embed|\bbge-|\be5-|\bgte-|minilm|\bvoyage-|paraphrase-|\blabse")
_PRERELEASE = re.compile(r"preview|experimental|(?:^|[-_.])(?:exp|beta|alpha|test|rc\d*)(?:[-_.:]|$)|^ft:|:free$")
_SNAPSHOT = re.compile(r"^(.+?)[-@:](?:\d{4}-\d{2}-\d{2}|20\d{6}|\d{4})(?=$|[-:])")
_TYPICAL_TOKENS = (3_000, 300)  # of the prompt and the completion of a typical reply


@dataclass(frozen=True)
class Model:
    """A model that a provider lists; `shutdown_date` and `price` are None if the provider names none."""

    name: str
    shutdown_date: date | None = None
    is_chat: bool = True
    price: ModelPrice | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the model as it is stored with its provider."""
        price = self.price
        return {
            "name": self.name,
            "shutdown_date": self.shutdown_date.isoformat() if self.shutdown_date else "",
            "is_chat": self.is_chat,
            "price": [price.input, price.output, price.cached] if price else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Model":
        """Return the model that `as_json` stored."""
        ends, price = stored.get("shutdown_date"), stored.get("price")
        return cls(
            stored["name"],
            date.fromisoformat(ends) if ends else None,
            is_chat=bool(stored.get("is_chat", True)),
            price=ModelPrice(*price) if price else None,
        )


_cache: dict[Provider, tuple[float, list[Model]]] = {}


async def list_models(provider: Provider) -> list[Model]:
    """Return the provider's models, at most 500, cached for a minute; empty if the provider lists none or fails."""
    cached = _cache.get(provider)
    if cached and time.monotonic() - cached[0] < CACHE_SECONDS:
        return cached[1]
    try:
        return await fetch_models(provider)
    except ModelFailure:
        _remember(provider, [])  # a provider that fails must not slow down every reply
        return []


async def fetch_models(provider: Provider) -> list[Model]:
    """Return the provider's models as it lists them now, at most 500. Raises ModelFailure if it fails."""
    rows = {row["id"]: row for row in await client.list_models(provider)}
    names = sorted(name for name in rows if len(name) <= MAX_NAME_CHARS and name.isprintable())[:MAX_MODELS]
    models = [_parse_model(name, rows[name]) for name in names]
    _remember(provider, models)
    return models


def _remember(provider: Provider, models: list[Model]) -> None:
    while len(_cache) >= MAX_CACHED:
        _cache.pop(next(iter(_cache)))
    _cache[provider] = (time.monotonic(), models)


def _parse_model(name: str, row: dict[str, object]) -> Model:
    shutdown_date = None
    for key in ("shutdown_date", "deprecation_date", "retirement_date"):
        try:
            shutdown_date = shutdown_date or date.fromisoformat(str(row.get(key) or "")[:10])
        except ValueError:
            continue
    mode = row.get("mode") or row.get("type")
    is_chat = not _NOT_CHAT_NAMES.search(name.lower()) and str(mode).lower() not in _NOT_CHAT_MODES
    return Model(name, shutdown_date, is_chat, pricing.parse_price(row))


async def model_names(provider: Provider) -> list[str]:
    """Return the names of the provider's models, as `list_models` does."""
    return [model.name for model in await list_models(provider)]


def default_model(models: list[Model] | list[str]) -> str:
    """Return the name of the model for an agent that names none; empty if no model chats.

    Models are ranked by: no shutdown date, no preview or fine-tune, no dated snapshot of another listed model, a known
    price above zero, the lowest price of a typical reply, the name.
    """
    today = now().date()
    parsed = [model if isinstance(model, Model) else _parse_model(model, {}) for model in models]
    chat_models = [
        model for model in parsed if model.is_chat and not (model.shutdown_date and model.shutdown_date <= today)
    ]
    names = {model.name for model in chat_models}

    def rank(model: Model) -> tuple[object, ...]:
        snapshot = _SNAPSHOT.match(model.name)
        is_dated = snapshot is not None and snapshot[1] in names
        price = pricing.cost(model.name, *_TYPICAL_TOKENS, is_offline=False)
        ending = -model.shutdown_date.toordinal() if model.shutdown_date else 0
        unsettled = bool(_PRERELEASE.search(model.name.lower()))
        return (model.shutdown_date is not None, ending, unsettled, is_dated, not price, price or 0.0, model.name)

    return min(chat_models, key=rank).name if chat_models else ""


def embedding_models(models: list[Model]) -> list[str]:
    """Return the names of models that compute vectors, by their names; all that do not chat if no name tells."""
    named = [
        model.name
        for model in models
        if _EMBEDDING_NAMES.search(model.name.lower()) and "rerank" not in model.name.lower()
    ]
    return named or [model.name for model in models if not model.is_chat] or [model.name for model in models]


async def resolve_model(provider: Provider, requested: str) -> str:
    """Return the requested model, or the provider's default model if none is requested; the offline model has only one.

    Returns an empty name if none is requested and the provider lists none that chats.
    """
    if requested and not provider.is_offline:
        return requested
    return default_model(await list_models(provider))


async def model_availability(provider: Provider, requested: str) -> tuple[bool, date | None]:
    """Return whether a requested model is missing from the provider's list, and its shutdown date.

    Returns (False, None) if the provider lists no models or no model is requested.
    """
    models = await list_models(provider)
    if provider.is_offline or not requested or not models:
        return False, None
    listed = next((model for model in models if model.name == requested), None)
    return listed is None, listed.shutdown_date if listed else None

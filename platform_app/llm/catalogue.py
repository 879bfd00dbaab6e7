"""Catalogue: the models of a provider, cached, and its default model."""

import re
import time
from dataclasses import dataclass
from datetime import date

from platform_app.clock import now
from platform_app.llm import client, pricing
from platform_app.llm.provider_errors import ModelFailure
from platform_app.llm.transport import Provider

KEPT_SECONDS = 60.0
_NO_CHAT = re.compile(
    r"embed|whisper|\btts|dall-e|image|moderation|audio|realtime|transcri|rerank|babbage|davinci|turbo-instruct|search"
    r"|\bsora|speech|voice|guard|\bocr|translate|-live\b|video|\bveo|imagen|computer-use|\bbge-|\be5-|\bclip|codex"
    r"|cyber|lyria"
)
_NO_CHAT_MODES = ("embedding", "image_generation", "audio_transcription", "audio_speech", "moderation", "rerank")
_UNSETTLED = re.compile(r"preview|experimental|(?:^|[-_.])(?:exp|beta|alpha|test|rc\d*)(?:[-_.:]|$)|^ft:|:free$")
_SNAPSHOT = re.compile(r"^(.+?)[-@:](?:\d{4}-\d{2}-\d{2}|20\d{6}|\d{4})(?=$|[-:])")
_TYPICAL = (3_000, 300)  # tokens of prompt and reply


@dataclass(frozen=True)
class Model:
    """A model of a provider; `ends` is the date on which it is switched off, if known."""

    name: str
    ends: date | None = None
    chats: bool = True


_listed: dict[Provider, tuple[float, list[Model]]] = {}


async def models(where: Provider) -> list[Model]:
    """Return the provider's models, requested at most once a minute; [] if it does not list any."""
    held = _listed.get(where)
    if held and time.monotonic() - held[0] < KEPT_SECONDS:
        return held[1]
    try:
        rows = {row["id"]: row for row in await client.listed(where)}
        found = [_model(name, rows[name]) for name in sorted(rows)][:500]
    except ModelFailure:
        found = []  # cached as well: a silent provider must not slow down every reply
    _listed[where] = (time.monotonic(), found)
    return found


def _model(name: str, row: dict[str, object]) -> Model:
    ends = None
    for key in ("shutdown_date", "deprecation_date", "retirement_date"):
        try:
            ends = ends or date.fromisoformat(str(row.get(key) or "")[:10])
        except ValueError:
            continue
    mode = row.get("mode") or row.get("type")
    chats = not _NO_CHAT.search(name.lower()) and str(mode).lower() not in _NO_CHAT_MODES
    return Model(name, ends, chats)


async def offered(where: Provider) -> list[str]:
    """Return the names of the provider's models, requested at most once a minute; [] if it does not list any."""
    return [model.name for model in await models(where)]


def usual(offers: list[Model] | list[str]) -> str:
    """Return the default model for agents that name none, "" if no model can chat.

    It can chat and is not switched off soon. Stable models come before previews, fine-tunes and dated snapshots, models
    with known prices before others, cheap ones before expensive ones, free trials last.
    """
    today = now().date()
    known = [one if isinstance(one, Model) else _model(one, {}) for one in offers]
    chatting = [one for one in known if one.chats and not (one.ends and one.ends <= today)]
    names = {one.name for one in chatting}

    def rank(one: Model) -> tuple[object, ...]:
        snapshot = _SNAPSHOT.match(one.name)
        is_dated = snapshot is not None and snapshot[1] in names
        price = pricing.cost(one.name, *_TYPICAL, is_offline=False)
        ending = -one.ends.toordinal() if one.ends else 0
        unsettled = bool(_UNSETTLED.search(one.name.lower()))
        return (one.ends is not None, ending, unsettled, is_dated, not price, price or 0.0, one.name)

    return min(chatting, key=rank).name if chatting else ""


async def model_for(where: Provider, wished: str) -> str:
    """Return the model to use: the wished one, or the provider's default; the offline model has only its own.

    Returns "" if the agent wishes none and the provider does not list its models.
    """
    if wished and not where.is_offline:
        return wished
    return usual(await models(where))


async def ending(where: Provider, wished: str) -> tuple[bool, date | None]:
    """Return whether a model is missing in the provider's list, and the date on which it is switched off, if known.

    Returns (False, None) for a provider that lists no models.
    """
    found = await models(where)
    if where.is_offline or not wished or not found:
        return False, None
    held = next((one for one in found if one.name == wished), None)
    return held is None, held.ends if held else None

"""Catalogue: the models that a provider offers, asked now and then."""

import re
import time

from platform_app.llm import client
from platform_app.llm.faults import ModelFailure
from platform_app.llm.wire import Provider

KEPT_SECONDS = 60.0
_USUAL = ("gpt-5-mini", "gpt-4.1-mini", "gpt-4o-mini")
_NO_TALK = re.compile(
    r"embed|whisper|tts|dall-e|image|moderation|audio|realtime|transcribe|rerank|babbage|davinci|instruct|search|sora"
)
_listed: dict[Provider, tuple[float, list[str]]] = {}


async def offered(where: Provider) -> list[str]:
    """Return the provider's models, asked at most once a minute; nothing when it does not say."""
    held = _listed.get(where)
    if held and time.monotonic() - held[0] < KEPT_SECONDS:
        return held[1]
    try:
        found = await client.models(where)
    except ModelFailure:
        found = []  # kept as well: a silent provider must not slow down every reply
    _listed[where] = (time.monotonic(), found)
    return found


def usual(names: list[str]) -> str:
    """Return the model for an agent that names none: a known small one, else the first that can talk."""
    talking = [name for name in names if not _NO_TALK.search(name.lower())]
    return next((name for name in _USUAL if name in names), next(iter(talking or names), ""))


async def model_for(where: Provider, wished: str) -> str:
    """Return the model that answers: the wished one, or the provider's usual one. The offline model knows only its own.

    The name is empty when the agent wishes none and the provider does not say which it has.
    """
    if wished and not where.is_offline:
        return wished
    return usual(await offered(where))

"""Transcription: turns recordings into text at a provider that has a model for it."""

import asyncio
import re
import time
from dataclasses import replace
from typing import Any

from platform_app.llm import catalogue, model_limitations
from platform_app.llm.model_request import ModelResult
from platform_app.llm.provider_errors import (
    PROVIDER_ERRORS,
    FailureReason,
    ModelFailure,
    error_status,
    error_text,
    refusal_cause,
    to_model_failure,
)
from platform_app.llm.refusal_causes import RefusalCause
from platform_app.llm.retry_delays import MAX_ATTEMPTS, retry_delay
from platform_app.llm.transport import Provider, provider_client

MAX_SECONDS = 90.0  # that a recording may take, with its retries
MAX_CHARS = 8_000  # of a transcript; a longer one is cut
_NAMES = re.compile(r"whisper|transcri")
_OTHER_NAMES = re.compile(r"realtime|live|diariz|translat|tts")
_OF_THE_FILE = re.compile(r"\bfile|audio|format|duration|corrupt|decod|too (short|long|large)", re.IGNORECASE)
_CAUSES = (RefusalCause.MODEL, RefusalCause.ADDRESS, RefusalCause.NOT_CHAT)


async def find_model(provider: Provider) -> str:
    """Return the name of a provider's model for recordings, "" if it has none or has refused it lately.

    It is the one that its settings name, else that of its list with the shortest name.
    """
    if provider.is_offline:
        return ""
    listed = [] if provider.transcription_model else await catalogue.model_names(provider)
    suited = [name for name in listed if _NAMES.search(name.lower()) and not _OTHER_NAMES.search(name.lower())]
    name = provider.transcription_model or min(suited, key=lambda name: (len(name), name), default="")
    return "" if model_limitations.known_limitations(provider, name).no_transcription else name


async def transcribe(provider: Provider, model: str, name: str, content: bytes, *, result: ModelResult) -> None:
    """Fill in the text of a recording and what the provider counts; the ending of its `name` says what it is.

    Temporary errors are retried within MAX_SECONDS. Raises ModelFailure if there is no text; that the provider does
    not transcribe is remembered.
    """
    started = time.monotonic()
    try:
        async with asyncio.timeout(MAX_SECONDS):
            answer = await _request(provider, model, name, content, result=result)
    except PROVIDER_ERRORS as error:
        if _refuses_all(error):
            known = model_limitations.known_limitations(provider, model)
            model_limitations.remember(provider, model, replace(known, no_transcription=True))
            raise ModelFailure(FailureReason.NO_TRANSCRIPTION, type(error).__name__) from error
        raise to_model_failure(error, has_text=False) from error
    finally:
        result.total_ms = round((time.monotonic() - started) * 1000)
    text = answer.get("text") if isinstance(answer, dict) else answer
    if not isinstance(text, str):
        raise ModelFailure(FailureReason.INVALID_RESPONSE, type(text).__name__)
    result.text = text.strip()[:MAX_CHARS]
    _count(answer.get("usage") if isinstance(answer, dict) else None, result)


async def _request(provider: Provider, model: str, name: str, content: bytes, *, result: ModelResult) -> Any:
    client = await provider_client(provider)
    while True:
        result.attempts, result.requests = result.attempts + 1, result.requests + 1
        try:
            return await client.post(
                "/audio/transcriptions",
                cast_to=object,
                body={"model": model, "response_format": "json"},
                files=[("file", (name, content))],
                options={"headers": {"Content-Type": "multipart/form-data"}, "timeout": MAX_SECONDS},
            )
        except PROVIDER_ERRORS as error:
            pause = retry_delay(error, result.attempts)
            if pause is None or result.attempts >= MAX_ATTEMPTS or _refuses_all(error):
                raise
            await asyncio.sleep(pause)


def _refuses_all(error: Exception) -> bool:
    """Return whether a provider refuses every recording, and not this one because of what it holds."""
    status = error_status(error)
    if status in (404, 405, 501):
        return True
    if status not in (400, 415, 422):
        return False
    return refusal_cause(error) in _CAUSES or not _OF_THE_FILE.search(error_text(error))


def _count(usage: Any, result: ModelResult) -> None:
    """Fill in tokens or seconds, where the provider counts them."""
    if not isinstance(usage, dict):
        return
    for name, key in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        if isinstance(usage.get(key), int) and not isinstance(usage[key], bool):
            setattr(result, name, usage[key])
    if isinstance(usage.get("seconds"), int | float):
        result.seconds = min(max(float(usage["seconds"]), 0.0), 86_400.0)

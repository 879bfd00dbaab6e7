"""Transcription: turns recordings into text at a provider that has a model for it."""

import asyncio
import math
import re
import time
from hashlib import sha256
from typing import Any

from platform_app.llm import catalogue
from platform_app.llm.model_request import ModelResult
from platform_app.llm.model_spans import model_attributes
from platform_app.llm.provider_errors import (
    PROVIDER_ERRORS,
    FailureReason,
    ModelFailure,
    error_body,
    error_status,
    error_text,
    refusal_cause,
    to_model_failure,
)
from platform_app.llm.refusal_causes import RefusalCause
from platform_app.llm.retry_delays import MAX_ATTEMPTS, retry_delay
from platform_app.llm.transport import Provider, provider_client
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind

MAX_SECONDS = 90.0  # that a recording may take, with its retries
MAX_CHARS = 8_000  # of a transcript; a longer one is cut
_NAMES = re.compile(r"whisper|transcri")
_OTHER_NAMES = re.compile(r"realtime|live|diariz|translat|tts")
_OF_THE_FILE = re.compile(
    r"\bfile|audio|media|format|codec|duration|corrupt|decod|empty|too (short|long|large)", re.IGNORECASE
)
REFUSED_SECONDS = 6 * 3600.0  # for which a refusal of all recordings is believed
MAX_REFUSALS = 1_000  # that are remembered
_CAUSES = (RefusalCause.MODEL, RefusalCause.ADDRESS, RefusalCause.NOT_CHAT)


_Access = tuple[str, str, str]  # address, hash of the key, model: another key may be allowed more
_refusals: dict[_Access, float] = {}  # until when they are believed, in monotonic seconds


def forget_refusals() -> None:
    """Forget which providers refused recordings."""
    _refusals.clear()


def _access(provider: Provider, model: str) -> _Access:
    return provider.base_url, sha256(provider.api_key.encode()).hexdigest(), model


def _remember_refusal(provider: Provider, model: str) -> None:
    while len(_refusals) >= MAX_REFUSALS:
        _refusals.pop(next(iter(_refusals)), None)
    _refusals[_access(provider, model)] = time.monotonic() + REFUSED_SECONDS


async def find_model(provider: Provider) -> str:
    """Return the name of a provider's model for recordings, "" if it has none or has refused it lately.

    It is the one that its settings name, else that of its list with the shortest name.
    """
    if provider.is_offline:
        return ""
    listed = [] if provider.transcription_model else await catalogue.model_names(provider)
    suited = [name for name in listed if _NAMES.search(name.lower()) and not _OTHER_NAMES.search(name.lower())]
    name = provider.transcription_model or min(suited, key=lambda name: (len(name), name), default="")
    return "" if _refusals.get(_access(provider, name), 0.0) > time.monotonic() else name


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
            _remember_refusal(provider, model)
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
    with spans.span(f"transcription {model}", Kind.CLIENT, model_attributes(provider, "transcription", model)):
        return await _attempts(provider, model, name, content, result=result)


async def _attempts(provider: Provider, model: str, name: str, content: bytes, *, result: ModelResult) -> Any:
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
    if status not in (400, 422):
        return False
    body = error_body(error)
    text = str(body.get("message") or "") if isinstance(body, dict) and "message" in body else error_text(error)
    return refusal_cause(error) in _CAUSES or bool(text.strip() and not _OF_THE_FILE.search(text))


def _count(usage: Any, result: ModelResult) -> None:
    """Fill in tokens or seconds, where the provider counts them."""
    if not isinstance(usage, dict):
        return
    for name, key in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        if isinstance(usage.get(key), int) and not isinstance(usage[key], bool):
            setattr(result, name, usage[key])
    seconds = usage.get("seconds")
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds):
        result.seconds = min(max(float(seconds), 0.0), 86_400.0)

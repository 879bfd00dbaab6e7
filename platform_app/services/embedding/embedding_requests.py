"""Embedding requests: asks a tenant's model provider for vectors, and says in words why there are none."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

from platform_app.errors import Invalid, Unavailable
from platform_app.integrations import egress
from platform_app.llm.model_spans import model_attributes
from platform_app.llm.prompts import estimate_tokens
from platform_app.llm.provider_errors import FailureReason
from platform_app.llm.refusal_causes import RefusalCause, classify_refusal
from platform_app.llm.transport import Provider
from platform_app.rag.embedders import EmbedderRefused, EmbedderSilent, Vector, decode_vector
from platform_app.tracing import spans
from platform_app.tracing.spans import Kind

MAX_BYTES = 40_000_000  # of a response
MAX_DIMENSIONS = 8_192
MAX_PAUSE = 20.0  # seconds between two attempts
UNKNOWN_MODEL = "The provider doesn’t know this embedding model. Choose another."
NO_VECTORS = "The provider’s answer has no usable vectors. Choose an embedding model."
OTHER_SIZE = "The model’s vectors have another size now. Choose the model again."
REFUSED = "The provider refused to compute vectors with this model."
_RETRIED = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_SPLIT = (400, 413, 422)  # a provider may take fewer texts at once than were sent
_SENTENCES = {
    RefusalCause.QUOTA: FailureReason.QUOTA.value,
    RefusalCause.KEY: FailureReason.KEY.value,
    RefusalCause.REGION: FailureReason.REGION.value,
    RefusalCause.MODEL: UNKNOWN_MODEL,
    RefusalCause.ADDRESS: FailureReason.ADDRESS.value,
}


@dataclass
class Embedded:
    """Vectors of length 1, with the tokens that the provider counts, or an estimate of them."""

    vectors: list[Vector] = field(default_factory=list)
    tokens: int = 0
    requests: int = 0


class _TooMuchAtOnce(EmbedderRefused):
    """A request was refused, perhaps because it has too many texts."""


def embed(provider: Provider, model: str, texts: Sequence[str], *, seconds: float, attempts: int = 1) -> Embedded:
    """Return the vectors of texts; a request that is refused is divided until it has one text.

    `seconds` is the time for each request. Raises EmbedderRefused if another attempt would not help, Unavailable if the
    provider does not answer.
    """
    try:
        with spans.span(f"embeddings {model}", Kind.CLIENT, model_attributes(provider, "embeddings", model)) as span:
            embedded = _with_retries(provider, model, texts, seconds=seconds, attempts=attempts)
            span.set("gen_ai.usage.input_tokens", embedded.tokens)
            span.set("gen_ai.embeddings.dimension.count", len(embedded.vectors[0]) if embedded.vectors else None)
            return embedded
    except _TooMuchAtOnce:
        if len(texts) == 1:
            raise
        half, whole = len(texts) // 2, Embedded()
        for part in (texts[:half], texts[half:]):
            some = embed(provider, model, part, seconds=seconds, attempts=attempts)
            whole.vectors += some.vectors
            whole.tokens, whole.requests = whole.tokens + some.tokens, whole.requests + some.requests
        return whole


def _with_retries(provider: Provider, model: str, texts: Sequence[str], *, seconds: float, attempts: int) -> Embedded:
    for attempt in range(1, attempts + 1):
        try:
            body = post(
                provider, "embeddings", {"model": model, "input": list(texts), "encoding_format": "float"}, seconds
            )
            return Embedded(_vectors(body, len(texts)), _tokens(body, texts), attempt)
        except EmbedderSilent as error:
            if attempt == attempts:
                raise
            time.sleep(min(0.5 * 2.0**attempt if error.delay is None else error.delay, MAX_PAUSE))
    raise AssertionError("there is at least one attempt")


def post(provider: Provider, path: str, body: dict[str, Any], seconds: float) -> Any:
    """Post to a path below a provider's address; return the parsed body, for which there are `seconds` in all.

    Raises EmbedderRefused if another attempt would not help, EmbedderSilent if the provider does not answer.
    """
    end, content = time.monotonic() + seconds, bytearray()
    headers = {"authorization": f"Bearer {provider.api_key}", "accept-encoding": "identity"}
    address = f"{provider.base_url.rstrip('/')}/{path}"
    try:
        with egress.kept_client().stream("POST", address, json=body, headers=headers, timeout=seconds) as answer:
            for piece in answer.iter_raw():
                content += piece
                if time.monotonic() > end:
                    raise EmbedderSilent(FailureReason.UNREACHABLE.value)
                if len(content) > MAX_BYTES:
                    raise EmbedderRefused(NO_VECTORS)
    except Invalid as error:
        raise EmbedderRefused(error.sentence) from error
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise EmbedderSilent(FailureReason.UNREACHABLE.value) from error
    if answer.status_code != httpx.codes.OK:
        raise _failure(answer, content.decode("utf-8", "replace"))
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EmbedderRefused(NO_VECTORS) from error


def _failure(answer: httpx.Response, text: str) -> Unavailable:
    """Return the error for a response that is not 200."""
    status, cause = answer.status_code, classify_refusal(answer.status_code, text)
    if status == 402 or (cause == RefusalCause.QUOTA and status < 500):
        return EmbedderRefused(FailureReason.QUOTA.value)
    if status in (401, 403) and cause not in (RefusalCause.REGION, RefusalCause.MODEL):
        return EmbedderRefused(FailureReason.KEY.value)
    if status in _RETRIED or status >= 500:
        asked = answer.headers.get("retry-after", "")
        is_busy = status in (429, 529)
        sentence = FailureReason.BUSY.value if is_busy else FailureReason.SERVER.value
        return EmbedderSilent(sentence, float(asked) if asked.isdecimal() else None)
    if status in _SPLIT and cause not in _SENTENCES:
        return _TooMuchAtOnce(REFUSED)
    if 300 <= status < 400 or status == 405:
        return EmbedderRefused(FailureReason.ADDRESS.value)
    known = _SENTENCES.get(cause) if cause else None
    return EmbedderRefused(known or (UNKNOWN_MODEL if status == 404 else REFUSED))


def _vectors(body: Any, count: int) -> list[Vector]:
    """Return the vectors in the order of the texts, each of length 1. Raises EmbedderRefused if one is none."""
    try:
        rows = list(body["data"])
        if all(isinstance(row.get("index"), int) for row in rows):
            rows.sort(key=lambda row: row["index"])
        vectors = np.asarray([decode_vector(row["embedding"]) for row in rows], dtype=np.float64)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise EmbedderRefused(NO_VECTORS) from error
    if vectors.ndim != 2 or len(vectors) != count or not 1 <= vectors.shape[1] <= MAX_DIMENSIONS:
        raise EmbedderRefused(NO_VECTORS)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise EmbedderRefused(NO_VECTORS)
    return [list(row) for row in (vectors / lengths).tolist()]


def _tokens(body: Any, texts: Sequence[str]) -> int:
    usage = body.get("usage") if isinstance(body, dict) else None
    counted = usage if isinstance(usage, dict) else {}
    for name in ("prompt_tokens", "total_tokens"):
        count = counted.get(name)
        if isinstance(count, int) and not isinstance(count, bool) and 0 < count < 1_000_000_000:
            return count
    return sum(estimate_tokens(text) for text in texts)

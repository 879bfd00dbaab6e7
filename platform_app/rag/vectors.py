"""Vectors: hashed lexical vectors of chunks in a Chroma server, one collection for a tenant and embedder."""

import hashlib
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog

from platform_app.config import settings
from platform_app.errors import Unavailable
from platform_app.rag.terms import grams, words

log = structlog.get_logger()
T = TypeVar("T")
DIMS = 2048
EMBEDDER = "lexhash1"
BATCH = 250
QUERY_SECONDS = 2.0
WRITE_SECONDS = 30.0
_pool = ThreadPoolExecutor(8, thread_name_prefix="chroma")
_silent_until = 0.0


@lru_cache(maxsize=200_000)
def _place(gram: str) -> tuple[int, float]:
    digest = int.from_bytes(hashlib.blake2b(gram.encode(), digest_size=8).digest(), "big")
    return digest % DIMS, 1.0 if digest >> 63 else -1.0


def _weigh(text: str, weight: Callable[[int], float]) -> list[float]:
    vector = [0.0] * DIMS
    for gram, count in Counter(gram for word in words(text) for gram in grams(word)).items():
        place, sign = _place(gram)
        vector[place] += sign * weight(count)
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def embed_passage(text: str) -> list[float]:
    """Return the vector of a passage: grams damped as BM25 damps repeated words."""
    return _weigh(text, lambda count: count * 2.2 / (count + 1.2))


def embed_question(text: str) -> list[float]:
    """Return the vector of a question: each gram once."""
    return _weigh(text, lambda count: 1.0)


@lru_cache
def _client(address: str) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    parts = urlsplit(address)
    return chromadb.HttpClient(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 8000,
        ssl=parts.scheme == "https",
        settings=ChromaSettings(anonymized_telemetry=False),
    )


def _bounded(work: Callable[[], T], seconds: float) -> T:
    """Run a call of Chroma's client, which has no deadline of its own, within one."""
    global _silent_until
    try:
        return _pool.submit(work).result(seconds)
    except Exception as error:  # the client raises ValueError, httpx and its own errors for an absent server
        if isinstance(error, TooSlow):
            _silent_until = time.monotonic() + 5
        log.warning("vector index does not answer", error=type(error).__name__)
        raise Unavailable("The vector index does not answer. It is tried again.") from error


def _collection(tenant_id: str, *, make: bool) -> Any:
    address = settings().chroma_url or "http://127.0.0.1:8001"
    name = re.sub(r"[^a-zA-Z0-9]", "", f"t{tenant_id}") + f"-{EMBEDDER}"
    client = _client(address)
    if make:
        return client.get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
    return client.get_collection(name, embedding_function=None)


def put(tenant_id: str, source_id: str, rows: list[tuple[str, str]]) -> None:
    """Write the vectors of chunks, given as id and text. Writing them again changes nothing."""
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        vectors = [embed_passage(text) for _, text in part]

        def write(part: list[tuple[str, str]] = part, vectors: list[list[float]] = vectors) -> None:
            ids = [chunk_id for chunk_id, _ in part]
            _collection(tenant_id, make=True).upsert(
                ids=ids, embeddings=vectors, metadatas=[{"source": source_id} for _ in ids]
            )

        _bounded(write, WRITE_SECONDS)


def drop(tenant_id: str, chunk_ids: list[str]) -> None:
    """Take the vectors of chunks away."""
    for start in range(0, len(chunk_ids), BATCH):
        part = chunk_ids[start : start + BATCH]

        def remove(part: list[str] = part) -> None:
            _collection(tenant_id, make=True).delete(ids=part)

        _bounded(remove, WRITE_SECONDS)


def search(tenant_id: str, question: str, limit: int) -> list[tuple[str, float]]:
    """Return chunk ids with their cosine similarity, best first. Raises Unavailable within two seconds."""
    if time.monotonic() < _silent_until:
        raise Unavailable("The vector index does not answer. It is tried again.")
    vector = embed_question(question)

    def ask() -> list[tuple[str, float]]:
        from chromadb.errors import NotFoundError

        try:
            collection = _collection(tenant_id, make=False)
        except NotFoundError:
            return []
        found = collection.query(query_embeddings=[vector], n_results=limit, include=["distances"])
        return [(i, 1 - float(d)) for i, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    try:
        return _bounded(ask, QUERY_SECONDS)
    except Unavailable:
        if time.monotonic() < _silent_until:
            raise
        return _bounded(ask, QUERY_SECONDS / 2)  # a collection's very first write can fail one query

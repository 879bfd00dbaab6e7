"""Vector index: vectors of chunks in a Chroma server, one collection for each tenant and version of the embedder."""

import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import structlog

from platform_app.config import settings
from platform_app.errors import Unavailable
from platform_app.rag import embedders
from platform_app.rag.embedders import HASHED, Embedder

log = structlog.get_logger()
T = TypeVar("T")
BATCH = 250  # most vectors in one call
FIRST_BATCH = 50
BATCH_SECONDS = 1.0  # what one call is to take; its size follows
APART = 0.01  # length of what is added to each vector, so that no two are equal
QUERY_SECONDS = 2.0
WRITE_SECONDS = 30.0
_LISTED = 500  # collections of one call
_pool = ThreadPoolExecutor(8, thread_name_prefix="chroma")
_writers = ThreadPoolExecutor(4, thread_name_prefix="chroma-writes")  # slow writes keep no question waiting
_silent_until = 0.0

# With the defaults a quarter of 400 texts that differ in a word or two could not be reached from their own vectors.
_GRAPH: Any = {"space": "cosine", "max_neighbors": 64, "ef_construction": 200, "ef_search": 200}


def perturb(vector: list[float], chunk_id: str) -> list[float]:
    """Return a vector shifted slightly in a direction of its chunk's own.

    Equal vectors make the index's graph degenerate: 400 of them took 30 s for a batch of 50 and hid each other; shifted
    ones take 0.1 s and are all found. A cosine changes by 0.00005.
    """
    seed = int.from_bytes(hashlib.blake2b(chunk_id.encode(), digest_size=8).digest(), "big")
    moved = np.asarray(vector) + np.random.default_rng(seed).normal(0, APART / math.sqrt(len(vector)), len(vector))
    return list((moved / np.linalg.norm(moved)).tolist())


def _opened() -> Any:
    """Return the client of the configured server."""
    own = settings()
    return _client(own.chroma_url or "http://127.0.0.1:8001", own.chroma_token.get_secret_value())


@lru_cache
def _client(address: str, token: str = "") -> Any:
    """Return a client; with a token its collections are in a Chroma tenant whose name is derived from it.

    Chroma has had no sign-in since 1.0, but tenants whose names a server does not list: without the token nothing can
    be found, read or changed. A proxy in front that requires a token receives it too.
    """
    import chromadb
    from chromadb.config import DEFAULT_TENANT
    from chromadb.config import Settings as ChromaSettings

    parts = urlsplit(address)
    place: dict[str, Any] = {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 8000,
        "ssl": parts.scheme == "https",
        "headers": {"Authorization": f"Bearer {token}"} if token else None,
    }
    space = f"platform-{hashlib.sha256(token.encode()).hexdigest()}" if token else DEFAULT_TENANT
    if token:
        _make_space(space, place)
    return chromadb.HttpClient(**place, tenant=space, settings=ChromaSettings(anonymized_telemetry=False))


def _make_space(space: str, place: dict[str, Any]) -> None:
    """Create the Chroma tenant if it is missing, and delete collections stored before there was a token."""
    import chromadb
    from chromadb.config import DEFAULT_DATABASE
    from chromadb.config import Settings as ChromaSettings
    from chromadb.errors import ChromaError, NotFoundError

    open_to_all = chromadb.HttpClient(**place, settings=ChromaSettings(anonymized_telemetry=False))
    admin: Any = chromadb.AdminClient(open_to_all.get_settings())
    try:
        admin.get_tenant(space)
        admin.get_database(DEFAULT_DATABASE, space)
        return
    except NotFoundError:
        pass
    for make in (partial(admin.create_tenant, space), partial(admin.create_database, DEFAULT_DATABASE, space)):
        with suppress(ChromaError):  # another process was first
            make()
    for row in open_to_all.list_collections():
        if row.name.endswith(f"-{HASHED}"):
            open_to_all.delete_collection(row.name)


class IndexLost(Unavailable):
    """The tenant's collection is missing, or its vectors have another size: it has to be rebuilt."""

    def __init__(self) -> None:
        super().__init__("Rebuilding the vector index.")


def _bounded(work: Callable[[], T], seconds: float, *, writes: bool = True) -> T:
    """Run a call of Chroma's client, which has no deadline, with one in seconds."""
    global _silent_until
    try:
        return (_writers if writes else _pool).submit(work).result(seconds)
    except IndexLost:
        raise
    except Exception as error:  # the client raises ValueError, httpx and its own errors for an absent server
        if isinstance(error, TooSlow) and not writes:
            _silent_until = time.monotonic() + 5
        log.warning("vector index does not answer", error=type(error).__name__)
        raise Unavailable("The vector index doesn’t answer. It is tried again.") from error


@contextmanager
def _collection(tenant_id: str, *, version: str = "", make: bool = False) -> Iterator[Any]:
    """Open the tenant's collection. Raises IndexLost if it is missing or not the one that was filled."""
    from chromadb.errors import InvalidArgumentError, NotFoundError

    client, name = _opened(), _name(tenant_id, version)
    try:
        if make:
            yield client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": _GRAPH})
        else:
            yield client.get_collection(name, embedding_function=None)
    except NotFoundError as error:
        if make:  # not even the space is there: the server has lost its folder
            _client.cache_clear()
        raise IndexLost from error
    except InvalidArgumentError as error:
        if "dimension" not in str(error):
            raise
        raise IndexLost from error


def _name(tenant_id: str, version: str = "") -> str:
    return re.sub(r"[^a-zA-Z0-9]", "", f"t{tenant_id}") + f"-{version or embedders.configured().version}"


def clear(tenant_id: str, version: str = "") -> None:
    """Delete a tenant's collection of a version, or of the configured embedder.

    Raises Unavailable if the server does not answer.
    """
    from chromadb.errors import NotFoundError

    def remove() -> None:
        with suppress(NotFoundError):
            _opened().delete_collection(_name(tenant_id, version))

    _bounded(remove, WRITE_SECONDS)


def clear_all(tenant_id: str) -> int:
    """Delete a tenant's collections of every version; return how many vectors they held.

    Raises Unavailable if the server does not answer.
    """
    from chromadb.errors import NotFoundError

    prefix = _name(tenant_id, "-").removesuffix("-")

    def remove() -> int:
        count = 0
        for row in _collections(_opened()):
            if row.name.startswith(prefix):
                with suppress(NotFoundError):
                    count += row.count()
                    _opened().delete_collection(row.name)
        return count

    return _bounded(remove, WRITE_SECONDS)


def clear_others(tenant_id: str, kept: Set[str]) -> None:
    """Delete a tenant's collections of all versions but these. Raises Unavailable if the server does not answer."""
    from chromadb.errors import NotFoundError

    prefix, names = _name(tenant_id, "-").removesuffix("-"), {_name(tenant_id, version) for version in kept}

    def remove() -> None:
        for row in _collections(_opened()):
            if row.name.startswith(prefix) and row.name not in names:
                with suppress(NotFoundError):
                    _opened().delete_collection(row.name)

    _bounded(remove, WRITE_SECONDS)


def stored_ids(tenant_id: str, version: str) -> Iterator[list[str]]:
    """Yield the ids of the chunks that have a vector of a version, in parts; all are read before the first.

    Raises Unavailable if the server does not answer.
    """

    def ask() -> list[list[str]]:
        parts: list[list[str]] = []
        with _collection(tenant_id, version=version) as collection:
            while page := collection.get(include=[], limit=_LISTED, offset=len(parts) * _LISTED)["ids"]:
                parts.append(list(page))
        return parts

    with suppress(IndexLost):  # nothing was written
        yield from _bounded(ask, WRITE_SECONDS)


def _collections(client: Any) -> list[Any]:
    """Return every collection of a client, read in pages."""
    collections: list[Any] = []
    while page := client.list_collections(limit=_LISTED, offset=len(collections)):
        collections += page
    return collections


def put(
    tenant_id: str,
    source_id: str,
    rows: list[tuple[str, str]],
    *,
    embedder: Embedder | None = None,
    make: bool = True,
    skip_known: bool = False,
) -> None:
    """Write the vectors of chunks, given as id and text; writing them again changes nothing.

    `embedder` None means the configured one; `skip_known` omits existing vectors. Raises IndexLost if the collection is
    missing and `make` is false, Unavailable if the server or the embedder does not answer.
    """
    embedder = embedder or embedders.configured()
    version = embedder.version
    if skip_known and (known := _known(tenant_id, version, [chunk_id for chunk_id, _ in rows])):
        rows = [row for row in rows if row[0] not in known]
    size, start = FIRST_BATCH, 0
    while start < len(rows):
        part = rows[start : start + size]
        ids = [chunk_id for chunk_id, _ in part]
        embedded = embedder.passages([text for _, text in part])
        vectors = [perturb(vector, chunk_id) for chunk_id, vector in zip(ids, embedded, strict=True)]

        def write(ids: list[str] = ids, vectors: list[list[float]] = vectors) -> None:
            with _collection(tenant_id, version=version, make=make) as collection:
                collection.upsert(ids=ids, embeddings=vectors, metadatas=[{"source": source_id} for _ in ids])

        began = time.monotonic()
        _bounded(write, WRITE_SECONDS)
        took = max(0.01, time.monotonic() - began)
        start, size = start + len(part), max(5, min(BATCH, round(len(part) * min(2.0, BATCH_SECONDS / took))))


def _known(tenant_id: str, version: str, chunk_ids: list[str]) -> set[str]:
    """Return the ids of the chunks that have vectors."""

    def ask() -> set[str]:
        with _collection(tenant_id, version=version) as collection:
            return set(collection.get(ids=chunk_ids, include=[])["ids"])

    try:
        return _bounded(ask, WRITE_SECONDS) if chunk_ids else set()
    except IndexLost:
        return set()


def drop(tenant_id: str, chunk_ids: list[str], *, version: str = "") -> None:
    """Delete the vectors of chunks. Raises Unavailable if the server does not answer."""
    for start in range(0, len(chunk_ids), BATCH):
        part = chunk_ids[start : start + BATCH]

        def remove(part: list[str] = part) -> None:
            with _collection(tenant_id, version=version) as collection:
                collection.delete(ids=part)

        with suppress(IndexLost):
            _bounded(remove, WRITE_SECONDS)


def search(
    tenant_id: str,
    question: str,
    limit: int,
    *,
    before: Sequence[tuple[str, float]] = (),
    embedder: Embedder | None = None,
) -> list[tuple[str, float]]:
    """Return chunk ids with their cosine similarity, best first; `before` are texts that the question follows.

    Raises Unavailable if the server does not answer within two seconds, or the embedder within as many, IndexLost if
    there is no matching collection.
    """
    if time.monotonic() < _silent_until:
        raise Unavailable("The vector index doesn’t answer. It is tried again.")
    embedder = embedder or embedders.configured()
    vector = embedder.question(question, before)

    def ask() -> list[tuple[str, float]]:
        with _collection(tenant_id, version=embedder.version) as collection:
            answer = collection.query(query_embeddings=[vector], n_results=limit, include=["distances"])
        return [(i, 1 - float(d)) for i, d in zip(answer["ids"][0], answer["distances"][0], strict=True)]

    try:
        return _bounded(ask, QUERY_SECONDS, writes=False)
    except IndexLost:
        raise
    except Unavailable:
        if time.monotonic() < _silent_until:
            raise
        return _bounded(ask, QUERY_SECONDS / 2, writes=False)  # a collection's very first write can fail one query

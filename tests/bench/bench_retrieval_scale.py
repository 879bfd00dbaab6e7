"""Retrieval at size: time of a search against a bare query of Chroma, and the cost of a changed source.

`python -m tests.bench.bench_retrieval_scale 1000 10000`. Vectors are random: what they find is not measured here.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from platform_app.db import session_scope
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.rag import embedders, knowledge_state, lexical_updates, vector_index
from platform_app.rag.chunking import chunk_id
from platform_app.rag.embedders import Embedder, Vector
from platform_app.rag.retrieval import retrieve
from platform_app.table_statistics import update_statistics
from tests import shared
from tests.bench.bench_retrieval import servers
from tests.conftest import make_tenant

SIZES = (1_000, 10_000, 100_000)
OF_A_SOURCE = 50  # chunks
ROUNDS = 200
_random = random.Random(1)
_numbers = np.random.default_rng(1)


def random_vectors(texts: object) -> list[Vector]:
    """Return unit vectors that say nothing."""
    made = _numbers.normal(size=(len(list(texts)), 512))  # type: ignore[call-overload]
    return list((made / np.linalg.norm(made, axis=1, keepdims=True)).tolist())


def add_source(who: Identity, number: int, vocabulary: list[str], embedder: Embedder) -> None:
    """Index a source of OF_A_SOURCE chunks of 120 words, as a job does."""
    with session_scope(who.tenant_id) as session:
        source = Source(tenant_id=who.tenant_id, title=f"S{number}", file_name=f"S{number}", stored_as=f"S{number}")
        source.state, source.generation, source.chunk_count = SourceState.READY, 1, OF_A_SOURCE
        session.add(source)
        session.flush()
        rows = [
            (chunk_id(source.id, 1, place), " ".join(_random.choices(vocabulary, k=120)))
            for place in range(OF_A_SOURCE)
        ]
        own = {"tenant_id": who.tenant_id, "source_id": source.id, "generation": 1}
        session.add_all(Chunk(id=key, number=place, text=text, **own) for place, (key, text) in enumerate(rows))
        knowledge_state.increment_revision(session, who.tenant_id, source).embedder = embedder.version
    vector_index.put(who.tenant_id, source.id, rows, embedder=embedder)


def timed(work: Callable[[], object]) -> float:
    """Return how long something takes, in milliseconds."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def catch_up(who: Identity) -> None:
    with session_scope(who.tenant_id, read_only=True) as session:
        lexical_updates.catch_up(session, who.tenant_id, is_job=True)


def measure(chunks: int, vocabulary: list[str], questions: list[str]) -> None:
    who = make_tenant(f"size-{chunks}")
    real = embedders.configured()
    fake = Embedder(real.version, real.calibration, random_vectors, random_vectors)
    for number in range(chunks // OF_A_SOURCE):
        add_source(who, number, vocabulary, fake)
    built = timed(lambda: catch_up(who))
    update_statistics()
    retrieve(who.tenant_id, questions[0])
    bare = [timed(lambda: vector_index.search(who.tenant_id, "?", 50, embedder=fake)) for _ in range(ROUNDS)]
    whole = [timed(lambda text=text: retrieve(who.tenant_id, text)) for text in questions]
    changed = []
    for number in range(5):
        begun = time.perf_counter()
        add_source(who, chunks + number, vocabulary, fake)
        catch_up(who)
        retrieve(who.tenant_id, questions[number])
        changed.append((time.perf_counter() - begun) * 1000)
    figures = (statistics.median(bare), p95(bare), statistics.median(whole), p95(whole), max(changed), built)
    print(f"{chunks:8d}", *(f"{figure:9.1f}" for figure in figures), flush=True)


def p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(times, n=20)[18]


def main() -> None:
    """Measure at each size, or at those of the command line."""
    if not shared.has("eval/corpus.jsonl", "eval/queries.jsonl"):
        return
    vocabulary = [word for row in shared.rows("eval/corpus.jsonl") for word in row["text"].split()]
    questions = [row["text"] for row in shared.rows("eval/queries.jsonl")][:: 1026 // ROUNDS]
    print("milliseconds: Chroma alone p50, p95; a search p50, p95; a source added and found; lexical index built")
    with servers():
        for chunks in [int(size) for size in sys.argv[1:]] or SIZES:
            measure(chunks, vocabulary, questions)


if __name__ == "__main__":
    main()

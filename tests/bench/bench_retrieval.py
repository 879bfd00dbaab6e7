"""Retrieval measured: rank of the right passage in one language and across languages, and silence where there is none.

`make bench-retrieval`; reads the passages and questions that lie next to the repository.
"""

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from platform_app import db
from platform_app.db import session_scope
from platform_app.llm import prompts
from platform_app.llm.offline_answer import best_sentences
from platform_app.models.agent import AgentSettings
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.rag import knowledge_state, vector_index
from platform_app.rag.chunking import chunk_id, indexed_text
from platform_app.rag.retrieval import retrieve
from platform_app.rag.search_query import query_of
from platform_app.runtime import embedded_servers
from tests import shared
from tests.conftest import forget_process_state, free_port, make_tenant, server

LANGUAGES = ("en", "es", "ru")
TOP, FIRST = 10, 5  # of nDCG and of recall
STRANGE = 200  # questions of a language whose article is not there, at most


def fill(who: Identity, passages: list[tuple[str, str]]) -> None:
    """Index passages, given as id and text, each as a source of its own whose title says nothing."""
    with session_scope(who.tenant_id) as session:
        rows: dict[str, list[tuple[str, str]]] = {}
        sources = []
        for name, text in passages:
            source = Source(tenant_id=who.tenant_id, title="", file_name=name, stored_as=name)
            source.state, source.generation = SourceState.READY, 1
            session.add(source)
            sources.append(source)
            session.flush()
            key = chunk_id(source.id, 1, 0)
            own = {"tenant_id": who.tenant_id, "source_id": source.id, "generation": 1, "number": 0}
            session.add(Chunk(id=key, text=text, **own))
            rows[source.id] = [(key, indexed_text("", "", text))]
        vector_index.put(who.tenant_id, "", [row for of_source in rows.values() for row in of_source])
        knowledge_state.increment_revision(session, who.tenant_id, *sources)


def names_of(who: Identity) -> dict[str, str]:
    """Return the passage of each source."""
    with session_scope(who.tenant_id, read_only=True) as session:
        return {row.id: row.file_name for row in session.exec(db.owned(Source, who.tenant_id)).all()}


def rank(who: Identity, asked: list[tuple[str, str]]) -> str:
    """Return nDCG and recall for questions with the passage that answers them, and the time of a retrieval."""
    names, gains, took = names_of(who), list[float](), list[float]()
    for question, wanted in asked:
        begun = time.perf_counter()
        considered = [names[p.source_id] for p in retrieve(who.tenant_id, question).considered][:TOP]
        took.append((time.perf_counter() - begun) * 1000)
        gains.append(1 / math.log2(considered.index(wanted) + 2) if wanted in considered else 0.0)
    recall = sum(gain >= 1 / math.log2(FIRST + 1) for gain in gains) / len(gains)
    times = f"{statistics.median(took):7.1f} {statistics.quantiles(took, n=20)[18]:7.1f}"
    return f"{len(asked):9d} {statistics.mean(gains):8.3f} {recall:8.3f} {times}"


def silence(who: Identity, asked: list[str]) -> float:
    """Return the share of questions that the offline model finds no answer to in the passages that it is given."""
    return sum(not _sentences(who, question) for question in asked) / len(asked)


def _sentences(who: Identity, question: str) -> list[tuple[int, str]]:
    passages = [(p.number, p.source_title, p.heading, p.text) for p in retrieve(who.tenant_id, question).passages]
    facts = prompts.PromptContext(AgentSettings(name="Vera"), question=question, passages=passages)
    frame = prompts.build_messages(facts)[0]["content"].partition("<passages>\n")[2].partition("\n</passages>")[0]
    return best_sentences(query_of(question, []), frame)


def measure() -> None:
    corpus = list(shared.rows("eval/corpus.jsonl"))
    right = dict(line.split("\t")[:2] for line in shared.path("eval/qrels.tsv").read_text().splitlines()[1:])
    asked = {
        language: [(q["text"], right[q["_id"]]) for q in shared.rows("eval/queries.jsonl") if q["lang"] == language]
        for language in LANGUAGES
    }
    tenants = {language: make_tenant(f"whole-{language}") for language in LANGUAGES}
    for language, who in tenants.items():
        fill(who, [(row["_id"], row["text"]) for row in corpus if row["lang"] == language])
    print(f"{'':8} {'questions':>9} {'nDCG@10':>8} {'recall@5':>8} {'p50 ms':>7} {'p95 ms':>7}")
    for language in LANGUAGES:
        for other, who in tenants.items():
            wanted = [(text, key.replace(f"{language}-", f"{other}-", 1)) for text, key in asked[language]]
            print(f"{language} → {other}  {rank(who, wanted)}", flush=True)
    article = {row["_id"]: row["doc"] for row in corpus}
    for language in LANGUAGES:
        articles = sorted({row["doc"] for row in corpus if row["lang"] == language})
        half = make_tenant(f"half-{language}")
        fill(half, [(row["_id"], row["text"]) for row in corpus if row["doc"] in articles[::2]])
        strange = [text for text, key in asked[language] if article[key] in articles[1::2]][:STRANGE]
        print(
            f"silent where there is no answer, {language}: {silence(half, strange):.2f} of {len(strange)}", flush=True
        )


@contextmanager
def servers() -> Iterator[None]:
    """Start a Chroma and an offline model of this run's own, with an empty database."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        chroma, model = free_port(), free_port()
        os.environ |= {
            "PLATFORM_DATA_DIR": folder,
            "PLATFORM_CHROMA_URL": f"http://127.0.0.1:{chroma}",
            "PLATFORM_OFFLINE_URL": f"http://127.0.0.1:{model}/v1",
            "PLATFORM_REDIS_URL": "redis://127.0.0.1:1/0",
        }
        forget_process_state()
        db.SQLModel.metadata.create_all(db.engine())
        command = embedded_servers.chroma_command(Path(folder) / "chroma", chroma)
        encoder = [sys.executable, "-m", "platform_app.llm.offline_model", "--port", str(model)]
        for _ in server(command, os.environ["PLATFORM_CHROMA_URL"], "/api/v2/heartbeat"):
            for _ in server(encoder, os.environ["PLATFORM_OFFLINE_URL"], "/models"):
                yield


def main() -> None:
    """Measure with servers of this run's own."""
    if not shared.has("eval/corpus.jsonl", "eval/queries.jsonl", "eval/qrels.tsv"):
        return
    with servers():
        measure()


if __name__ == "__main__":
    main()

"""Retrieval measured: the right article among the passages, by words, by vectors and by both; and silence.

`python -m tests.bench.bench_retrieval`; reads the articles and questions that lie next to the repository.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import structlog

from platform_app import db
from platform_app.db import session_scope
from platform_app.llm import prompts
from platform_app.llm.offline_answer import best_sentences
from platform_app.models.agent import AgentSettings
from platform_app.models.knowledge import Chunk, Source, SourceState
from platform_app.models.person import Identity
from platform_app.rag import lexical_index, vector_index
from platform_app.rag.chunking import chunk_id, cut, indexed_text
from platform_app.rag.retrieval import LIMIT, retrieve
from platform_app.rag.search_query import query_of
from platform_app.runtime import embedded_servers
from tests import shared
from tests.conftest import forget_process_state, free_port, make_tenant, server

QUESTIONS = 400  # of a language, at most


def fill(who: Identity, articles: list[tuple[str, str]]) -> None:
    """Index articles, given as id and text, in both legs."""
    with session_scope(who.tenant_id) as session:
        for name, text in articles:
            source = Source(tenant_id=who.tenant_id, title=name, file_name=name, stored_as=name)
            source.state, source.generation = SourceState.READY, 1
            session.add(source)
            session.flush()
            rows = []
            for number, piece in enumerate(cut(text)):
                key = chunk_id(source.id, 1, number)
                rows.append((key, indexed_text("", piece.heading, piece.text)))
                session.add(
                    Chunk(
                        id=key,
                        tenant_id=who.tenant_id,
                        source_id=source.id,
                        generation=1,
                        number=number,
                        heading=piece.heading,
                        text=piece.text,
                    )
                )
            source.title = ""  # the title is the answer here
            vector_index.put(who.tenant_id, source.id, rows)
        lexical_index.increment_revision(session, who.tenant_id)


def sources_of(who: Identity) -> tuple[dict[str, str], dict[str, str]]:
    """Return the article of each source and of each chunk."""
    with session_scope(who.tenant_id, read_only=True) as session:
        named = {row.id: row.file_name for row in session.exec(db.owned(Source, who.tenant_id)).all()}
        chunks = {row.id: named[row.source_id] for row in session.exec(db.owned(Chunk, who.tenant_id)).all()}
    return named, chunks


def recall(who: Identity, asked: list[tuple[str, str]]) -> str:
    """Return the shares of questions whose article is among the passages, and the time of both legs together."""
    named, chunks = sources_of(who)
    right = {"words": 0, "vectors": 0, "both": 0}
    took = []
    with session_scope(who.tenant_id, read_only=True) as session:
        index = lexical_index.index_of(session, who.tenant_id)
    for question, article in asked:
        right["words"] += article in {chunks[i] for i, _ in index.search(question, None, LIMIT)}
        right["vectors"] += article in {chunks[i] for i, _ in vector_index.search(who.tenant_id, question, LIMIT)}
        begun = time.perf_counter()
        found = retrieve(who.tenant_id, question, limit=LIMIT)
        took.append((time.perf_counter() - begun) * 1000)
        right["both"] += article in {named[p.source_id] for p in found.passages}
    shares = " ".join(f"{count / len(asked):8.3f}" for count in right.values())
    return f"{len(asked):9d} {shares} {statistics.median(took):8.1f} {statistics.quantiles(took, n=20)[18]:8.1f}"


def silence(who: Identity, asked: list[tuple[str, str]]) -> float:
    """Return the share of questions that the offline model finds no answer to in the passages that it is given."""
    return sum(not _sentences(who, question) for question, _ in asked) / len(asked)


def _sentences(who: Identity, question: str) -> list[tuple[int, str]]:
    passages = [(p.number, p.source_title, p.heading, p.text) for p in retrieve(who.tenant_id, question).passages]
    facts = prompts.PromptContext(AgentSettings(name="Vera"), question=question, passages=passages)
    frame = prompts.build_messages(facts)[0]["content"].partition("<passages>\n")[2].partition("\n</passages>")[0]
    return best_sentences(query_of(question, []), frame)


def measure() -> None:
    articles = [(row["lang"], row["_id"], row["text"]) for row in shared.rows("eval/docs.jsonl")]
    print(f"{'':4} {'questions':>9} {'words':>8} {'vectors':>8} {'both':>8} {'p50 ms':>8} {'p95 ms':>8} {'silent':>8}")
    for language in ("en", "es", "ru"):
        own = [(name, text) for of, name, text in articles if of == language]
        asked = shared.asked(language, QUESTIONS)
        whole, half = make_tenant(f"whole-{language}"), make_tenant(f"half-{language}")
        fill(whole, own)
        fill(half, own[::2])
        elsewhere = {name for name, _ in own[1::2]}
        strange = [(question, article) for question, article in asked if article in elsewhere]
        print(f"{language:4} {recall(whole, asked)} {silence(half, strange):8.2f}", flush=True)
    print("silent: share of questions without an answer there to which the offline model says nothing")


def main() -> None:
    """Measure with a Chroma of this run's own."""
    if not shared.has("eval/docs.jsonl", "eval/queries.jsonl", "eval/spans.tsv"):
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = embedded_servers.chroma_command(Path(folder) / "chroma", port)
        os.environ |= {
            "PLATFORM_DATA_DIR": folder,
            "PLATFORM_CHROMA_URL": f"http://127.0.0.1:{port}",
            "PLATFORM_REDIS_URL": "redis://127.0.0.1:1/0",
        }
        forget_process_state()
        db.SQLModel.metadata.create_all(db.engine())
        for _ in server(command, os.environ["PLATFORM_CHROMA_URL"], "/api/v2/heartbeat"):
            measure()


if __name__ == "__main__":
    main()

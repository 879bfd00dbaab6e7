"""Chunk rows: the stored chunks of a source as the vector index takes them, a few at a time."""

import hashlib
from collections.abc import Iterator

from platform_app.db import owned, session_scope
from platform_app.models.knowledge import Chunk, Source
from platform_app.rag.chunking import indexed_text

BATCH_SIZE = 200  # chunks in memory at once


def distinct_chunks(source: Source, generation: int) -> Iterator[list[tuple[str, str]]]:
    """Yield ids and texts of a generation's chunks in order; of chunks with equal texts only the first.

    Hundreds of equal vectors would make the graph of the index very slow and its members hard to reach.
    """
    seen: set[bytes] = set()
    after = -1
    while True:
        with session_scope(source.tenant_id, read_only=True) as session:
            query = owned(Chunk, source.tenant_id).where(
                Chunk.source_id == source.id, Chunk.generation == generation, Chunk.number > after
            )
            found = list(session.exec(query.order_by(Chunk.number).limit(BATCH_SIZE)).all())
        if not found:
            return
        after, rows = found[-1].number, []
        for chunk in found:
            text = indexed_text(source.title, chunk.heading, chunk.text)
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in seen:
                seen.add(key)
                rows.append((chunk.id, text))
        yield rows

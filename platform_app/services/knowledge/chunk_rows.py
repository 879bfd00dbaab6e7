"""Chunk rows: iterates over the stored chunks of a source in batches for the vector index."""

import hashlib
from collections.abc import Iterator

from platform_app.db import owned, session_scope
from platform_app.models.knowledge import Chunk, Source
from platform_app.rag.chunking import indexed_text

BATCH_SIZE = 200  # chunks in memory at once


def distinct_chunks(source: Source, generation: int) -> Iterator[list[tuple[str, str]]]:
    """Yield batches of (id, text) of a generation's chunks in order, without chunks of equal text.

    Hundreds of equal vectors would slow the graph of the index down and make its members hard to reach.
    """
    seen: set[bytes] = set()
    after = -1
    while True:
        with session_scope(source.tenant_id, read_only=True) as session:
            query = owned(Chunk, source.tenant_id).where(
                Chunk.source_id == source.id, Chunk.generation == generation, Chunk.number > after
            )
            chunks = list(session.exec(query.order_by(Chunk.number).limit(BATCH_SIZE)).all())
        if not chunks:
            return
        after, rows = chunks[-1].number, []
        for chunk in chunks:
            text = indexed_text(source.title, chunk.heading, chunk.text)
            key = hashlib.blake2b(text.encode(), digest_size=16).digest()
            if key not in seen:
                seen.add(key)
                rows.append((chunk.id, text))
        yield rows

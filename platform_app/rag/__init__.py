"""RAG: parses, chunks, indexes and retrieves knowledge."""

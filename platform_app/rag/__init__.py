"""RAG: parse, chunk, index, retrieve."""

"""Fakes: outside systems over real sockets, each behaviour with its reference."""

"""Decompression: gzip, deflate and Brotli, piece by piece, so that memory use is bounded."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import brotli

MAX_PIECE_BYTES = 65_536  # decompressed at once


class _ZlibDecoder:
    """Decoder of gzip and deflate, also of deflate without its zlib header, which some servers send."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(47)  # detects gzip or zlib
        self._seen = b""

    def decompress(self, data: bytes) -> Iterator[bytes]:
        if len(self._seen) < 2:
            self._seen += data
        while data:
            try:
                yield self._inner.decompress(data, MAX_PIECE_BYTES)
            except zlib.error:
                if self._seen != data:
                    raise
                self._inner = zlib.decompressobj(-15)
                yield self._inner.decompress(data, MAX_PIECE_BYTES)
            if self._inner.eof:  # another member may follow
                data = self._inner.unused_data
                self._inner = zlib.decompressobj(47)
            else:
                data = self._inner.unconsumed_tail


class _BrotliDecoder:
    """Decoder of Brotli."""

    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def decompress(self, data: bytes) -> Iterator[bytes]:
        yield self._inner.process(data, output_buffer_limit=MAX_PIECE_BYTES)
        while not self._inner.can_accept_more_data():
            yield self._inner.process(b"", output_buffer_limit=MAX_PIECE_BYTES)


_DECODERS: dict[str, Any] = {
    "gzip": _ZlibDecoder,
    "x-gzip": _ZlibDecoder,
    "deflate": _ZlibDecoder,
    "br": _BrotliDecoder,
}


async def decompress(parts: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield the decompressed parts of a body; `encoding` is its Content-Encoding.

    Raises ValueError if the encoding is unknown, if there are several, or if the data does not match it.
    """
    encodings = [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in ("", "identity")]
    if len(encodings) > 1 or any(name not in _DECODERS for name in encodings):
        raise ValueError("a response with an unknown content encoding")
    inner = _DECODERS[encodings[0]]() if encodings else None
    try:
        async for part in parts:
            if inner is None:
                yield part
                continue
            for piece in inner.decompress(part):
                yield piece
    except (zlib.error, brotli.error) as error:
        raise ValueError("a response that does not match its content encoding") from error

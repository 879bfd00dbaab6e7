"""Decompression: decodes gzip, deflate and Brotli in pieces of bounded size."""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import brotli

PIECE = 65_536  # bytes unpacked at once


class _Zlib:
    """gzip and deflate; some servers send deflate without its header."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(47)  # finds out itself which of the two
        self._seen = b""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        if len(self._seen) < 2:
            self._seen += data
        while data:
            try:
                yield self._inner.decompress(data, PIECE)
            except zlib.error:
                if self._seen != data:
                    raise
                self._inner = zlib.decompressobj(-15)
                yield self._inner.decompress(data, PIECE)
            if self._inner.eof:  # another member may follow
                data = self._inner.unused_data
                self._inner = zlib.decompressobj(47)
            else:
                data = self._inner.unconsumed_tail


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def unpack(self, data: bytes) -> Iterator[bytes]:
        yield self._inner.process(data, output_buffer_limit=PIECE)
        while not self._inner.can_accept_more_data():
            yield self._inner.process(b"", output_buffer_limit=PIECE)


_KINDS: dict[str, Any] = {"gzip": _Zlib, "x-gzip": _Zlib, "deflate": _Zlib, "br": _Brotli}


async def unpacked(parts: AsyncIterator[bytes], packing: str) -> AsyncIterator[bytes]:
    """Yield decompressed pieces. `packing` is a Content-Encoding.

    Raises ValueError if it is unknown or does not fit.
    """
    kinds = [one.strip().lower() for one in packing.split(",") if one.strip().lower() not in ("", "identity")]
    if len(kinds) > 1 or any(kind not in _KINDS for kind in kinds):
        raise ValueError("an answer packed in an unknown way")
    inner = _KINDS[kinds[0]]() if kinds else None
    try:
        async for part in parts:
            if inner is None:
                yield part
                continue
            for piece in inner.unpack(part):
                yield piece
    except (zlib.error, brotli.error) as error:
        raise ValueError("an answer that is not packed as it says") from error

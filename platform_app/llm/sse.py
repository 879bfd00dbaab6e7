"""Server-sent events: decodes a provider's response, tolerant of line ends, framing and field names."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

from platform_app.llm.provider_errors import FailureReason, ModelFailure, ProviderError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELDS = ("data", "event", "id", "retry")


class StreamSignal(Enum):
    """What a stream holds besides JSON."""

    KEEP_ALIVE = "keep-alive"  # a comment or an empty event
    DONE = "done"  # [DONE]


class _LineDecoder:
    """Splits bytes into lines; a line end may be split between two packets."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_return = False

    def feed(self, part: bytes) -> list[str]:
        if self._after_return and part.startswith(b"\n"):
            part = part[1:]
        self._after_return = part.endswith(b"\r")
        first, *others = _LINE_END.split(part)
        self._rest += first
        if not others:
            return []
        lines = [bytes(self._rest), *others[:-1]]
        self._rest = bytearray(others[-1])
        return [line.decode("utf-8", "replace") for line in lines]

    def rest(self) -> str:
        return bytes(self._rest).decode("utf-8", "replace")


class _EventDecoder:
    """Assembles lines into events. A JSON document in place of events counts as one event."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._name = ""
        self._document: list[str] = []
        self._is_first = True
        self.is_recognized = False  # some of it was an event or JSON

    def feed(self, line: str) -> Iterator[Any]:
        if self._is_first:
            line = line.removeprefix("\ufeff")
            self._is_first = not line.strip()
        if self._document:
            self._document.append(line)
        elif not line.strip():
            yield from self._dispatch()
        elif line.startswith(":"):
            self.is_recognized = True
            yield StreamSignal.KEEP_ALIVE
        elif line.lstrip()[0] in "{[" and not self._data:
            yield from self._feed_json(line)
        elif line.lstrip().startswith("<") and not self.is_recognized:
            raise ModelFailure(FailureReason.INVALID_RESPONSE, "a page")
        else:
            yield from self._feed_field(line)

    def finish(self) -> Iterator[Any]:
        yield from self._dispatch()
        if self._document:
            yield json.loads("\n".join(self._document))
        if not self.is_recognized and not self._is_first:
            raise ModelFailure(FailureReason.INVALID_RESPONSE, "neither events nor JSON")

    def _feed_json(self, line: str) -> Iterator[Any]:
        """Process a line of JSON without a field name."""
        self.is_recognized = True
        try:
            yield StreamSignal.DONE if line.strip() == "[DONE]" else json.loads(line)
        except ValueError:
            self._document.append(line)

    def _feed_field(self, line: str) -> Iterator[Any]:
        name, _, value = line.partition(":")
        if name.strip() not in _FIELDS:
            return
        self.is_recognized = True
        if name.strip() == "event":
            self._name = value.strip()
        elif name.strip() == "data":
            self._data.append(value.removeprefix(" "))
            if value.rstrip().endswith(("}", "]")) and (data := self._complete_data()) is not None:
                self._data, name = [], self._name
                yield _raise_for_error(name, data)  # some servers send no empty line between events

    def _complete_data(self) -> Any:
        """Return the data so far if it is a JSON object or [DONE], else None."""
        text = "\n".join(self._data).strip()
        if text.startswith("[DONE]"):
            return StreamSignal.DONE
        try:
            data = json.loads(text)
        except ValueError:
            return None
        return data if isinstance(data, dict) else None

    def _dispatch(self) -> Iterator[Any]:
        data, name = "\n".join(self._data).strip(), self._name
        is_there = bool(self._data or name)
        self._data, self._name = [], ""
        if data.startswith("[DONE]"):
            yield StreamSignal.DONE
        elif data and name == "error" and not data.startswith("{"):
            raise ProviderError(data)
        elif data:
            yield _raise_for_error(name, json.loads(data))
        elif is_there:
            yield StreamSignal.KEEP_ALIVE


def _raise_for_error(name: str, data: Any) -> Any:
    """Return the data of an event. Raises ProviderError if the event is named "error"."""
    if name == "error" and data is not StreamSignal.DONE:
        raise ProviderError(data.get("error") or data if isinstance(data, dict) else data)
    return data


async def decode_events(parts: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Yield the events of an answer: JSON values, StreamSignal.KEEP_ALIVE, and StreamSignal.DONE as the last one.

    Raises ValueError for broken JSON, ModelFailure if the body is neither events nor JSON, and ProviderError for an
    error event.
    """
    line_decoder, events = _LineDecoder(), _EventDecoder()
    async for part in parts:
        for line in line_decoder.feed(part):
            for event in events.feed(line):
                yield event
                if event is StreamSignal.DONE:
                    async for _ in parts:  # read to the end, so that the connection can be reused
                        pass
                    return
    for event in (*events.feed(line_decoder.rest()), *events.finish()):
        yield event

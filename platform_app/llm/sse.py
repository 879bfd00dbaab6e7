"""SSE: the events of a provider's answer, read from its bytes whatever their line ends, framing and labels."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from typing import Any

from platform_app.llm.provider_errors import Fault, ModelFailure, ProviderError

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELDS = ("data", "event", "id", "retry")


class Sign(Enum):
    """What an answer holds besides chunks."""

    ALIVE = "alive"  # a comment or an empty event: the server is there
    DONE = "done"  # the end, said in so many words


class _Lines:
    """Parts bytes into lines; a line end may be cut in two by the packets."""

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


class _Events:
    """Puts lines together to events. A whole JSON document instead of events is taken as one."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._name = ""
        self._document: list[str] = []
        self._is_first = True
        self.is_understood = False  # something of a stream or of JSON was there

    def take(self, line: str) -> Iterator[Any]:
        if self._is_first:
            line = line.removeprefix("\ufeff")
            self._is_first = not line.strip()
        if self._document:
            self._document.append(line)
        elif not line.strip():
            yield from self._dispatch()
        elif line.startswith(":"):
            self.is_understood = True
            yield Sign.ALIVE
        elif line.lstrip()[0] in "{[" and not self._data:
            yield from self._bare(line)
        elif line.lstrip().startswith("<") and not self.is_understood:
            raise ModelFailure(Fault.STRANGE, "a page")
        else:
            yield from self._field(line)

    def end(self) -> Iterator[Any]:
        yield from self._dispatch()
        if self._document:
            yield json.loads("\n".join(self._document))
        if not self.is_understood and not self._is_first:
            raise ModelFailure(Fault.STRANGE, "neither events nor JSON")

    def _bare(self, line: str) -> Iterator[Any]:
        """Take a line of JSON that no field name stands before."""
        self.is_understood = True
        try:
            yield Sign.DONE if line.strip() == "[DONE]" else json.loads(line)
        except ValueError:
            self._document.append(line)

    def _field(self, line: str) -> Iterator[Any]:
        name, _, value = line.partition(":")
        if name.strip() not in _FIELDS:
            return
        self.is_understood = True
        if name.strip() == "event":
            self._name = value.strip()
        elif name.strip() == "data":
            self._data.append(value.removeprefix(" "))
            if value.rstrip().endswith(("}", "]")) and (found := self._whole()) is not None:
                self._data, name = [], self._name
                yield _checked(name, found)  # not all servers part their events by an empty line

    def _whole(self) -> Any:
        """Return the data so far when it is a JSON object or the end; else nothing."""
        text = "\n".join(self._data).strip()
        if text.startswith("[DONE]"):
            return Sign.DONE
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _dispatch(self) -> Iterator[Any]:
        data, name = "\n".join(self._data).strip(), self._name
        is_there = bool(self._data or name)
        self._data, self._name = [], ""
        if data.startswith("[DONE]"):
            yield Sign.DONE
        elif data and name == "error" and not data.startswith("{"):
            raise ProviderError(data)
        elif data:
            yield _checked(name, json.loads(data))
        elif is_there:
            yield Sign.ALIVE


def _checked(name: str, found: Any) -> Any:
    """Return what an event brings. Raises ProviderError for one that is named an error."""
    if name == "error" and found is not Sign.DONE:
        raise ProviderError(found.get("error") or found if isinstance(found, dict) else found)
    return found


async def events(parts: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Yield the events of an answer: JSON values, Sign.ALIVE, and Sign.DONE as the last one.

    Raises ValueError for broken JSON, ModelFailure for what is no stream at all, ProviderError for an error event.
    """
    lines, found = _Lines(), _Events()
    async for part in parts:
        for line in lines.feed(part):
            for event in found.take(line):
                yield event
                if event is Sign.DONE:
                    async for _ in parts:  # to the end of the answer: its connection can be used again then
                        pass
                    return
    for event in (*found.take(lines.rest()), *found.end()):
        yield event

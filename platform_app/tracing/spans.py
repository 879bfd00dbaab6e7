"""Spans: timed parts of traces. Without a tracer they are NO_SPAN, and nothing of OpenTelemetry is imported."""

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from enum import StrEnum
from typing import Any, Protocol

Value = str | int | float | bool | Sequence[str]
Attributes = Mapping[str, Value | None]
TENANT, AGENT = "platform.tenant.id", "platform.agent.id"
CONVERSATION = "gen_ai.conversation.id"
MAX_CHARS = 300  # of an attribute: names, not texts
_MAX_INTEGER = 2**63 - 1  # that the protocol can hold; a larger one would lose the whole batch
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # of W3C Trace Context
_CANCELLED = ("CancelledError", "GeneratorExit")  # what a reader who leaves raises: no failure


class Kind(StrEnum):
    """What a span stands for, as OpenTelemetry names it."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"
    PRODUCER = "PRODUCER"
    CONSUMER = "CONSUMER"


class Recorder(Protocol):
    """What records one span; `tracer.py` has the one of OpenTelemetry."""

    traceparent: str
    trace_id: str
    span_id: str

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def rename(self, name: str) -> None:
        """Change the name."""

    def mark_failed(self) -> None:
        """Set the status to an error."""

    def end(self) -> None:
        """End the span now."""


class Tracer(Protocol):
    """What begins spans."""

    def begin(self, name: str, kind: Kind, parent: Recorder | None, traceparent: str) -> Recorder:
        """Begin a span within another one, or within that of another process."""


class Span:
    """A timed part of a trace. Attributes are cut to MAX_CHARS; None and "" are left out."""

    def __init__(self, recorder: Recorder | None, shared: Mapping[str, Value]) -> None:
        self._recorder = recorder
        self._shared = dict(shared)
        for name, value in self._shared.items():
            self.set(name, value)

    @property
    def recorder(self) -> Recorder | None:
        """What records the span; None for NO_SPAN."""
        return self._recorder

    @property
    def shared(self) -> Mapping[str, Value]:
        """The attributes that spans within this one have too."""
        return self._shared

    @property
    def traceparent(self) -> str:
        """The span as another process is told of it (W3C Trace Context), or ""."""
        return self._recorder.traceparent if self._recorder else ""

    @property
    def trace_id(self) -> str:
        """The id of the trace in hexadecimal digits, or ""."""
        return self._recorder.trace_id if self._recorder else ""

    @property
    def span_id(self) -> str:
        """The id of the span in hexadecimal digits, or ""."""
        return self._recorder.span_id if self._recorder else ""

    def set(self, name: str, value: Value | None) -> None:
        """Set an attribute. It must hold no text of people, prompts or documents."""
        if self._recorder is not None and (storable := _storable(value)) is not None:
            self._recorder.set(name, storable)

    def set_all(self, attributes: Attributes) -> None:
        """Set some attributes."""
        for name, value in attributes.items():
            self.set(name, value)

    def share(self, name: str, value: str) -> None:
        """Set an attribute here and on the spans that begin within this one from here on."""
        if self._recorder is not None and value and self._shared.get(name) != value:
            self._shared[name] = value
            self.set(name, value)

    def rename(self, name: str) -> None:
        """Change the name of the span."""
        if self._recorder is not None:
            self._recorder.rename(name[:MAX_CHARS])

    def fail(self, error: BaseException | str) -> None:
        """Mark the span as failed, with the class of an exception or a name of the kind of error, without its text."""
        kind = error if isinstance(error, str) else type(error).__name__
        if self._recorder is not None:
            self.set("error.type", kind)
            if kind not in _CANCELLED:
                self._recorder.mark_failed()

    def end(self) -> None:
        """End the span; it may end in another task than that in which it began."""
        if self._recorder is not None:
            self._recorder.end()

    def context(self) -> Context:
        """Return a copy of the current context in which this is the current span, for a new task."""
        context = copy_context()
        context.run(_current.set, self)
        return context


NO_SPAN = Span(None, {})
_current: ContextVar[Span] = ContextVar("span", default=NO_SPAN)
_tracer: Tracer | None = None


def set_tracer(tracer: Tracer | None) -> None:
    """Have spans begun by a tracer from here on; None: there are none."""
    global _tracer
    _tracer = tracer


def current() -> Span:
    """Return the current span of this task or thread, or NO_SPAN."""
    return _current.get()


def begin(
    name: str, kind: Kind = Kind.INTERNAL, attributes: Attributes | None = None, *, traceparent: str | None = None
) -> Span:
    """Begin a span within the current one, or within that of another process; the caller ends it.

    It does not become the current one, so that a generator may hold it.
    """
    if _tracer is None:
        return NO_SPAN
    parent = _current.get()
    remote = traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else ""
    made = Span(_tracer.begin(name[:MAX_CHARS], kind, None if remote else parent.recorder, remote), parent.shared)
    made.set_all(attributes or {})
    return made


@contextmanager
def span(
    name: str, kind: Kind = Kind.INTERNAL, attributes: Attributes | None = None, *, traceparent: str | None = None
) -> Iterator[Span]:
    """Make a span the current one within a block; an exception that leaves the block marks it as failed."""
    if _tracer is None:
        yield NO_SPAN
        return
    made = begin(name, kind, attributes, traceparent=traceparent)
    token = _current.set(made)
    try:
        yield made
    except BaseException as error:
        made.fail(error)
        raise
    finally:
        made.end()
        with suppress(ValueError):  # the block is left in another task: its context ends with it
            _current.reset(token)


def end_current() -> None:
    """End the current span, and have none in this task from here on: what follows lasts as long as a page is open."""
    _current.get().end()
    _current.set(NO_SPAN)


def incoming(headers: Mapping[str, str]) -> str | None:
    """Return the traceparent of a request, unless OTEL_PROPAGATORS does not name it."""
    if _tracer is None:
        return None
    accepted = os.environ.get("OTEL_PROPAGATORS", "").strip() or "tracecontext"
    return headers.get("traceparent") if "tracecontext" in accepted.split(",") else None


def add_trace_ids(logger: Any, method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the current span to a log line; a processor of structlog."""
    if (span := _current.get()).recorder is not None:
        entry.setdefault("trace_id", span.trace_id)
        entry.setdefault("span_id", span.span_id)
    return entry


def _storable(value: Value | None) -> Value | None:
    """Return a value that can be sent, or None."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value[:MAX_CHARS].encode("utf-8", "replace").decode()
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return min(max(value, -_MAX_INTEGER), _MAX_INTEGER)
    return [part[:MAX_CHARS].encode("utf-8", "replace").decode() for part in value]

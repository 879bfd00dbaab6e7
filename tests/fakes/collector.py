"""Collector: a server for traces by OTLP over HTTP, which parses what it is sent and answers with a status."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import wait_for
from tests.fakes.local_server import LocalServer


@dataclass
class CollectedSpan:
    """A span as the collector has read it."""

    name: str
    kind: int  # 2: server, 3: client, 4: producer, 5: consumer
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    is_failed: bool
    resource: dict[str, Any] = field(default_factory=dict)


class Collector:
    """Keeps the spans that are sent to it; `raw` holds the bodies, `gate` makes it wait before it answers."""

    def __init__(self) -> None:
        self.spans: list[CollectedSpan] = []
        self.raw: list[bytes] = []
        self.status = 200
        self.gate = Event()
        self.gate.set()
        self.server = LocalServer(_handler(self))
        self.address = self.server.address

    def named(self, name: str) -> CollectedSpan:
        """Return the one span with a name, once it is there."""
        (span,) = self.all_named(name, 1)
        return span

    def all_named(self, name: str, count: int) -> list[CollectedSpan]:
        """Return the spans with a name, once there are so many."""
        wait_for(lambda: sum(span.name == name for span in self.spans) >= count, seconds=10)
        return [span for span in self.spans if span.name == name]

    def path_of(self, span: CollectedSpan) -> list[str]:
        """Return the names of the spans within which one is, the innermost first."""
        by_id = {other.span_id: other for other in self.spans}
        names = []
        while (parent := by_id.get(span.parent_id)) is not None:
            names.append(parent.name)
            span = parent
        return names

    def take(self, body: bytes) -> None:
        """Keep the spans of a request."""
        self.raw.append(body)
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(resource_spans.resource.attributes)
            for scope in resource_spans.scope_spans:
                self.spans += [_read(span, resource) for span in scope.spans]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector for a block."""
    collector = Collector()
    try:
        yield collector
    finally:
        collector.gate.set()
        collector.server.close()


def _read(span: Any, resource: dict[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        is_failed=span.status.code == 2,
        resource=resource,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, kind)


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            collector.gate.wait(30)
            if collector.status == 200 and self.path == "/v1/traces":
                collector.take(body)
            self.send_response(collector.status if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler

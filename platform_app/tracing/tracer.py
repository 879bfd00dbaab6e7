"""Tracer: spans recorded by the SDK of OpenTelemetry. Imported only when traces are sent."""

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from platform_app.tracing.spans import Kind, Recorder, Value

_propagator = TraceContextTextMapPropagator()


class OtelRecorder:
    """Records one span."""

    def __init__(self, span: Span) -> None:
        self.span, known = span, span.get_span_context()
        self.trace_id, self.span_id = f"{known.trace_id:032x}", f"{known.span_id:016x}"
        self.traceparent = f"00-{self.trace_id}-{self.span_id}-{known.trace_flags & 1:02x}"

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""
        self.span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Change the name."""
        self.span.update_name(name)

    def mark_failed(self) -> None:
        """Set the status to an error."""
        self.span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End the span now."""
        self.span.end()


class OtelTracer:
    """Begins spans with the tracer of a provider that is not the global one: libraries trace nothing by it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, name: str, kind: Kind, parent: Recorder | None, traceparent: str) -> OtelRecorder:
        """Begin a span within another one, or within that of another process."""
        context = Context()
        if traceparent:
            context = _propagator.extract({"traceparent": traceparent}, context)
        elif isinstance(parent, OtelRecorder):
            context = set_span_in_context(parent.span, context)
        return OtelRecorder(self._tracer.start_span(name, context, SpanKind[kind.name]))

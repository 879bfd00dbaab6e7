"""Exporting: sends spans to a collector by OTLP over HTTP, as the standard variables OTEL_… say.

A batch processor with a bounded queue sends them from a thread of its own: a collector that is slow or down loses
spans, and keeps nobody waiting.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING

import structlog

from platform_app import __version__
from platform_app.clock import new_id
from platform_app.tracing import spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.get_logger()
STOP_SECONDS = 3.0  # for the last spans when the process ends
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"
_provider: "TracerProvider | None" = None


def is_wanted() -> bool:
    """Return whether the environment names a collector, or the exporter otlp, and does not turn the SDK off."""
    if _variable("OTEL_SDK_DISABLED").lower() == "true":
        return False
    exporters = [name.strip() for name in _variable("OTEL_TRACES_EXPORTER").split(",") if name.strip()]
    return "otlp" in exporters or (not exporters and any(map(_variable, _ENDPOINTS)))


def start(process: str) -> None:
    """Send the spans of this process from here on, if that is wanted; `process` is what it serves.

    Called in the process itself, after a fork. What keeps spans from being sent is logged, and ends nothing.
    """
    global _provider
    if _provider is not None or not is_wanted():
        return
    protocol = next(filter(None, map(_variable, _PROTOCOLS)), _HTTP)
    if protocol != _HTTP:
        log.error("traces are not sent: only the protocol http/protobuf is supported", protocol=protocol[:40])
        return
    _remove_empty_variables()
    try:
        _provider = _make_provider(process)
    except Exception as error:  # a variable that cannot be read, or a package that is not installed
        log.exception("traces are not sent: the exporter cannot be made", error=type(error).__name__)


def stop(seconds: float = STOP_SECONDS) -> None:
    """Send what is left, within some seconds, and begin no more spans."""
    global _provider
    provider, _provider = _provider, None
    spans.set_tracer(None)
    if provider is not None:
        ending = Thread(target=provider.shutdown, name="last spans", daemon=True)
        ending.start()
        ending.join(seconds)


@asynccontextmanager
async def sending_traces(process: str) -> AsyncIterator[None]:
    """Send the spans of this process, for the lifespan of an application."""
    start(process)
    try:
        yield
    finally:
        await asyncio.to_thread(stop)


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _remove_empty_variables() -> None:
    """Remove empty variables, which mean the same as none and which the SDK takes for wrong values."""
    for name in [name for name, value in os.environ.items() if name.startswith("OTEL_") and not value.strip()]:
        del os.environ[name]


def _make_provider(process: str) -> "TracerProvider":
    """Return a provider whose tracer is used for spans from here on."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from platform_app.tracing.tracer import OtelTracer

    own = {"service.version": __version__, "service.instance.id": new_id(), "platform.process": process}
    named = {} if _variable("OTEL_SERVICE_NAME") else {SERVICE_NAME: "gpt-agents"}
    resource = Resource.create({**named, **own})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_reporting(OTLPSpanExporter())))
    for library in ("opentelemetry.exporter", "opentelemetry.sdk"):  # it logs each batch that is lost
        logging.getLogger(library).setLevel(logging.CRITICAL)
    spans.set_tracer(OtelTracer(provider.get_tracer("platform_app", __version__)))
    return provider


def _reporting(exporter: "SpanExporter") -> "SpanExporter":
    """Return an exporter that logs once when spans are lost, and once when they are sent again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class ReportingExporter(SpanExporter):
        lost = 0

        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            result = exporter.export(spans)
            if result is SpanExportResult.SUCCESS:
                if self.lost:
                    log.info("traces are sent again", lost=self.lost)
                self.lost = 0
            else:
                if not self.lost:
                    log.warning("traces are lost: the collector does not take them")
                self.lost += len(spans)
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30_000) -> bool:
            return exporter.force_flush(timeout_millis)

    return ReportingExporter()

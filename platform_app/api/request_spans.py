"""Request spans: the span of a request, by the semantic conventions of HTTP, and of an operation of the API."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from platform_app.tracing import spans
from platform_app.tracing.spans import Kind, Span

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_PROBES = ("/healthz", "/health", "/readyz")


@contextmanager
def request_span(request: Request, route: str) -> Iterator[Span]:
    """Make the span of a request the current one; `route` is the template of its path, as a path may hold a secret.

    The probes of load balancers have none.
    """
    if route in _PROBES:
        yield spans.NO_SPAN
        return
    method = request.method if request.method in _METHODS else "_OTHER"
    attributes: spans.Attributes = {
        "http.request.method": method,
        "http.route": route,
        "url.scheme": request.url.scheme,
        "network.protocol.version": request.scope.get("http_version", ""),
    }
    with spans.span(f"{method} {route}", Kind.SERVER, attributes, traceparent=spans.incoming(request.headers)) as span:
        yield span


def set_route(span: Span, method: str, route: str) -> None:
    """Set the route of a request that was not known when its span began."""
    span.rename(f"{method} {route}")
    span.set("http.route", route)


def set_status(span: Span, status: int) -> None:
    """Set the status of the response; only one of 500 and above is a failure."""
    span.set("http.response.status_code", status)
    if status >= 500:
        span.fail(str(status))

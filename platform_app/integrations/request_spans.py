"""Request spans: a call to another system as a span: its server, method and status, never its path or query.

A path may hold a token (of a Telegram bot, of a webhook), and a query anything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from platform_app.tracing import spans
from platform_app.tracing.spans import Kind, Span


@contextmanager
def call_span(method: str, address: str) -> Iterator[Span]:
    """Make the span of a call the current one; a call that raises is a failure."""
    with spans.span(method, Kind.CLIENT) as span:
        if span is not spans.NO_SPAN:
            parts = urlsplit(address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            span.set_all({"http.request.method": method, "server.address": parts.hostname, "server.port": port})
        yield span


def set_status(span: Span, status: int) -> None:
    """Set the status of the response; one of 400 and above is a failure."""
    span.set("http.response.status_code", status)
    if status >= 400:
        span.fail(str(status))

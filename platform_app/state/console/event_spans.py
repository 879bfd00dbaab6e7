"""Event spans: the span of an event that a browser sends, while its handler runs.

A handler that begins to follow changes (`hub.subscribe`) ends its span there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from platform_app.tracing import spans
from platform_app.tracing.spans import Kind, Span


def event_span(function: Callable[..., Any]) -> AbstractContextManager[Span]:
    """Return the span of a handler, to be the current one while it runs."""
    attributes: spans.Attributes = {"network.protocol.name": "websocket", "code.function.name": function.__qualname__}
    return spans.span(f"event {function.__qualname__}", Kind.SERVER, attributes)

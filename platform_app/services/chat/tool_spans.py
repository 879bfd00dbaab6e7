"""Tool spans: the call of a tool as a span, by the semantic conventions for generative AI, without its arguments."""

from collections.abc import Iterator
from contextlib import contextmanager

from platform_app.models.tool_call import ToolCall
from platform_app.tracing import spans
from platform_app.tracing.spans import Span


@contextmanager
def tool_span(call: ToolCall) -> Iterator[Span]:
    """Make the span of a call that is being made the current one; its name must be that of a tool which exists."""
    attributes: spans.Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.call.id": call.call_id,
        "gen_ai.tool.type": "function",
        spans.CONVERSATION: call.conversation_id,
    }
    with spans.span(f"execute_tool {call.name}", attributes=attributes) as span:
        yield span
